//! The web sites that may send to a collection.

use rocket::http::Status;
use rocket::{State, delete, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shown::{Shown, answer};
use crate::collections::{Collections, WebOrigin};
use crate::error::Error;
use crate::staff::Owner;
use crate::web::{Answer, JsonAnswer, JsonObject};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OriginNew)]
struct Allow {
    #[schema(example = "https://example.org")]
    origin: String,
}

/// Allow an origin to send
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    request_body = Allow,
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections/<name>/origins", data = "<body>")]
pub(super) async fn allow(
    owner: Owner,
    collections: &State<Collections>,
    name: &str,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let origin = WebOrigin::parse(&body.parse::<Allow>()?.origin)?;
    let known = collections.get(name).await?;
    collections.allow_origin(&owner.author(), &known.collection, &origin).await?;
    Ok(answer(&*collections.get(name).await?))
}

/// Remove an allowed origin
#[utoipa::path(
    tag = "collections",
    params(
        ("name" = String, Path, description = "Name of the collection"),
        ("origin" = String, Query, description = "Such as https://example.org"),
    ),
    responses((status = 204, description = "The origin was removed")),
    extensions(("x-role" = json!("owner")), ("x-version" = json!(false))),
)]
#[delete("/api/v1/collections/<name>/origins?<origin>")]
pub(super) async fn disallow(
    owner: Owner,
    collections: &State<Collections>,
    name: &str,
    origin: Option<&str>,
) -> Answer<Status> {
    let origin = origin.ok_or_else(|| Error::parameter("origin", "is required"))?;
    let origin = WebOrigin::parse(origin).map_err(|error| Error::parameter("origin", error.detail()))?;
    let known = collections.get(name).await?;
    collections.remove_origin(&owner.author(), &known.collection, origin.as_str()).await?;
    Ok(Status::NoContent)
}
