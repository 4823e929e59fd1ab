//! `/api/v1/collections`: list, make, change; origins and pins.

use rocket::http::{Header, Status};
use rocket::request::Request;
use rocket::response::{self, Responder, Response};
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, patch, post, routes};
use serde::{Deserialize, Serialize};

use super::{Changes, CollectionName, Collections, Known, NewCollection, WebOrigin, service};
use crate::db::Pool;
use crate::entries::path::Path;
use crate::entries::query::{Field, field};
use crate::entries::{Entries, Pin};
use crate::error::{Error, FieldError};
use crate::moment::Moment;
use crate::staff::{Owner, Viewer};
use crate::web::ApiError;

pub fn routes() -> Vec<Route> {
    routes![list, make, show, change, allow, pin, unpin]
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
            created: c.created_at,
        }
    }
}

/// 201 with `Location`.
struct Created<T> {
    location: String,
    body: T,
}

impl<'r, T: Serialize> Responder<'r, 'static> for Created<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Json(self.body).respond_to(request)?;
        response.set_status(Status::Created);
        response.set_header(Header::new("Location", self.location));
        Response::build_from(response).ok()
    }
}

/// A body of JSON; what is wrong with it is told by name.
type Body<'r, T> = Result<Json<T>, rocket::serde::json::Error<'r>>;

fn body<T>(body: Body<'_, T>) -> Result<T, Error> {
    use rocket::serde::json::Error as JsonError;
    match body {
        Ok(Json(value)) => Ok(value),
        Err(JsonError::Io(_)) => Err(Error::TooLarge("The body is longer than this takes.".into())),
        Err(JsonError::Parse(_, error)) if error.is_data() => {
            Err(Error::Invalid(vec![FieldError::at("", error.to_string())]))
        }
        Err(JsonError::Parse(_, error)) => Err(Error::BadRequest(vec![FieldError::at("", error.to_string())])),
    }
}

pub async fn find(collections: &Collections, name: &str) -> Result<std::sync::Arc<Known>, Error> {
    let missing = || Error::NotFound("There is no such collection.".into());
    collections.by_name(name).await?.ok_or_else(missing)
}

#[get("/api/v1/collections")]
async fn list(_viewer: Viewer, collections: &State<Collections>) -> Answer<Json<serde_json::Value>> {
    let all = collections.list().await?;
    let shown: Vec<_> = all.iter().map(|known| Shown::new(known)).collect();
    Ok(Json(serde_json::json!({ "collections": shown, "next": null, "count": all.len() })))
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

#[post("/api/v1/collections", format = "json", data = "<new>")]
async fn make(
    _owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    new: Body<'_, Make>,
) -> Answer<Created<Shown>> {
    let new = body(new)?;
    let origins = new.origins.iter().map(|origin| WebOrigin::parse(origin)).collect::<Result<_, _>>()?;
    let name = CollectionName::parse(&new.name)?;
    let new =
        NewCollection { name, title: new.title, open: new.open, public_read: new.public_read, kind: new.kind, origins };
    let made = service::create(db, new, entries.clock().now()).await?;
    collections.changed();
    let known = find(collections, &made.name).await?;
    Ok(Created { location: format!("/api/v1/collections/{}", made.name), body: Shown::new(&known) })
}

#[get("/api/v1/collections/<name>")]
async fn show(_viewer: Viewer, collections: &State<Collections>, name: &str) -> Answer<Json<Shown>> {
    Ok(Json(Shown::new(&*find(collections, name).await?)))
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

#[patch("/api/v1/collections/<name>", format = "json", data = "<new>")]
async fn change(
    _owner: Owner,
    db: &State<Pool>,
    collections: &State<Collections>,
    name: &str,
    new: Body<'_, Change>,
) -> Answer<Json<Shown>> {
    let new = body(new)?;
    let known = find(collections, name).await?;
    let changes = Changes {
        title: new.title,
        open: new.open,
        public_read: new.public_read,
        retention_days: new.retention_days,
        daily_quota: new.daily_quota,
        checks: new.checks.map(|checks| checks.to_string()),
        new_key: false,
    };
    service::change(db, &known.collection, changes).await?;
    collections.changed();
    Ok(Json(Shown::new(&*find(collections, name).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    origin: String,
}

#[post("/api/v1/collections/<name>/origins", format = "json", data = "<new>")]
async fn allow(
    _owner: Owner,
    db: &State<Pool>,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    new: Body<'_, Allow>,
) -> Answer<Json<Shown>> {
    let origin = WebOrigin::parse(&body(new)?.origin)?;
    let known = find(collections, name).await?;
    service::allow_origin(db, known.collection.id, &origin, entries.clock().now()).await?;
    collections.changed();
    Ok(Json(Shown::new(&*find(collections, name).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPin {
    field: String,
}

#[derive(Serialize)]
struct ShownPin {
    id: i64,
    field: String,
    automatic: bool,
    ready: bool,
    bytes: i64,
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

/// A field of the client's data; ours have indexes already.
pub fn data_field(name: &str) -> Result<Path, Error> {
    match field(name) {
        Ok(Field::Data(path)) => Ok(path),
        Ok(Field::System(_)) => Err(Error::invalid("/field", "must be a field of the data")),
        Err(detail) => Err(Error::invalid("/field", detail)),
    }
}

/// The index is built in the background.
#[post("/api/v1/collections/<name>/pins", format = "json", data = "<new>")]
async fn pin(
    _owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    new: Body<'_, NewPin>,
) -> Answer<Created<ShownPin>> {
    let field = body(new)?.field;
    let path = data_field(&field)?;
    let known = find(collections, name).await?;
    entries.pin(&known, &path, false).await?;
    let entries = entries.inner().clone();
    let pins = entries.pins(known.collection.id).await?;
    tokio::spawn(async move { entries.build_pins_or_log().await });
    let made = pins
        .iter()
        .find(|(pin, _)| pin.path == path.to_string())
        .ok_or_else(|| Error::NotFound("The pin is gone.".into()))?;
    Ok(Created { location: format!("/api/v1/collections/{name}/pins/{}", made.0.id), body: ShownPin::new(made) })
}

#[delete("/api/v1/collections/<name>/pins/<id>")]
async fn unpin(
    _owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    id: i64,
) -> Answer<Status> {
    let known = find(collections, name).await?;
    entries.unpin(&known, id).await?;
    Ok(Status::NoContent)
}
