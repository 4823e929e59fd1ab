//! `/api/v1/users`, `/tokens`, `/sessions`, `/audit`.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{Route, State, delete, get, patch, post, put, routes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::{AUDIT, TOKENS, USERS};
use crate::error::{Error, FieldError, Result, both};
use crate::moment::Moment;
use crate::records::api::{Listed, answer_list, made, shown};
use crate::records::{Records, read_only_unchanged};
use crate::staff::{Accounts, Change, Credential, Email, Link, NewPerson, NewToken, Owner, Role, Scopes, Viewer};
use crate::web::{ApiError, IfMatch, JsonAnswer, JsonObject, NoBody, WebHost, item_id};

/// What these routes say of themselves; the lists and reads of records are described by their declarations.
#[derive(OpenApi)]
#[openapi(paths(
    invite,
    replace,
    merge,
    remove,
    restore,
    new_link,
    end_sessions,
    make_token,
    revoke_token,
    sessions,
    end_session
))]
pub struct Docs;

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
    Ok(shown(records.find(&USERS, item_id(id)?, true).await?).live())
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Invite {
    #[serde(default)]
    #[schema(required, format = Email, example = "noor@example.org")]
    email: String,
    /// The email if it is left out.
    #[serde(default)]
    name: String,
    /// `viewer`, `staff` or `owner`.
    #[serde(default)]
    #[schema(required, example = "staff")]
    role: String,
}

/// A link as it is answered, once.
#[derive(Serialize, ToSchema)]
struct Invitation {
    url: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

fn link_json(link: &Link, host: &WebHost) -> Value {
    let shown = Invitation { url: link_url(link, host), expires_at: link.expires.to_string() };
    serde_json::to_value(shown).unwrap_or_default()
}

/// The address behind a link; it is shown once.
pub fn link_url(link: &Link, host: &WebHost) -> String {
    format!("{}/invitations/{}", host.0, link.token)
}

/// Invite somebody
///
/// Makes an account without a password. The link is in this answer only; with it a password is chosen, once, within
/// seven days.
#[utoipa::path(
    tag = "people",
    request_body = Invite,
    responses(
        (status = 201, description = "The account, with the link", body = ref("#/components/schemas/Invited")),
    ),
    extensions(("x-role" = json!("owner"))),
)]
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
    let (id, link) = accounts.invite(&owner.author(), NewPerson { email, name: new.name, role }).await?;
    let mut item = records.find(&USERS, id, true).await?;
    item.body.insert("invitation".into(), link_json(&link, &host));
    Ok(made(&USERS, item).whole())
}

/// What PUT says: everything. A status that is left out is `active`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserWhole)]
struct Whole {
    #[schema(format = Email)]
    email: String,
    name: String,
    role: String,
    status: Option<String>,
}

impl From<Whole> for Changed {
    fn from(whole: Whole) -> Changed {
        let status = whole.status.or_else(|| Some("active".into()));
        Changed { email: Some(whole.email), name: Some(whole.name), role: Some(whole.role), status }
    }
}

/// What PATCH may say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
struct Changed {
    email: Option<String>,
    name: Option<String>,
    role: Option<String>,
    /// `active` or `disabled`.
    status: Option<String>,
}

impl Changed {
    /// `present`: the status as it is, which may be sent back.
    fn read(self, present: &str) -> Result<Change> {
        let email = self.email.as_deref().map(Email::parse).transpose();
        let role = self.role.as_deref().map(Role::parse).transpose();
        let (email, role) = both(email, role)?;
        let disabled = match self.status.as_deref() {
            Some(status) if status == present => None,
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
        let if_match = self.if_match;
        let version = if whole { if_match.required(present.version)? } else { if_match.version(present.version)? };
        // What was read may be sent back; what may be written is said, though it be as it was.
        body.remove("last_seen_at");
        let written: Vec<_> =
            ["email", "name", "role", "status"].iter().filter_map(|n| body.remove_entry(*n)).collect();
        read_only_unchanged(&USERS, &mut body, &present);
        body.extend(written);
        // Only a name has something to fall back to: the email.
        let nulls = body.iter().filter(|(name, value)| value.is_null() && (whole || *name != "name"));
        let errors: Vec<_> = nulls.map(|(name, _)| FieldError::at(format!("/{name}"), "cannot be empty")).collect();
        if !errors.is_empty() {
            return Err(Error::Invalid(errors).into());
        }
        if body.get("name").is_some_and(Value::is_null) {
            body.insert("name".into(), "".into());
        }
        let change =
            if whole { JsonObject(body).parse::<Whole>()?.into() } else { JsonObject(body).parse::<Changed>()? };
        let change = change.read(present.text("status"))?;
        self.accounts.change(&self.owner.author(), present.id, version, change).await?;
        Ok(shown(self.records.find(&USERS, present.id, true).await?))
    }
}

/// Replace an account
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    request_body = Whole,
    responses((status = 200, description = "The account as it is now", body = ref("#/components/schemas/User"))),
    extensions(("x-role" = json!("owner"))),
)]
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

/// Change an account
///
/// Whoever is disabled is signed out everywhere at once; open streams end and tokens stop working.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    request_body = Changed,
    responses((status = 200, description = "The account as it is now", body = ref("#/components/schemas/User"))),
    extensions(("x-role" = json!("owner"))),
)]
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

/// Remove an account
///
/// It can be restored. The last owner stays.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "Removed")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/users/<id>")]
async fn remove(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
) -> Answer<Status> {
    let present = records.find(&USERS, item_id(id)?, true).await?;
    accounts.remove(&owner.author(), present.id, if_match.version(present.version)?).await?;
    Ok(Status::NoContent)
}

/// Restore an account
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The account as it is now", body = ref("#/components/schemas/User"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/users/<id>/restoration", data = "<_body>")]
async fn restore(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    _body: NoBody,
) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    accounts.restore(&owner.author(), id).await?;
    Ok(shown(records.find(&USERS, id, true).await?))
}

/// Make another link to choose a password
///
/// The link before stops working; the password stays until this one is used.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 201, description = "The link; it is shown once", body = Invitation)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/users/<id>/invitations", data = "<_body>")]
async fn new_link(
    owner: Owner,
    accounts: &State<Accounts>,
    host: WebHost,
    id: &str,
    _body: NoBody,
) -> Answer<JsonAnswer> {
    let id = item_id(id)?;
    let link = accounts.new_link(&owner.author(), id).await?;
    // Not the link itself: proxies log this header.
    Ok(JsonAnswer::created(format!("/api/v1/users/{id}"), &link_json(&link, &host)).whole())
}

/// Sign somebody out everywhere
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "Signed out")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/users/<id>/sessions")]
async fn end_sessions(owner: Owner, accounts: &State<Accounts>, id: &str) -> Answer<Status> {
    accounts.end_sessions(&owner.author(), item_id(id)?).await?;
    Ok(Status::NoContent)
}

#[get("/api/v1/tokens")]
async fn tokens(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &TOKENS, uri, true, &host).await?)
}

#[get("/api/v1/tokens/<id>")]
async fn token(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&TOKENS, item_id(id)?, true).await?).live())
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MakeToken {
    /// What it is for.
    #[schema(example = "nightly export")]
    name: String,
    /// `entries:read`, `entries:write`, `waiting`, `directory`, `admin`.
    #[schema(example = json!(["entries:read"]))]
    scopes: Vec<String>,
    /// Whose it is; one's own without it.
    user_id: Option<i64>,
    /// Without it, never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Make an API token
///
/// The token is in this answer only.
#[utoipa::path(
    tag = "people",
    request_body = MakeToken,
    responses((status = 201, description = "The token", body = ref("#/components/schemas/NewToken"))),
    extensions(("x-role" = json!("owner"))),
)]
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
    let (id, token) = accounts.make_token(&owner.author(), &account, new).await?;
    let mut item = records.find(&TOKENS, id, true).await?;
    item.body.insert("token".into(), token.into());
    Ok(made(&TOKENS, item).whole())
}

fn read_moment(text: &str) -> Result<Moment> {
    Moment::parse(text).ok_or_else(|| Error::invalid("/expires_at", "must be a moment such as 2027-01-31T12:00:00Z"))
}

/// Revoke an API token
///
/// What uses it ends at once.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "Revoked")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/tokens/<id>")]
async fn revoke_token(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
) -> Answer<Status> {
    let present = records.find(&TOKENS, item_id(id)?, true).await?;
    if_match.version(present.version)?;
    accounts.revoke_token(&owner.author(), present.id, None).await?;
    Ok(Status::NoContent)
}

/// List one's own sessions
#[utoipa::path(
    tag = "people",
    responses((status = 200, description = "The sessions, the last used first", body = Sessions)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/sessions")]
async fn sessions(viewer: Viewer, accounts: &State<Accounts>, credential: Own) -> Answer<JsonAnswer> {
    let sessions = accounts.sessions(viewer.0.id, credential.0.as_deref()).await?;
    let shown = |session: crate::staff::Session| SessionShown {
        id: session.id,
        created_at: session.began.to_string(),
        last_seen_at: session.seen.to_string(),
        browser: session.browser,
        current: session.own,
    };
    let list = Sessions { count: sessions.len(), next: None, sessions: sessions.into_iter().map(shown).collect() };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// A session of one's own.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionShown {
    id: i64,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// What the browser called itself.
    browser: String,
    /// The one that asks.
    current: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SessionList)]
struct Sessions {
    sessions: Vec<SessionShown>,
    next: Option<String>,
    count: usize,
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

/// End a session
///
/// One of one's own; an owner ends anybody's.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "Ended")),
    extensions(("x-role" = json!("viewer"))),
)]
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
