//! Permission as a parameter: a route that takes `Viewer`, `Staff` or `Owner` cannot forget the check.
//! The same guards refuse unsafe requests that do not come from our own pages, and tokens without the scope.

use std::net::IpAddr;

use rocket::Request;
use rocket::http::{Cookie, CookieJar, SameSite};
use rocket::request::{FromRequest, Outcome};

use super::account::{Account, Role};
use super::audit::Author;
use super::scopes::Areas;
use super::service::Accounts;
use super::session::{Browser, Credential, SignedIn};
use super::tokens;
use crate::error::{Error, Result};
use crate::web::{Identity, Refused, Revocation, SameOrigin, WebHost};

/// Somebody who may read.
pub struct Viewer(pub Account);
/// Somebody who may work with entries, records and queues.
pub struct Staff(pub Account);
/// Somebody who may do everything.
pub struct Owner(pub Account);
/// Anybody; the account if one is signed in. An unsafe request from a foreign page counts as anonymous, cookie or not.
pub struct Visitor(pub Option<Account>);

impl Viewer {
    /// The author of what they do, for the audit trail.
    pub fn author(&self) -> Author {
        (&self.0).into()
    }
}

impl Staff {
    /// The author of what they do, for the audit trail.
    pub fn author(&self) -> Author {
        (&self.0).into()
    }
}

impl Owner {
    /// The author of what they do, for the audit trail.
    pub fn author(&self) -> Author {
        (&self.0).into()
    }
}

impl Credential {
    /// The credential of a request: its API token, or else its cookie.
    pub fn of(request: &Request<'_>) -> Option<Credential> {
        match bearer_of(request).filter(|token| token.starts_with(tokens::PREFIX)) {
            Some(token) => Some(Credential::Token(token.to_owned())),
            None => cookie_of(request, SESSION).map(Credential::Session),
        }
    }
}

/// The token of `Authorization: Bearer` (RFC 6750); of an account, or the link of a place in a queue.
pub fn bearer_of<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    let (scheme, token) = request.headers().get_one("Authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

const SESSION: &str = "";
const KNOWN: &str = "-known";

/// A cookie's name: browsers refuse `__Host-` cookies on plain http.
fn cookie_name(host: &WebHost, which: &str) -> String {
    let prefix = if host.is_https() { "__Host-" } else { "" };
    format!("{prefix}frontdesk{which}")
}

fn cookie(which: &str, value: String, host: &WebHost) -> Cookie<'static> {
    Cookie::build((cookie_name(host, which), value))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(host.is_https())
        .path("/")
        .permanent()
        .build()
}

fn cookie_of(request: &Request<'_>, which: &str) -> Option<String> {
    let name = cookie_name(&WebHost::of(request), which);
    request.cookies().get(&name).map(|cookie| cookie.value().to_owned()).filter(|token| !token.is_empty())
}

fn accounts<'r>(request: &'r Request<'_>) -> Result<&'r Accounts> {
    request.rocket().state::<Accounts>().ok_or_else(|| Error::Internal("accounts are not managed".into()))
}

/// The account that asks. A token must have the scope that the address needs from somebody of this role.
async fn account(request: &Request<'_>, role: Role) -> Result<Option<Account>> {
    let account = recognised(request, role).await?;
    if let Some(account) = &account {
        Identity::note(request, format!("account {}", account.id));
    }
    Ok(account)
}

async fn recognised(request: &Request<'_>, role: Role) -> Result<Option<Account>> {
    match Credential::of(request) {
        None => Ok(None),
        Some(Credential::Session(token)) => accounts(request)?.recognise(&token).await,
        Some(Credential::Token(token)) => {
            let recognised = accounts(request)?.recognise_token(&token).await?;
            let (account, scopes) = recognised.ok_or(Error::Unauthenticated)?;
            let path = request.uri().path().as_str();
            let needed = request.rocket().state::<Areas>().and_then(|areas| areas.scope(path, role));
            match needed {
                Some(scope) if scopes.holds(scope) => Ok(Some(account)),
                Some(scope) => {
                    Err(Error::Forbidden(format!("This needs a token with the scope {}.", scope.name).into()))
                }
                None => Err(Error::Forbidden("Tokens open the API only, not this page.".into())),
            }
        }
    }
}

async fn at_least(request: &Request<'_>, role: Role) -> Result<Account> {
    let account = account(request, role).await?.ok_or(Error::Unauthenticated)?;
    if account.token.is_none() {
        SameOrigin::check(request)?;
    }
    if account.role < role {
        return Err(Error::Forbidden(format!("This needs the role {}.", role.name()).into()));
    }
    admit(request, &account)?;
    Ok(account)
}

/// Lets somebody in for as long as they are what they are now: what they are sent ends with it.
fn admit(request: &Request<'_>, account: &Account) -> Result<()> {
    if let Some(credential) = Credential::of(request) {
        let (accounts, role) = (accounts(request)?.clone(), account.role);
        Revocation::note(request, move || accounts.revoked(credential, role));
    }
    Ok(())
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Viewer {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        at_least(request, Role::Viewer)
            .await
            .map_or_else(|error| Refused::fail(request, error), |a| Outcome::Success(Viewer(a)))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Staff {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        at_least(request, Role::Staff)
            .await
            .map_or_else(|error| Refused::fail(request, error), |a| Outcome::Success(Staff(a)))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Owner {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        at_least(request, Role::Owner)
            .await
            .map_or_else(|error| Refused::fail(request, error), |a| Outcome::Success(Owner(a)))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match account(request, Role::Viewer).await {
            Ok(Some(account)) if account.token.is_none() && SameOrigin::check(request).is_err() => {
                Outcome::Success(Visitor(None))
            }
            Ok(Some(account)) => match admit(request, &account) {
                Ok(()) => Outcome::Success(Visitor(Some(account))),
                Err(error) => Refused::fail(request, error),
            },
            Ok(None) => Outcome::Success(Visitor(None)),
            Err(error) => Refused::fail(request, error),
        }
    }
}

/// The browser of a sign-in request: what signing in needs to know of it, and the jar for its cookies.
pub struct Arrival<'r> {
    pub browser: Browser,
    pub address: Option<IpAddr>,
    host: WebHost,
    cookies: &'r CookieJar<'r>,
}

impl Arrival<'_> {
    /// Gives the browser its cookies.
    pub fn welcome(&self, signed_in: SignedIn) {
        self.cookies.add(cookie(SESSION, signed_in.session, &self.host));
        if let Some(mark) = signed_in.browser {
            self.cookies.add(cookie(KNOWN, mark, &self.host));
        }
    }

    /// Takes the cookie of the session away; a `__Host-` cookie must be removed as it was set.
    pub fn farewell(&self) {
        let mut ended = cookie(SESSION, String::new(), &self.host);
        ended.set_max_age(rocket::time::Duration::ZERO);
        ended.set_expires(rocket::time::OffsetDateTime::UNIX_EPOCH);
        self.cookies.add(ended);
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Arrival<'r> {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let name = request.headers().get_one("User-Agent").unwrap_or("");
        let name = name.chars().filter(|c| !c.is_control()).take(200).collect();
        Outcome::Success(Arrival {
            browser: Browser { name, known: cookie_of(request, KNOWN) },
            address: request.client_ip(),
            host: WebHost::of(request),
            cookies: request.cookies(),
        })
    }
}

/// The session token of a request, for actions that are for people in a browser only: 401 for an API token.
pub struct OwnSession(pub String);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OwnSession {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match Credential::of(request) {
            Some(Credential::Session(token)) => Outcome::Success(OwnSession(token)),
            _ => Refused::fail(request, Error::Unauthenticated),
        }
    }
}
