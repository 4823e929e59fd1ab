//! `/api/v1/users`, `/tokens`, `/sessions`, `/audit`.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{Route, State, delete, get, patch, post, put, routes};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{AUDIT, TOKENS, USERS};
use crate::error::{Error, FieldError, Result};
use crate::moment::Moment;
use crate::records::api::{Listed, answer_list, made, shown};
use crate::records::{Records, read_only_unchanged};
use crate::staff::{Accounts, Change, Credential, Email, Link, NewPerson, NewToken, Owner, Role, Scopes, Viewer};
use crate::web::{ApiError, IfMatch, JsonAnswer, JsonObject, WebHost, item_id};

pub fn routes() -> Vec<Route> {
    [
        routes![users, invite, user, replace, merge, remove, restore, new_link, end_sessions],
        routes![tokens, make_token, token, revoke_token],
        routes![sessions, end_session, audit, audit_line],
    ]
    .concat()
}

type Answer<T> = std::result::Result<T, ApiError>;

#[get("/api/v1/users")]
async fn users(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &USERS, uri, true, &host).await?)
}

#[get("/api/v1/users/<id>")]
async fn user(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&USERS, item_id(id)?, true).await?))
}

/// An account to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invite {
    email: String,
    #[serde(default)]
    name: String,
    role: String,
}

/// Two parsers, every error of both.
fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => {
            let errors = [a.err(), b.err()];
            let all: Vec<FieldError> = errors.iter().flatten().flat_map(|error| error.errors().to_vec()).collect();
            Err(Error::Invalid(all))
        }
    }
}

fn link_json(link: &Link, host: &WebHost) -> Value {
    json!({ "url": link_url(link, host), "expires_at": link.expires.to_string() })
}

/// The address behind a link; it is shown once.
pub fn link_url(link: &Link, host: &WebHost) -> String {
    format!("{}/invitations/{}", host.0, link.token)
}

#[post("/api/v1/users", data = "<body>")]
async fn invite(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    host: WebHost,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let new: Invite = body.parse()?;
    let (email, role) = both(Email::parse(&new.email), Role::parse(&new.role))?;
    let (id, link) = accounts.invite(&(&owner.0).into(), NewPerson { email, name: new.name, role }).await?;
    let mut item = records.find(&USERS, id, true).await?;
    item.body.insert("invitation".into(), link_json(&link, &host));
    Ok(made(&USERS, item))
}

/// What PUT and PATCH may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    email: Option<String>,
    name: Option<String>,
    role: Option<String>,
    status: Option<String>,
}

impl Changed {
    fn read(self) -> Result<Change> {
        let email = self.email.as_deref().map(Email::parse).transpose();
        let role = self.role.as_deref().map(Role::parse).transpose();
        let (email, role) = both(email, role)?;
        let disabled = match self.status.as_deref() {
            None => None,
            Some("active") => Some(false),
            Some("disabled") => Some(true),
            Some(_) => return Err(Error::invalid("/status", "must be active or disabled")),
        };
        Ok(Change { email, name: self.name, role, disabled })
    }
}

/// A change of an account, as a route takes it.
struct Asked<'a> {
    owner: &'a Owner,
    accounts: &'a Accounts,
    records: &'a Records,
    id: &'a str,
    if_match: &'a IfMatch,
}

impl Asked<'_> {
    async fn write(self, mut body: Map<String, Value>, whole: bool) -> Answer<JsonAnswer> {
        let present = self.records.find(&USERS, item_id(self.id)?, true).await?;
        let version = self.if_match.version(present.version)?;
        if whole {
            complete(&mut body)?;
        }
        // What was read may be sent back.
        body.remove("last_seen_at");
        read_only_unchanged(&USERS, &mut body, &present);
        let change: Changed = JsonObject(body).parse()?;
        self.accounts.change(&(&self.owner.0).into(), present.id, version, change.read()?).await?;
        Ok(shown(self.records.find(&USERS, present.id, true).await?))
    }
}

/// PUT replaces, so it must say everything; the status that is left out is the usual one.
fn complete(body: &mut Map<String, Value>) -> Result<()> {
    let missing = ["email", "name", "role"].into_iter().filter(|name| !body.contains_key(*name));
    let errors: Vec<_> = missing.map(|name| FieldError::at(format!("/{name}"), "is required")).collect();
    body.entry("status").or_insert_with(|| "active".into());
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

#[put("/api/v1/users/<id>", data = "<body>")]
async fn replace(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    Asked { owner: &owner, accounts, records, id, if_match: &if_match }.write(body.0, true).await
}

#[patch("/api/v1/users/<id>", data = "<body>")]
async fn merge(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    Asked { owner: &owner, accounts, records, id, if_match: &if_match }.write(body.0, false).await
}

#[delete("/api/v1/users/<id>")]
async fn remove(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
) -> Answer<Status> {
    let present = records.find(&USERS, item_id(id)?, true).await?;
    accounts.remove(&(&owner.0).into(), present.id, if_match.version(present.version)?).await?;
    Ok(Status::NoContent)
}

#[post("/api/v1/users/<id>/restoration")]
async fn restore(owner: Owner, accounts: &State<Accounts>, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    accounts.restore(&(&owner.0).into(), id).await?;
    Ok(shown(records.find(&USERS, id, true).await?))
}

/// Another link to choose a password; the one before stops working.
#[post("/api/v1/users/<id>/invitations")]
async fn new_link(owner: Owner, accounts: &State<Accounts>, host: WebHost, id: &str) -> Answer<JsonAnswer> {
    let link = accounts.new_link(&(&owner.0).into(), item_id(id)?).await?;
    // It can be opened by whoever holds it, and asked for by nobody.
    Ok(JsonAnswer::created(link_url(&link, &host), &link_json(&link, &host)))
}

#[delete("/api/v1/users/<id>/sessions")]
async fn end_sessions(owner: Owner, accounts: &State<Accounts>, id: &str) -> Answer<Status> {
    accounts.end_sessions(&(&owner.0).into(), item_id(id)?).await?;
    Ok(Status::NoContent)
}

#[get("/api/v1/tokens")]
async fn tokens(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &TOKENS, uri, true, &host).await?)
}

#[get("/api/v1/tokens/<id>")]
async fn token(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&TOKENS, item_id(id)?, true).await?))
}

/// A token to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeToken {
    name: String,
    scopes: Vec<String>,
    /// Whose it is; one's own without it.
    user_id: Option<i64>,
    expires_at: Option<String>,
}

/// The only answer that holds the token itself.
#[post("/api/v1/tokens", data = "<body>")]
async fn make_token(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let new: MakeToken = body.parse()?;
    let scopes = Scopes::parse(new.scopes.iter().map(String::as_str));
    let expires = new.expires_at.as_deref().map(read_moment).transpose();
    let (scopes, expires) = both(scopes, expires)?;
    let account = match new.user_id {
        None => owner.0.clone(),
        Some(id) => {
            let found = accounts.find(id).await.ok().filter(|account| account.deleted.is_none());
            found.ok_or_else(|| Error::invalid("/user_id", format!("there is no account {id}")))?
        }
    };
    let new = NewToken { name: new.name, scopes, expires };
    let (id, token) = accounts.make_token(&(&owner.0).into(), &account, new).await?;
    let mut item = records.find(&TOKENS, id, true).await?;
    item.body.insert("token".into(), token.into());
    Ok(made(&TOKENS, item))
}

fn read_moment(text: &str) -> Result<Moment> {
    Moment::parse(text).ok_or_else(|| Error::invalid("/expires_at", "must be a moment such as 2027-01-31T12:00:00Z"))
}

#[delete("/api/v1/tokens/<id>")]
async fn revoke_token(owner: Owner, accounts: &State<Accounts>, id: &str) -> Answer<Status> {
    accounts.revoke_token(&(&owner.0).into(), item_id(id)?, None).await?;
    Ok(Status::NoContent)
}

/// One's own sessions.
#[get("/api/v1/sessions")]
async fn sessions(viewer: Viewer, accounts: &State<Accounts>, credential: Own) -> Answer<JsonAnswer> {
    let sessions = accounts.sessions(viewer.0.id, credential.0.as_deref()).await?;
    let shown = |session: &crate::staff::Session| {
        json!({
            "id": session.id,
            "created_at": session.began.to_string(),
            "last_seen_at": session.seen.to_string(),
            "browser": session.browser,
            "current": session.own,
        })
    };
    let list: Vec<_> = sessions.iter().map(shown).collect();
    Ok(JsonAnswer::ok(&json!({ "sessions": list, "next": null, "count": list.len() })))
}

/// The session that asks, if it is one.
struct Own(Option<String>);

#[rocket::async_trait]
impl<'r> rocket::request::FromRequest<'r> for Own {
    type Error = std::convert::Infallible;
    async fn from_request(request: &'r rocket::Request<'_>) -> rocket::request::Outcome<Self, Self::Error> {
        rocket::request::Outcome::Success(Own(match Credential::of(request) {
            Some(Credential::Session(token)) => Some(token),
            _ => None,
        }))
    }
}

/// Ends one of one's own sessions; an owner ends anybody's.
#[delete("/api/v1/sessions/<id>")]
async fn end_session(viewer: Viewer, accounts: &State<Accounts>, id: &str) -> Answer<Status> {
    accounts.end_session(&viewer.0, item_id(id)?).await?;
    Ok(Status::NoContent)
}

#[get("/api/v1/audit")]
async fn audit(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &AUDIT, uri, true, &host).await?)
}

#[get("/api/v1/audit/<id>")]
async fn audit_line(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&AUDIT, item_id(id)?, true).await?))
}
