//! Relays as JSON, and their changes.

use std::sync::Arc;

use rocket::http::Status;
use rocket::{State, delete, get, patch, post, put};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::{Result, both};
use crate::moment::Moment;
use crate::relay::cached::Relays;
use crate::relay::definition::Definition;
use crate::relay::live::LiveRelay;
use crate::relay::stored::RelayName;
use crate::staff::{Owner, Role, Viewer};
use crate::web::{Answer, IfMatch, JsonAnswer, JsonObject, NoBody, etag, item_id};

/// A relay: what it is, and its definition. Its key is for owners.
fn shown(live: &LiveRelay, role: Role) -> Value {
    let relay = &live.relay;
    let mut shown = serde_json::to_value(&live.definition).unwrap_or_default();
    if let Some(object) = shown.as_object_mut() {
        object.insert("name".into(), relay.name.clone().into());
        object.insert("key".into(), if role == Role::Owner { relay.relay_key.clone().into() } else { Value::Null });
        object.insert("version".into(), relay.version.into());
        object.insert("created".into(), json!(relay.created_at));
        object.insert("updated".into(), json!(relay.updated_at));
    }
    shown
}

/// With its version as the ETag.
fn answer(live: &LiveRelay, role: Role) -> JsonAnswer {
    JsonAnswer::ok(&shown(live, role)).with("ETag", etag(live.relay.version))
}

/// List relays
#[utoipa::path(
    tag = "relays",
    responses((status = 200, description = "All relays by name", body = ref("#/components/schemas/RelayList"))),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/relays")]
pub(super) async fn list(viewer: Viewer, relays: &State<Relays>) -> Answer<JsonAnswer> {
    let all = relays.list().await?;
    let shown: Vec<_> = all.iter().map(|live| shown(live, viewer.0.role)).collect();
    Ok(JsonAnswer::ok(&json!({ "count": shown.len(), "next": null, "relays": shown })))
}

/// Create a relay
#[utoipa::path(
    tag = "relays",
    request_body = ref("#/components/schemas/RelayNew"),
    responses((status = 201, description = "The relay, with its key", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/relays", data = "<body>")]
pub(super) async fn create(owner: Owner, relays: &State<Relays>, mut body: JsonObject) -> Answer<JsonAnswer> {
    let name = body.0.shift_remove("name");
    let name = RelayName::parse(name.as_ref().and_then(Value::as_str).unwrap_or_default());
    let (name, definition) = both(name, body.parse())?;
    let relay = relays.create(&owner.author(), &name, definition).await?;
    let live = relays.get(&relay.name).await?;
    Ok(answer(&live, Role::Owner).with_location(format!("/api/v1/relays/{}", relay.name)))
}

/// Read a relay
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    responses((status = 200, description = "The relay", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/relays/<name>")]
pub(super) async fn show(viewer: Viewer, relays: &State<Relays>, name: &str) -> Answer<JsonAnswer> {
    Ok(answer(&*relays.get(name).await?, viewer.0.role))
}

/// What was read may be sent back: what cannot be changed is left out if it is unchanged.
fn without_given(mut body: Map<String, Value>, live: &LiveRelay) -> Map<String, Value> {
    let shown = shown(live, Role::Owner);
    let given = ["name", "key", "version", "created", "updated"];
    body.retain(|name, value| !(given.contains(&name.as_str()) && shown[name.as_str()] == *value));
    body
}

/// Replace the definition of a relay
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    request_body = Definition,
    responses((status = 200, description = "The relay as it is now", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("owner"))),
)]
#[put("/api/v1/relays/<name>", data = "<body>")]
pub(super) async fn replace(
    owner: Owner,
    relays: &State<Relays>,
    name: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let live = relays.get(name).await?;
    let definition = JsonObject(without_given(body.0, &live)).parse()?;
    if_match.required(live.relay.version)?;
    write(&owner, relays, &live, definition).await
}

/// Change fields of the definition
///
/// Each field that is named replaces the one that is there, lists such as `pools` as a whole.
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    request_body = ref("#/components/schemas/Object"),
    responses((status = 200, description = "The relay as it is now", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("owner"))),
)]
#[patch("/api/v1/relays/<name>", data = "<body>")]
pub(super) async fn change(
    owner: Owner,
    relays: &State<Relays>,
    name: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Answer<JsonAnswer> {
    let live = relays.get(name).await?;
    let mut whole = serde_json::to_value(&live.definition).unwrap_or_default();
    if let Some(object) = whole.as_object_mut() {
        object.extend(without_given(body.0, &live));
    }
    let definition = JsonObject(whole.as_object().cloned().unwrap_or_default()).parse()?;
    if_match.version(live.relay.version)?;
    write(&owner, relays, &live, definition).await
}

async fn write(owner: &Owner, relays: &Relays, live: &LiveRelay, definition: Definition) -> Answer<JsonAnswer> {
    relays.change(&owner.author(), &live.relay, definition).await?;
    Ok(answer(&*relays.get(&live.relay.name).await?, Role::Owner))
}

/// Delete a relay
///
/// Its address answers nothing more. It can be restored.
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    responses((status = 204, description = "The relay was deleted")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/relays/<name>")]
pub(super) async fn remove(owner: Owner, relays: &State<Relays>, name: &str, if_match: IfMatch) -> Answer<Status> {
    let live = relays.get(name).await?;
    if_match.version(live.relay.version)?;
    relays.remove(&owner.author(), &live.relay).await?;
    Ok(Status::NoContent)
}

/// Restore a relay
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The relay as it is now", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/relays/<name>/restoration", data = "<_body>")]
pub(super) async fn restore(owner: Owner, relays: &State<Relays>, name: &str, _body: NoBody) -> Answer<JsonAnswer> {
    relays.restore(&owner.author(), name).await?;
    Ok(answer(&*relays.get(name).await?, Role::Owner))
}

/// Give a relay a new key
///
/// The old key stops working at once.
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The relay with its new key", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/relays/<name>/key", data = "<_body>")]
pub(super) async fn renew_key(owner: Owner, relays: &State<Relays>, name: &str, _body: NoBody) -> Answer<JsonAnswer> {
    let live = relays.get(name).await?;
    relays.renew_key(&owner.author(), &live.relay).await?;
    Ok(answer(&*relays.get(name).await?, Role::Owner))
}

/// A definition that a relay had.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayEdition)]
struct ShownEdition {
    version: i64,
    /// Who wrote it.
    author: String,
    #[schema(value_type = String, format = DateTime)]
    at: Moment,
    definition: Definition,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RelayEditionList)]
pub struct EditionList {
    editions: Vec<ShownEdition>,
    next: Option<String>,
    count: usize,
}

/// List what a relay was
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    responses((status = 200, description = "The last 100 definitions, the newest first", body = EditionList)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/relays/<name>/editions")]
pub(super) async fn editions(_viewer: Viewer, relays: &State<Relays>, name: &str) -> Answer<JsonAnswer> {
    let live = relays.get(name).await?;
    let editions = relays.editions(&live.relay).await?;
    let shown = |edition: crate::relay::stored::Edition| {
        let definition = edition.parsed()?;
        Ok(ShownEdition { version: edition.version, author: edition.author, at: edition.at, definition })
    };
    let editions = editions.into_iter().map(shown).collect::<Result<Vec<_>>>()?;
    let list = EditionList { count: editions.len(), next: None, editions };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// Take an earlier definition again
///
/// It becomes a new version. Secret headers keep the values they have now.
#[utoipa::path(
    tag = "relays",
    params(
        ("name" = String, Path, description = "Name of the relay"),
        ("version" = i64, Path, description = "Version whose definition is taken"),
    ),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The relay as it is now", body = ref("#/components/schemas/Relay"))),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/relays/<name>/editions/<version>/restoration", data = "<_body>")]
pub(super) async fn undo(
    owner: Owner,
    relays: &State<Relays>,
    name: &str,
    version: &str,
    _body: NoBody,
) -> Answer<JsonAnswer> {
    let live: Arc<LiveRelay> = relays.get(name).await?;
    relays.undo(&owner.author(), &live.relay, item_id(version)?).await?;
    Ok(answer(&*relays.get(name).await?, Role::Owner))
}
