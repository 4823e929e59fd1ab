//! `/api/v1/collections`: list, make, change; origins and pins.

use rocket::http::Status;
use rocket::{Route, State, delete, get, patch, post, put, routes};
use serde::{Deserialize, Serialize};

use super::{Changes, CollectionName, Collections, Known, NewCollection, WebOrigin, service};
use crate::db::Pool;
use crate::entries::path::Path;
use crate::entries::query::{Field, field};
use crate::entries::{Entries, Pin};
use crate::error::Error;
use crate::moment::Moment;
use crate::staff::{Owner, Viewer};
use crate::web::{ApiError, IfMatch, JsonAnswer, JsonObject, item_id};

pub fn routes() -> Vec<Route> {
    routes![list, make, show, replace, change, allow, disallow, pins, pin, show_pin, unpin]
}

type Answer<T> = Result<T, ApiError>;

#[derive(Serialize)]
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
    checks: serde_json::Value,
    version: i64,
    created: Moment,
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
    JsonAnswer::ok(&body).with("ETag", format!("\"v{}\"", known.collection.version))
}

#[get("/api/v1/collections")]
async fn list(_viewer: Viewer, collections: &State<Collections>) -> Answer<JsonAnswer> {
    let all = collections.list().await?;
    let shown: Vec<_> = all.iter().map(|known| Shown::new(known)).collect();
    Ok(JsonAnswer::ok(&serde_json::json!({ "collections": shown, "next": null, "count": all.len() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Make {
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
    let made = service::create(db, &(&owner.0).into(), new, entries.clock().now()).await?;
    collections.changed();
    let known = find(collections, &made.name).await?;
    Ok(answer(&known).made_at(format!("/api/v1/collections/{}", made.name)))
}

#[get("/api/v1/collections/<name>")]
async fn show(_viewer: Viewer, collections: &State<Collections>, name: &str) -> Answer<JsonAnswer> {
    Ok(answer(&*find(collections, name).await?))
}

/// All that may be changed; the name and the kind may not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    title: String,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    public_read: bool,
    retention_days: Option<i64>,
    daily_quota: Option<i64>,
    checks: Option<serde_json::Value>,
}

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
    let new: Whole = body.parse()?;
    let changes = Changes {
        title: Some(new.title),
        open: Some(new.open),
        public_read: Some(new.public_read),
        retention_days: Some(new.retention_days),
        daily_quota: Some(new.daily_quota),
        checks: Some(new.checks.map_or_else(|| "{}".into(), |checks| checks.to_string())),
        new_key: false,
    };
    write(&owner, db, collections, name, &if_match, changes, entries.clock().now()).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    title: Option<String>,
    open: Option<bool>,
    public_read: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    retention_days: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    daily_quota: Option<Option<i64>>,
    checks: Option<serde_json::Value>,
}

/// Tells `null` (take it away) from a name that is not there (leave it).
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

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
    let new: Change = body.parse()?;
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
    service::change(db, &(&owner.0).into(), collection, changes, now).await?;
    collections.changed();
    Ok(answer(&*find(collections, name).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    origin: String,
}

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
    service::allow_origin(db, &(&owner.0).into(), &known.collection, &origin, entries.clock().now()).await?;
    collections.changed();
    Ok(answer(&*find(collections, name).await?))
}

/// An origin that may no longer send. One that could not is gone already.
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
    let (by, now) = ((&owner.0).into(), entries.clock().now());
    service::remove_origin(db, &by, &known.collection, origin.as_str(), now).await?;
    collections.changed();
    Ok(Status::NoContent)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPin {
    field: String,
}

fn shown_pin((pin, bytes): &(Pin, i64)) -> serde_json::Value {
    serde_json::json!({
        "id": pin.id,
        "field": pin.path,
        "automatic": pin.automatic,
        "ready": pin.ready_at.is_some(),
        "bytes": bytes,
    })
}

/// A field of the client's data; ours have indexes already.
pub fn data_field(name: &str) -> Result<Path, Error> {
    match field(name) {
        Ok(Field::Data(path)) => Ok(path),
        Ok(Field::System(_)) => Err(Error::invalid("/field", "must be a field of the data")),
        Err(detail) => Err(Error::invalid("/field", detail)),
    }
}

#[get("/api/v1/collections/<name>/pins")]
async fn pins(
    _viewer: Viewer,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
) -> Answer<JsonAnswer> {
    let known = find(collections, name).await?;
    let pins = entries.pins(known.collection.id).await?;
    let shown: Vec<_> = pins.iter().map(shown_pin).collect();
    Ok(JsonAnswer::ok(&serde_json::json!({ "pins": shown, "next": null, "count": pins.len() })))
}

/// The index is built in the background.
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
    entries.pin(Some(&(&owner.0).into()), &known, &path).await?;
    let entries = entries.inner().clone();
    let pins = entries.pins(known.collection.id).await?;
    tokio::spawn(async move { entries.build_pins_or_log().await });
    let made = pins.iter().find(|(pin, _)| pin.path == path.to_string()).ok_or_else(no_pin)?;
    let location = format!("/api/v1/collections/{name}/pins/{}", made.0.id);
    Ok(JsonAnswer::created(location, &shown_pin(made)))
}

fn no_pin() -> Error {
    Error::NotFound("There is no such pin.".into())
}

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
    Ok(JsonAnswer::ok(&shown_pin(pins.iter().find(|(pin, _)| pin.id == id).ok_or_else(no_pin)?)))
}

#[delete("/api/v1/collections/<name>/pins/<id>")]
async fn unpin(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: &str,
) -> Answer<Status> {
    let known = find(collections, name).await?;
    entries.unpin(&(&owner.0).into(), &known, item_id(id)?).await?;
    Ok(Status::NoContent)
}
