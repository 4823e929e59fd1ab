//! Request guards without domain logic.

use std::net::IpAddr;

use parking_lot::Mutex;
use rocket::Request;
use rocket::http::{Method, Status};
use rocket::request::{FromRequest, Outcome};

use crate::config::Config;
use crate::error::Error;

/// The reason for which a guard failed, told by the catcher.
#[derive(Default)]
pub struct Refused(Mutex<Option<Error>>);

impl Refused {
    /// Notes the reason and fails the guard.
    pub fn fail<S>(request: &Request<'_>, error: Error) -> Outcome<S, ()> {
        Outcome::Error(Refused::note(request, error))
    }

    /// Notes the reason: what a guard of whatever kind fails with.
    pub fn note(request: &Request<'_>, error: Error) -> (Status, ()) {
        let status = error.status().0;
        let noted = request.local_cache(Refused::default);
        *noted.0.lock() = Some(error);
        (status, ())
    }

    /// The reason why a guard failed, once.
    pub fn take(request: &Request<'_>) -> Option<Error> {
        request.local_cache(Refused::default).0.lock().take()
    }
}

/// What the reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiation {
    html: bool,
    api: bool,
}

impl Negotiation {
    /// What the `Accept` header and the path say.
    pub fn of(request: &Request<'_>) -> Negotiation {
        let accept = request.headers().get_one("Accept").unwrap_or("");
        Negotiation { html: accept.contains("text/html"), api: request.uri().path().starts_with("/api/") }
    }

    /// Whether to answer with HTML: the client accepts it, and the address is outside the API.
    pub fn wants_page(self) -> bool {
        self.html && !self.api
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Negotiation {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Negotiation::of(request))
    }
}

/// The address a request comes from, if it is known.
pub struct ClientAddress(pub Option<IpAddr>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for ClientAddress {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(ClientAddress(request.client_ip()))
    }
}

/// Scheme and host under which people reach this server, such as `https://forms.example.org`.
#[derive(Debug, Clone)]
pub struct WebHost(pub String);

impl WebHost {
    /// The setting `public_url`, or else the `Host` header.
    pub fn of(request: &Request<'_>) -> WebHost {
        if let Some(config) = request.rocket().state::<Config>()
            && !config.public_url.is_empty()
        {
            return WebHost(config.public_url.trim_end_matches('/').to_owned());
        }
        let host = request.headers().get_one("Host").unwrap_or("127.0.0.1:8000");
        WebHost(format!("http://{host}"))
    }

    /// People reach this server by https.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for WebHost {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(WebHost::of(request))
    }
}

/// An unsafe request comes from one of our own pages. Fetch Metadata first; browsers leave it out on
/// plain http, so `Origin` is the fallback. A request with neither is refused.
pub struct SameOrigin;

impl SameOrigin {
    /// 403 for an unsafe request of a foreign page.
    pub fn check(request: &Request<'_>) -> Result<(), Error> {
        if matches!(request.method(), Method::Get | Method::Head | Method::Options) {
            return Ok(());
        }
        let same = match request.headers().get_one("Sec-Fetch-Site") {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => request.headers().get_one("Origin").is_some_and(|origin| is_own(request, origin)),
        };
        if same { Ok(()) } else { Err(Error::Forbidden("This can only be done from Frontdesk's own pages.".into())) }
    }
}

fn is_own(request: &Request<'_>, origin: &str) -> bool {
    let host = request.headers().get_one("Host").unwrap_or("");
    let from = match origin.split_once("://") {
        Some(("http" | "https", host)) => host,
        _ => return false,
    };
    !from.is_empty() && (from == host || origin == WebHost::of(request).0)
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SameOrigin {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match SameOrigin::check(request) {
            Ok(()) => Outcome::Success(SameOrigin),
            Err(error) => Refused::fail(request, error),
        }
    }
}
