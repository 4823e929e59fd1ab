//! Pinned fields: those with an index of their own.

use rocket::http::Status;
use rocket::{State, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::collections::Collections;
use crate::entries::service::Entries;
use crate::entries::store::Pin;
use crate::entries::system::data_field;
use crate::error::Error;
use crate::staff::{Owner, Viewer};
use crate::web::{Answer, JsonAnswer, JsonObject, item_id};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PinNew)]
struct NewPin {
    #[schema(example = "plan")]
    field: String,
}

/// A pinned field.
#[derive(Serialize, ToSchema)]
#[schema(as = Pin)]
struct ShownPin {
    id: i64,
    field: String,
    /// Pinned because its filters stayed slow.
    automatic: bool,
    /// Its index is built.
    ready: bool,
    /// Size of its index.
    bytes: i64,
}

#[derive(Serialize, ToSchema)]
struct PinList {
    pins: Vec<ShownPin>,
    next: Option<String>,
    count: usize,
}

impl ShownPin {
    fn new((pin, bytes): &(Pin, i64)) -> ShownPin {
        ShownPin {
            id: pin.id,
            field: pin.path.clone(),
            automatic: pin.automatic,
            ready: pin.ready_at.is_some(),
            bytes: *bytes,
        }
    }
}

fn pin_json(pin: &(Pin, i64)) -> serde_json::Value {
    serde_json::to_value(ShownPin::new(pin)).unwrap_or_default()
}

/// List pinned fields
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    responses((status = 200, description = "The pinned fields", body = PinList)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>/pins")]
pub(super) async fn pins(
    _viewer: Viewer,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
) -> Answer<JsonAnswer> {
    let known = collections.get(name).await?;
    let pins = entries.pins(known.collection.id).await?;
    let list = PinList { pins: pins.iter().map(ShownPin::new).collect(), next: None, count: pins.len() };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// Pin a field
///
/// Its filters get an index, which is built in the background.
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    request_body = NewPin,
    responses((status = 201, description = "The pin", body = ShownPin)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections/<name>/pins", data = "<body>")]
pub(super) async fn pin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let path = data_field(&body.parse::<NewPin>()?.field)?;
    let known = collections.get(name).await?;
    entries.pin(Some(&owner.author()), &known, &path).await?;
    let entries = entries.inner().clone();
    let pins = entries.pins(known.collection.id).await?;
    tokio::spawn(async move { entries.build_pins_or_log().await });
    let made = pins.iter().find(|(pin, _)| pin.path == path.to_string()).ok_or_else(no_pin)?;
    let location = format!("/api/v1/collections/{name}/pins/{}", made.0.id);
    Ok(JsonAnswer::created(location, &pin_json(made)))
}

fn no_pin() -> Error {
    Error::NotFound("There is no such pin.".into())
}

/// Read a pin
#[utoipa::path(
    tag = "collections",
    params(
        ("name" = String, Path, description = "Name of the collection"),
        ("id" = i64, Path, description = "Id of the pin"),
    ),
    responses((status = 200, description = "The pin", body = ShownPin)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>/pins/<id>")]
pub(super) async fn show_pin(
    _viewer: Viewer,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: &str,
) -> Answer<JsonAnswer> {
    let (known, id) = (collections.get(name).await?, item_id(id)?);
    let pins = entries.pins(known.collection.id).await?;
    Ok(JsonAnswer::ok(&pin_json(pins.iter().find(|(pin, _)| pin.id == id).ok_or_else(no_pin)?)))
}

/// Remove a pin
#[utoipa::path(
    tag = "collections",
    params(
        ("name" = String, Path, description = "Name of the collection"),
        ("id" = i64, Path, description = "Id of the pin"),
    ),
    responses((status = 204, description = "The pin was removed")),
    extensions(("x-role" = json!("owner")), ("x-version" = json!(false))),
)]
#[delete("/api/v1/collections/<name>/pins/<id>")]
pub(super) async fn unpin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: &str,
) -> Answer<Status> {
    let known = collections.get(name).await?;
    entries.unpin(&owner.author(), &known, item_id(id)?).await?;
    Ok(Status::NoContent)
}
