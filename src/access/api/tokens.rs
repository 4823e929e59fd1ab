//! API tokens: `/api/v1/tokens`.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{State, delete, get, post};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::access::TOKENS;
use crate::error::{Error, Result, both};
use crate::moment::Moment;
use crate::records::Records;
use crate::records::api::{Listed, answer_list, created, shown};
use crate::staff::{Accounts, Areas, NewToken, Owner};
use crate::web::{Answer, IfMatch, JsonAnswer, JsonObject, WebHost, item_id};

#[get("/api/v1/tokens")]
pub(super) async fn tokens(_owner: Owner, records: &State<Records>, uri: &Origin<'_>, host: WebHost) -> Answer<Listed> {
    Ok(answer_list(records, &TOKENS, uri, true, &host).await?)
}

#[get("/api/v1/tokens/<id>")]
pub(super) async fn token(_owner: Owner, records: &State<Records>, id: &str) -> Answer<JsonAnswer> {
    Ok(shown(records.find(&TOKENS, item_id(id)?, true).await?).live())
}

/// A token to be created.
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

/// Create an API token
///
/// The token is in this answer only.
#[utoipa::path(
    tag = "people",
    request_body = MakeToken,
    responses((status = 201, description = "The token", body = ref("#/components/schemas/NewToken"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/tokens", data = "<body>")]
pub(super) async fn create_token(
    owner: Owner,
    accounts: &State<Accounts>,
    areas: &State<Areas>,
    records: &State<Records>,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let new: MakeToken = body.parse()?;
    let scopes = areas.parse(new.scopes.iter().map(String::as_str));
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
    let (id, token) = accounts.create_token(&owner.author(), &account, new).await?;
    let mut item = records.find(&TOKENS, id, true).await?;
    item.body.insert("token".into(), token.into());
    Ok(created(&TOKENS, item).whole())
}

fn read_moment(text: &str) -> Result<Moment> {
    Moment::parse(text).ok_or_else(|| Error::invalid("/expires_at", "must be a moment such as 2027-01-31T12:00:00Z"))
}

/// Revoke an API token
///
/// What uses it ends at once.
#[utoipa::path(
    tag = "people",
    params(("id" = i64, Path, description = "Id of the token")),
    responses((status = 204, description = "The token was revoked")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/tokens/<id>")]
pub(super) async fn revoke_token(
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
