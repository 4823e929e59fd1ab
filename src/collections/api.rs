//! `/api/v1/collections`: list, make, change; origins and pins.

use rocket::http::Status;
use rocket::{Route, State, delete, get, patch, post, put, routes};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::{Changes, CollectionName, Collections, Known, NewCollection, WebOrigin, service};
use crate::db::Pool;
use crate::entries::path::Path;
use crate::entries::query::{Field, field};
use crate::entries::{Entries, Pin};
use crate::error::Error;
use crate::moment::Moment;
use crate::staff::{Owner, Viewer};
use crate::web::{ApiError, IfMatch, JsonAnswer, JsonObject, etag, item_id};

/// What these routes say of themselves.
#[derive(OpenApi)]
#[openapi(paths(list, make, show, replace, change, allow, disallow, pins, pin, show_pin, unpin))]
pub struct Docs;

pub fn routes() -> Vec<Route> {
    routes![list, make, show, replace, change, allow, disallow, pins, pin, show_pin, unpin]
}

type Answer<T> = Result<T, ApiError>;

/// A collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Collection)]
struct Shown {
    name: String,
    title: String,
    key: String,
    kind: String,
    open: bool,
    public_read: bool,
    retention_days: Option<i64>,
    daily_quota: Option<i64>,
    origins: Vec<String>,
    /// Fields with the type they must have: `{"age": {"type": "number", "mode": "warn"}}`.
    #[schema(value_type = Object)]
    checks: serde_json::Value,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created: Moment,
}

#[derive(Serialize, ToSchema)]
struct CollectionList {
    collections: Vec<Shown>,
    next: Option<String>,
    count: usize,
}

impl Shown {
    fn new(known: &Known) -> Shown {
        let c = &known.collection;
        Shown {
            name: c.name.clone(),
            title: c.title.clone(),
            key: c.publishable_key.clone(),
            kind: c.kind.clone(),
            open: c.open,
            public_read: c.public_read,
            retention_days: c.retention_days,
            daily_quota: c.daily_quota,
            origins: known.origins.clone(),
            checks: serde_json::from_str(&c.checks).unwrap_or_default(),
            version: c.version,
            created: c.created_at,
        }
    }
}

pub async fn find(collections: &Collections, name: &str) -> Result<std::sync::Arc<Known>, Error> {
    let missing = || Error::NotFound("There is no such collection.".into());
    collections.by_name(name).await?.ok_or_else(missing)
}

fn answer(known: &Known) -> JsonAnswer {
    let body = serde_json::to_value(Shown::new(known)).unwrap_or_default();
    JsonAnswer::ok(&body).with("ETag", etag(known.collection.version))
}

/// List collections
#[utoipa::path(
    tag = "collections",
    responses((status = 200, description = "All collections by name", body = CollectionList)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections")]
async fn list(_viewer: Viewer, collections: &State<Collections>) -> Answer<JsonAnswer> {
    let all = collections.list().await?;
    let shown = all.iter().map(|known| Shown::new(known)).collect();
    let list = CollectionList { collections: shown, next: None, count: all.len() };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionNew)]
struct Make {
    #[schema(example = "contact")]
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    public_read: bool,
    #[serde(default = "entries_kind")]
    kind: String,
    #[serde(default)]
    origins: Vec<String>,
}

fn entries_kind() -> String {
    "entries".into()
}

/// Make a collection
#[utoipa::path(
    tag = "collections",
    request_body = Make,
    responses((status = 201, description = "The collection, with its publishable key", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections", data = "<body>")]
async fn make(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let new: Make = body.parse()?;
    let origins = new.origins.iter().map(|origin| WebOrigin::parse(origin)).collect::<Result<_, _>>()?;
    let name = CollectionName::parse(&new.name)?;
    let new =
        NewCollection { name, title: new.title, open: new.open, public_read: new.public_read, kind: new.kind, origins };
    let made = service::create(db, &owner.author(), new, entries.clock().now()).await?;
    collections.changed();
    let known = find(collections, &made.name).await?;
    Ok(answer(&known).made_at(format!("/api/v1/collections/{}", made.name)))
}

/// Read a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The collection", body = Shown)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>")]
async fn show(_viewer: Viewer, collections: &State<Collections>, name: &str) -> Answer<JsonAnswer> {
    Ok(answer(&*find(collections, name).await?))
}

/// What was read may be sent back: what cannot be changed is left out if it is unchanged.
fn without_given(mut body: JsonObject, known: &Known) -> JsonObject {
    let shown = serde_json::to_value(Shown::new(known)).unwrap_or_default();
    let given = ["name", "key", "kind", "origins", "version", "created"];
    body.0.retain(|name, value| !(given.contains(&name.as_str()) && shown[name.as_str()] == *value));
    body
}

/// All that may be changed; the name and the kind may not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionWhole)]
struct Whole {
    title: String,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    public_read: bool,
    retention_days: Option<i64>,
    daily_quota: Option<i64>,
    #[schema(value_type = Option<Object>)]
    checks: Option<serde_json::Value>,
}

/// Replace the settings of a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Its name")),
    request_body = Whole,
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[put("/api/v1/collections/<name>", data = "<body>")]
async fn replace(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let known = find(collections, name).await?;
    let new: Whole = without_given(body, &known).parse()?;
    let changes = Changes {
        title: Some(new.title),
        open: Some(new.open),
        public_read: Some(new.public_read),
        retention_days: Some(new.retention_days),
        daily_quota: Some(new.daily_quota),
        checks: Some(new.checks.map_or_else(|| "{}".into(), |checks| checks.to_string())),
        new_key: false,
    };
    if_match.required(known.collection.version)?;
    write(&owner, db, collections, name, &if_match, changes, entries.clock().now()).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionChange)]
struct Change {
    title: Option<String>,
    open: Option<bool>,
    public_read: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>)]
    retention_days: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>)]
    daily_quota: Option<Option<i64>>,
    #[schema(value_type = Option<Object>)]
    checks: Option<serde_json::Value>,
}

/// Tells `null` (take it away) from a name that is not there (leave it).
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change settings of a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Its name")),
    request_body = Change,
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[patch("/api/v1/collections/<name>", data = "<body>")]
async fn change(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let new: Change = without_given(body, &*find(collections, name).await?).parse()?;
    let changes = Changes {
        title: new.title,
        open: new.open,
        public_read: new.public_read,
        retention_days: new.retention_days,
        daily_quota: new.daily_quota,
        checks: new.checks.map(|checks| checks.to_string()),
        new_key: false,
    };
    write(&owner, db, collections, name, &if_match, changes, entries.clock().now()).await
}

async fn write(
    owner: &Owner,
    db: &Pool,
    collections: &Collections,
    name: &str,
    if_match: &IfMatch,
    changes: Changes,
    now: Moment,
) -> Answer<JsonAnswer> {
    let known = find(collections, name).await?;
    let collection = &known.collection;
    if_match.version(collection.version)?;
    service::change(db, &owner.author(), collection, changes, now).await?;
    collections.changed();
    Ok(answer(&*find(collections, name).await?))
}

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
    params(("name" = String, Path, description = "Its name")),
    request_body = Allow,
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections/<name>/origins", data = "<body>")]
async fn allow(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let origin = WebOrigin::parse(&body.parse::<Allow>()?.origin)?;
    let known = find(collections, name).await?;
    service::allow_origin(db, &owner.author(), &known.collection, &origin, entries.clock().now()).await?;
    collections.changed();
    Ok(answer(&*find(collections, name).await?))
}

/// Remove an allowed origin
#[utoipa::path(
    tag = "collections",
    params(
        ("name" = String, Path, description = "Its name"),
        ("origin" = String, Query, description = "Such as https://example.org"),
    ),
    responses((status = 204, description = "Removed, or it was not there")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/collections/<name>/origins?<origin>")]
async fn disallow(
    owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    origin: Option<&str>,
) -> Answer<Status> {
    let origin = origin.ok_or_else(|| Error::parameter("origin", "is required"))?;
    let origin = WebOrigin::parse(origin).map_err(|error| Error::parameter("origin", error.detail()))?;
    let known = find(collections, name).await?;
    let (by, now) = (owner.author(), entries.clock().now());
    service::remove_origin(db, &by, &known.collection, origin.as_str(), now).await?;
    collections.changed();
    Ok(Status::NoContent)
}

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

/// A field of the client's data; ours have indexes already.
pub fn data_field(name: &str) -> Result<Path, Error> {
    match field(name) {
        Ok(Field::Data(path)) => Ok(path),
        Ok(Field::System(_)) => Err(Error::invalid("/field", "must be a field of the data")),
        Err(detail) => Err(Error::invalid("/field", detail)),
    }
}

/// List pinned fields
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The pinned fields", body = PinList)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>/pins")]
async fn pins(
    _viewer: Viewer,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
) -> Answer<JsonAnswer> {
    let known = find(collections, name).await?;
    let pins = entries.pins(known.collection.id).await?;
    let list = PinList { pins: pins.iter().map(ShownPin::new).collect(), next: None, count: pins.len() };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// Pin a field
///
/// Its filters get an index, which is built in the background.
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Its name")),
    request_body = NewPin,
    responses((status = 201, description = "The pin", body = ShownPin)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections/<name>/pins", data = "<body>")]
async fn pin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let path = data_field(&body.parse::<NewPin>()?.field)?;
    let known = find(collections, name).await?;
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
        ("id" = i64, Path, description = "Its number"),
    ),
    responses((status = 200, description = "The pin", body = ShownPin)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>/pins/<id>")]
async fn show_pin(
    _viewer: Viewer,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: &str,
) -> Answer<JsonAnswer> {
    let (known, id) = (find(collections, name).await?, item_id(id)?);
    let pins = entries.pins(known.collection.id).await?;
    Ok(JsonAnswer::ok(&pin_json(pins.iter().find(|(pin, _)| pin.id == id).ok_or_else(no_pin)?)))
}

/// Take a pin away
#[utoipa::path(
    tag = "collections",
    params(
        ("name" = String, Path, description = "Name of the collection"),
        ("id" = i64, Path, description = "Its number"),
    ),
    responses((status = 204, description = "Gone")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/collections/<name>/pins/<id>")]
async fn unpin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: &str,
) -> Answer<Status> {
    let known = find(collections, name).await?;
    entries.unpin(&owner.author(), &known, item_id(id)?).await?;
    Ok(Status::NoContent)
}
