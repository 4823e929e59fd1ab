//! Accounts: `/api/v1/users`.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{State, delete, get, patch, post, put};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::access::USERS;
use crate::error::{Error, FieldError, Result, both};
use crate::records::api::{Listed, answer_list, created, shown};
use crate::records::{Records, read_only_unchanged};
use crate::staff::{AccountChange, Accounts, Email, Link, NewPerson, Owner, Role};
use crate::web::{Answer, IfMatch, JsonAnswer, JsonObject, NoBody, WebHost, item_id};

#[get("/api/v1/users")]
pub(super) async fn users(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &USERS, uri, true, &host).await?)
}

#[get("/api/v1/users/<id>")]
pub(super) async fn user(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&USERS, item_id(id)?, true).await?).live())
}

/// An account to be created.
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
pub(super) async fn invite(
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
    Ok(created(&USERS, item).whole())
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
    fn read(self, present: &str) -> Result<AccountChange> {
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
        Ok(AccountChange { email, name: self.name, role, disabled })
    }
}

/// A change of an account, as a route takes it.
struct Update<'a> {
    owner: &'a Owner,
    accounts: &'a Accounts,
    records: &'a Records,
    id: &'a str,
    if_match: &'a IfMatch,
}

impl Update<'_> {
    async fn write(self, mut body: Map<String, Value>, whole: bool) -> Answer<JsonAnswer> {
        let present = self.records.find(&USERS, item_id(self.id)?, true).await?;
        let if_match = self.if_match;
        let version = if whole { if_match.required(present.version)? } else { if_match.version(present.version)? };
        // Read-only fields may be sent back unchanged; writable ones are passed on even if unchanged.
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
    params(("id" = i64, Path, description = "Id of the account")),
    request_body = Whole,
    responses((status = 200, description = "The account as it is now", body = ref("#/components/schemas/User"))),
    extensions(("x-role" = json!("owner"))),
)]
#[put("/api/v1/users/<id>", data = "<body>")]
pub(super) async fn replace(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    Update { owner: &owner, accounts, records, id, if_match: &if_match }.write(body.0, true).await
}

/// Change an account
///
/// Disabling an account ends its sessions and open streams at once, and its tokens stop working.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Id of the account")),
    request_body = Changed,
    responses((status = 200, description = "The account as it is now", body = ref("#/components/schemas/User"))),
    extensions(("x-role" = json!("owner"))),
)]
#[patch("/api/v1/users/<id>", data = "<body>")]
pub(super) async fn merge(
    owner: Owner,
    accounts: &State<Accounts>,
    records: &State<Records>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    Update { owner: &owner, accounts, records, id, if_match: &if_match }.write(body.0, false).await
}

/// Remove an account
///
/// It can be restored. The last owner stays.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Id of the account")),
    responses((status = 204, description = "The account was removed")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/users/<id>")]
pub(super) async fn remove(
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
    params(("id" = i64, Path, description = "Id of the account")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The account as it is now", body = ref("#/components/schemas/User"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/users/<id>/restoration", data = "<_body>")]
pub(super) async fn restore(
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

/// Create another link to choose a password
///
/// The earlier link stops working; the password stays until this one is used.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Id of the account")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 201, description = "The link; it is shown once", body = Invitation)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/users/<id>/invitations", data = "<_body>")]
pub(super) async fn new_link(
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
    params(("id" = i64, Path, description = "Id of the account")),
    responses((status = 204, description = "Every session of the account ended")),
    extensions(("x-role" = json!("owner")), ("x-version" = json!(false))),
)]
#[delete("/api/v1/users/<id>/sessions")]
pub(super) async fn end_sessions(owner: Owner, accounts: &State<Accounts>, id: &str) -> Answer<Status> {
    accounts.end_sessions(&owner.author(), item_id(id)?).await?;
    Ok(Status::NoContent)
}
