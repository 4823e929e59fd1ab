//! `/api/v1/collections`: list, create, change, delete, restore.

use rocket::http::Status;
use rocket::{State, delete, get, patch, post, put};
use serde::Deserialize;
use utoipa::ToSchema;

use super::shown::{CollectionList, Shown, answer};
use crate::collections::{CachedCollection, Changes, CollectionName, Collections, NewCollection, STATES, WebOrigin};
use crate::staff::{Owner, Viewer};
use crate::web::{Answer, IfMatch, JsonAnswer, JsonObject, NoBody};

/// List collections
#[utoipa::path(
    tag = "collections",
    responses((status = 200, description = "All collections by name", body = CollectionList)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections")]
pub(super) async fn list(_viewer: Viewer, collections: &State<Collections>) -> Answer<JsonAnswer> {
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

/// Create a collection
#[utoipa::path(
    tag = "collections",
    request_body = Make,
    responses((status = 201, description = "The collection, with its publishable key", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections", data = "<body>")]
pub(super) async fn create(owner: Owner, collections: &State<Collections>, body: JsonObject) -> Answer<JsonAnswer> {
    let new: Make = body.parse()?;
    let origins = new.origins.iter().map(|origin| WebOrigin::parse(origin)).collect::<Result<_, _>>()?;
    let name = CollectionName::parse(&new.name)?;
    let new =
        NewCollection { name, title: new.title, open: new.open, public_read: new.public_read, kind: new.kind, origins };
    let made = collections.create(&owner.author(), new).await?;
    let known = collections.get(&made.name).await?;
    Ok(answer(&known).with_location(format!("/api/v1/collections/{}", made.name)))
}

/// Read a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    responses((status = 200, description = "The collection", body = Shown)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>")]
pub(super) async fn show(_viewer: Viewer, collections: &State<Collections>, name: &str) -> Answer<JsonAnswer> {
    Ok(answer(&*collections.get(name).await?))
}

/// What was read may be sent back: what cannot be changed is left out if it is unchanged.
fn without_given(mut body: JsonObject, known: &CachedCollection) -> JsonObject {
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
    /// 1 to 20 names.
    states: Option<Vec<String>>,
}

/// Replace the settings of a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    request_body = Whole,
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[put("/api/v1/collections/<name>", data = "<body>")]
pub(super) async fn replace(
    owner: Owner,
    collections: &State<Collections>,
    name: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let known = collections.get(name).await?;
    let new: Whole = without_given(body, &known).parse()?;
    let changes = Changes {
        title: Some(new.title),
        open: Some(new.open),
        public_read: Some(new.public_read),
        retention_days: Some(new.retention_days),
        daily_quota: Some(new.daily_quota),
        checks: Some(new.checks.map_or_else(|| "{}".into(), |checks| checks.to_string())),
        states: Some(new.states.unwrap_or_else(|| STATES.map(str::to_owned).to_vec())),
        new_key: false,
    };
    if_match.required(known.collection.version)?;
    write(&owner, collections, name, &if_match, changes).await
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
    /// 1 to 20 names.
    states: Option<Vec<String>>,
}

/// Distinguishes `null` (remove) from a missing name (leave as it is).
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change settings of a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    request_body = Change,
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[patch("/api/v1/collections/<name>", data = "<body>")]
pub(super) async fn change(
    owner: Owner,
    collections: &State<Collections>,
    name: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let new: Change = without_given(body, &*collections.get(name).await?).parse()?;
    let changes = Changes {
        title: new.title,
        open: new.open,
        public_read: new.public_read,
        retention_days: new.retention_days,
        daily_quota: new.daily_quota,
        checks: new.checks.map(|checks| checks.to_string()),
        states: new.states,
        new_key: false,
    };
    write(&owner, collections, name, &if_match, changes).await
}

async fn write(
    owner: &Owner,
    collections: &Collections,
    name: &str,
    if_match: &IfMatch,
    changes: Changes,
) -> Answer<JsonAnswer> {
    let known = collections.get(name).await?;
    let collection = &known.collection;
    if_match.version(collection.version)?;
    collections.change(&owner.author(), collection, changes).await?;
    Ok(answer(&*collections.get(name).await?))
}

/// Delete a collection
///
/// A deleted collection accepts nothing and is not listed. It can be restored for 30 days; then it is purged with its entries.
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    responses((status = 204, description = "The collection was deleted")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/collections/<name>")]
pub(super) async fn remove_collection(
    owner: Owner,
    collections: &State<Collections>,
    name: &str,
    if_match: IfMatch,
) -> Answer<Status> {
    let known = collections.get(name).await?;
    let version = if_match.version(known.collection.version)?;
    collections.remove(&owner.author(), &known.collection, version).await?;
    Ok(Status::NoContent)
}

/// Restore a collection
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The collection as it is now", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/collections/<name>/restoration", data = "<_body>")]
pub(super) async fn restore(
    owner: Owner,
    collections: &State<Collections>,
    name: &str,
    _body: NoBody,
) -> Answer<JsonAnswer> {
    collections.restore(&owner.author(), name).await?;
    Ok(answer(&*collections.get(name).await?))
}
