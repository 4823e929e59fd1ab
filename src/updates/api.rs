//! `/api/v1/updates`: list, write, publish, delete, restore.

use rocket::http::Status;
use rocket::http::uri::Origin;
use rocket::{State, delete, get, patch, post, put, routes};
use serde_json::{Map, Value, json};

use super::resource::UPDATES;
use super::service::Updates;
use super::update::{State as Stage, Update};
use super::writing::Writing;
use crate::error::Result;
use crate::moment::Moment;
use crate::records::api::{Listed, answer_list, created, list_answer, read_query, shown};
use crate::records::{Record, Records};
use crate::staff::{Staff, Viewer};
use crate::web::{Answer, Api, IfMatch, JsonAnswer, JsonObject, NoBody, WebHost, api, item_id};

/// Changes, each a verb.
pub fn api() -> Api {
    api![create, replace, change, remove, restore]
}

/// Lists and items, declared as records.
pub fn reads() -> Api {
    Api::declared(routes![list, show])
}

/// What an update tells beside its columns: where it stands now, and its address.
pub fn live_schema() -> Value {
    json!({
        "state": { "type": "string", "enum": ["draft", "scheduled", "published"], "description": "Where it stands now" },
        "url": { "type": "string", "format": "uri", "description": "Where visitors read it once it is published" },
    })
}

fn add_live(item: &mut Record, now: Moment, host: &WebHost) {
    let publish_at = item.body.get("publish_at").and_then(Value::as_str).and_then(Moment::parse);
    let state = Stage::of(item.flag("draft"), publish_at, now);
    let url = format!("{}/updates/{}", host.0, item.text("slug"));
    item.body.insert("state".into(), state.name().into());
    item.body.insert("url".into(), url.into());
}

#[get("/")]
async fn list(
    _viewer: Viewer,
    records: &State<Records>,
    updates: &State<Updates>,
    uri: &Origin<'_>,
    host: WebHost,
) -> Answer<Listed> {
    let query = read_query(records, uri)?;
    if query.format.is_some() {
        return Ok(answer_list(records, &UPDATES, uri, true, &host).await?);
    }
    let mut listing = records.list(&UPDATES, &query, true).await?;
    listing.items.iter_mut().for_each(|item| add_live(item, updates.now(), &host));
    Ok(Listed::Json(list_answer(&UPDATES, &query, listing, uri, &host).live()))
}

#[get("/<id>")]
async fn show(
    _viewer: Viewer,
    records: &State<Records>,
    updates: &State<Updates>,
    id: &str,
    host: WebHost,
) -> Answer<JsonAnswer> {
    Ok(shown(as_record(records, updates, item_id(id)?, &host).await?).live())
}

/// An update as the API tells it.
async fn as_record(records: &Records, updates: &Updates, id: i64, host: &WebHost) -> Result<Record> {
    let mut item = records.find(&UPDATES, id, true).await?;
    add_live(&mut item, updates.now(), host);
    Ok(item)
}

/// Write an update
///
/// A draft, unless `draft` is false. Its address is made of the title if `slug` is empty.
#[utoipa::path(
    tag = "updates",
    request_body = Writing,
    responses((status = 201, description = "The new update", body = ref("#/components/schemas/Update"))),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/updates", data = "<body>")]
async fn create(
    staff: Staff,
    records: &State<Records>,
    updates: &State<Updates>,
    body: JsonObject,
    host: WebHost,
) -> Answer<JsonAnswer> {
    let update = updates.create(&(&staff.0).into(), body.parse()?).await?;
    Ok(created(&UPDATES, as_record(records, updates, update.id, &host).await?))
}

/// The update of an address, and the same as the API tells it.
async fn both_of(records: &Records, updates: &Updates, id: &str, host: &WebHost) -> Result<(Update, Record)> {
    let update = updates.find(item_id(id)?).await?;
    let record = as_record(records, updates, update.id, host).await?;
    Ok((update, record))
}

/// What was read may be sent back: what only the server gives is left out if it is unchanged.
fn without_given(mut body: Map<String, Value>, present: &Record) -> Map<String, Value> {
    let is_written = |name: &str| {
        let written = ["title", "slug", "body", "tags", "pinned", "draft", "publish_at", "timezone"];
        written.contains(&name)
    };
    // Where it stands follows the clock, so it may be another meanwhile.
    let is_live = |name: &str| UPDATES.live.contains(&name);
    body.retain(|name, value| is_written(name) || !is_live(name) && present.body.get(name) != Some(value));
    body
}

/// Replace an update
///
/// What the body leaves out gets its default. Changes that were written in the editor and not published are dropped.
#[utoipa::path(
    tag = "updates",
    params(("id" = i64, Path, description = "Id of the update")),
    request_body = Writing,
    responses((status = 200, description = "The update after the change", body = ref("#/components/schemas/Update"))),
    extensions(("x-role" = json!("staff"))),
)]
#[put("/api/v1/updates/<id>", data = "<body>")]
async fn replace(
    staff: Staff,
    records: &State<Records>,
    updates: &State<Updates>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
    host: WebHost,
) -> Answer<JsonAnswer> {
    let (present, record) = both_of(records, updates, id, &host).await?;
    let writing = JsonObject(without_given(body.0, &record)).parse()?;
    if_match.required(present.version)?;
    updates.change(&(&staff.0).into(), &present, writing).await?;
    Ok(shown(as_record(records, updates, present.id, &host).await?).live())
}

/// Change fields of an update
///
/// Each field that is named replaces the one that is there. `"draft": false` publishes a draft, `"draft": true` withdraws.
/// Changes that were written in the editor and not published are dropped if title or text change.
#[utoipa::path(
    tag = "updates",
    params(("id" = i64, Path, description = "Id of the update")),
    request_body = ref("#/components/schemas/Object"),
    responses((status = 200, description = "The update after the change", body = ref("#/components/schemas/Update"))),
    extensions(("x-role" = json!("staff"))),
)]
#[patch("/api/v1/updates/<id>", data = "<body>")]
async fn change(
    staff: Staff,
    records: &State<Records>,
    updates: &State<Updates>,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
    host: WebHost,
) -> Answer<JsonAnswer> {
    let (present, record) = both_of(records, updates, id, &host).await?;
    let writing = JsonObject(merged(&present, without_given(body.0, &record))).parse()?;
    if_match.version(present.version)?;
    updates.amend(&(&staff.0).into(), &present, writing).await?;
    Ok(shown(as_record(records, updates, present.id, &host).await?).live())
}

/// An update with some fields changed (RFC 7396); null stands for the default. What is not named and follows from others,
/// follows: the address of a draft from its title, no time from being a draft.
fn merged(present: &Update, changes: Map<String, Value>) -> Map<String, Value> {
    let mut stored = present.writing();
    if present.slug_made {
        stored.slug.clear();
    }
    if matches!(changes.get("draft"), Some(Value::Bool(true) | Value::Null)) {
        stored.publish_at = None;
    }
    let mut whole = serde_json::to_value(stored).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default();
    for (name, value) in changes {
        match value {
            Value::Null => drop(whole.shift_remove(&name)),
            value => drop(whole.insert(name, value)),
        }
    }
    whole
}

/// Delete an update
///
/// Nobody sees it any more. It can be restored.
#[utoipa::path(
    tag = "updates",
    params(("id" = i64, Path, description = "Id of the update")),
    responses((status = 204, description = "Deleted")),
    extensions(("x-role" = json!("staff"))),
)]
#[delete("/api/v1/updates/<id>")]
async fn remove(staff: Staff, updates: &State<Updates>, id: &str, if_match: IfMatch) -> Answer<Status> {
    let present = updates.find(item_id(id)?).await?;
    if_match.version(present.version)?;
    updates.remove(&(&staff.0).into(), &present).await?;
    Ok(Status::NoContent)
}

/// Restore an update
#[utoipa::path(
    tag = "updates",
    params(("id" = i64, Path, description = "Id of the update")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The update as it is now", body = ref("#/components/schemas/Update"))),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/updates/<id>/restoration", data = "<_body>")]
async fn restore(
    staff: Staff,
    records: &State<Records>,
    updates: &State<Updates>,
    id: &str,
    _body: NoBody,
    host: WebHost,
) -> Answer<JsonAnswer> {
    let update = updates.restore(&(&staff.0).into(), item_id(id)?).await?;
    Ok(shown(as_record(records, updates, update.id, &host).await?).live())
}
