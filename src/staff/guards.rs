//! Permission as a parameter: a route that takes `Viewer`, `Staff` or `Owner` cannot forget the check.
//! The same guards refuse unsafe requests that do not come from our own pages.

use rocket::Request;
use rocket::http::{Cookie, SameSite};
use rocket::request::{FromRequest, Outcome};

use super::{Account, Accounts, Role};
use crate::error::{Error, Result};
use crate::web::{Refused, SameOrigin, WebHost};

/// Somebody who may read.
pub struct Viewer(pub Account);
/// Somebody who may work with entries.
pub struct Staff(pub Account);
/// Somebody who may do everything.
pub struct Owner(pub Account);
/// Anybody; the account if one is signed in.
pub struct Visitor(pub Option<Account>);

/// The cookie's name: browsers refuse `__Host-` cookies on plain http.
fn cookie_name(host: &WebHost) -> &'static str {
    if host.is_https() { "__Host-frontdesk" } else { "frontdesk" }
}

/// The cookie of a session.
pub fn session_cookie(token: String, host: &WebHost) -> Cookie<'static> {
    Cookie::build((cookie_name(host), token))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(host.is_https())
        .path("/")
        .permanent()
        .build()
}

/// A cookie that ends the one of [`session_cookie`]; a `__Host-` cookie must be removed as it was set.
pub fn removal_cookie(host: &WebHost) -> Cookie<'static> {
    let mut cookie = session_cookie(String::new(), host);
    cookie.set_max_age(rocket::time::Duration::ZERO);
    cookie.set_expires(rocket::time::OffsetDateTime::UNIX_EPOCH);
    cookie
}

/// The session token that a request carries.
pub fn token_of(request: &Request<'_>) -> Option<String> {
    let name = cookie_name(&WebHost::of(request));
    request.cookies().get(name).map(|cookie| cookie.value().to_owned()).filter(|token| !token.is_empty())
}

async fn account(request: &Request<'_>) -> Result<Option<Account>> {
    let Some(token) = token_of(request) else { return Ok(None) };
    let accounts =
        request.rocket().state::<Accounts>().ok_or_else(|| Error::Internal("accounts are not managed".into()))?;
    accounts.recognise(&token).await
}

async fn at_least(request: &Request<'_>, role: Role) -> Result<Account> {
    let account = account(request).await?.ok_or(Error::Unauthenticated)?;
    SameOrigin::check(request)?;
    if account.role < role {
        return Err(Error::Forbidden(format!("This needs the role {}.", role.name()).into()));
    }
    Ok(account)
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
        account(request).await.map_or_else(|error| Refused::fail(request, error), |a| Outcome::Success(Visitor(a)))
    }
}
