//! JSON responses, ETags, and the conditional headers `If-Match` and `If-None-Match` (RFC 9110, 13).

use rocket::Request;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// What `If-Match` asks for (RFC 9110, 13.1.1): one of these versions, or any.
pub struct IfMatch {
    is_sent: bool,
    /// `None`: any.
    tags: Option<Vec<String>>,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfMatch {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let lists: Vec<_> = request.headers().get("If-Match").collect();
        let any = lists.is_empty() || lists.iter().any(|list| list.trim() == "*");
        let tags = || lists.iter().flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned());
        Outcome::Success(IfMatch { is_sent: !lists.is_empty(), tags: (!any).then(|| tags().collect()) })
    }
}

impl IfMatch {
    /// Fails unless the present version is one of those named. Returns the version that the change must still find;
    /// `None`: any.
    pub fn version(&self, present: i64) -> Result<Option<i64>> {
        match &self.tags {
            None => Ok(None),
            Some(tags) if tags.contains(&etag(present)) => Ok(Some(present)),
            Some(_) => Err(Error::PreconditionFailed),
        }
    }

    /// The same for PUT, which replaces everything and so must name what it replaces, if only by `*`.
    pub fn required(&self, present: i64) -> Result<Option<i64>> {
        if self.is_sent { self.version(present) } else { Err(Error::PreconditionRequired) }
    }
}

/// The entity tag of a version.
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

/// JSON with the headers that belong to it. `Prefer: return=minimal` (RFC 7240) leaves the body of a change out, and
/// `If-None-Match` (RFC 9110, 13.1.2) that of a read which has not changed.
pub struct JsonAnswer {
    status: Status,
    body: String,
    headers: Vec<(&'static str, String)>,
    /// Holds what cannot be asked for again.
    whole: bool,
    /// Changes without its version: the time is in it.
    live: bool,
}

impl JsonAnswer {
    /// 200 with this body.
    pub fn ok(body: &Value) -> JsonAnswer {
        JsonAnswer::text(body.to_string())
    }

    /// JSON that is written already.
    pub fn text(body: String) -> JsonAnswer {
        JsonAnswer { status: Status::Ok, body, headers: Vec::new(), whole: false, live: false }
    }

    /// 201 with `Location`.
    pub fn created(location: String, body: &Value) -> JsonAnswer {
        JsonAnswer::ok(body).with_location(location)
    }

    /// The same, as what was made: 201 with `Location`.
    pub fn with_location(mut self, location: String) -> JsonAnswer {
        self.status = Status::Created;
        self.with("Location", location)
    }

    /// The same with one more header.
    pub fn with(mut self, header: &'static str, value: String) -> JsonAnswer {
        self.headers.push((header, value));
        self
    }

    /// The body is sent despite `Prefer: return=minimal`: it holds what cannot be requested again, such as a token.
    pub fn whole(mut self) -> JsonAnswer {
        self.whole = true;
        self
    }

    /// Its content depends on more than its version, such as the time: it is never answered with 304.
    pub fn live(mut self) -> JsonAnswer {
        self.live = true;
        self
    }

    fn etag(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == "ETag").map(|(_, value)| value.as_str())
    }

    /// Of a read that has no version: a hash of what it holds.
    fn tag_body(&mut self) {
        let hash = Sha256::digest(self.body.as_bytes());
        let text: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        self.headers.push(("ETag", format!("\"{text}\"")));
    }
}

/// Whether `If-None-Match` names this tag, or any.
fn names(request: &Request<'_>, etag: &str) -> bool {
    let lists = request.headers().get("If-None-Match");
    let tags = lists.flat_map(|list| list.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    tags.into_iter().any(|tag| tag == "*" || tag == etag)
}

/// Whether the reader wants no body after a change.
fn prefers_minimal(request: &Request<'_>) -> bool {
    let mut preferences = request.headers().get("Prefer").flat_map(|list| list.split([',', ';']));
    preferences.any(|preference| preference.trim().eq_ignore_ascii_case("return=minimal"))
}

impl<'r> Responder<'r, 'static> for JsonAnswer {
    fn respond_to(mut self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build();
        let reads = matches!(request.method(), Method::Get | Method::Head);
        if reads && self.status == Status::Ok && !self.live {
            if self.etag().is_none() {
                self.tag_body();
            }
            if self.etag().is_some_and(|etag| names(request, etag)) {
                self.headers.retain(|(name, _)| *name == "ETag");
                self.status = Status::NotModified;
                self.body.clear();
            }
        } else if !reads && !self.whole && prefers_minimal(request) {
            response.header(Header::new("Preference-Applied", "return=minimal"));
            self.body.clear();
            if self.status == Status::Ok {
                self.status = Status::NoContent;
            }
        }
        if !self.body.is_empty() {
            response.header(ContentType::JSON).sized_body(self.body.len(), std::io::Cursor::new(self.body));
        }
        for (name, value) in self.headers {
            response.header(Header::new(name, value));
        }
        response.status(self.status).ok()
    }
}
