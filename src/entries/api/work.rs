//! Working on an entry: its state, who does it, a note; what was changed, and taking that back.

use rocket::{State, get, patch, post};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::entry::{entry_id, present, reread};
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::store::ChangeRow;
use crate::entries::work::WorkChange;
use crate::moment::Moment;
use crate::staff::{Staff, Viewer};
use crate::web::{ApiError, IfMatch, JsonAnswer, JsonObject, NoBody, item_id};

/// How an entry is worked on: what is left out stays, null removes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EntryWork)]
struct Work {
    /// One of its collection's states; null is the first.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    state: Option<String>,
    /// The email of an account that may change entries.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    assignee: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    note: Option<String>,
}

/// Null is an empty text, and a name that is not there is none.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| Some(text.unwrap_or_default()))
}

/// Work on an entry
///
/// Sets its state, gives it to somebody, keeps a note about it.
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    request_body = Work,
    responses((status = 200, description = "The entry as it is now", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("staff"))),
)]
#[patch("/api/v1/entries/<id>/work", data = "<body>")]
pub(super) async fn work(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
    body: JsonObject,
) -> Result<JsonAnswer, ApiError> {
    let Work { state, assignee, note } = body.parse()?;
    let (id, version) = present(entries, &staff, id, &if_match).await?;
    let entry = entries.work_on(&staff.author(), id, version, WorkChange { state, assignee, note }).await?;
    reread(entries, &staff, &entry).await
}

/// A change of an entry.
#[derive(Serialize, ToSchema)]
#[schema(as = EntryChange)]
struct Change {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    at: Moment,
    /// Email of the author, as it was at that time.
    by: String,
    /// `data`, `state`, `assignee`, `note`.
    what: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EntryChangeList)]
struct Changes {
    changes: Vec<Change>,
    next: Option<String>,
    count: usize,
}

impl From<ChangeRow> for Change {
    fn from(row: ChangeRow) -> Change {
        Change { id: row.id, at: row.at, by: row.actor, what: row.what, before: row.before, after: row.after }
    }
}

/// List the changes of an entry
///
/// The newest 200, the newest first.
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    responses((status = 200, description = "The changes", body = Changes)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/entries/<id>/changes")]
pub(super) async fn changes(entries: &State<Entries>, viewer: Viewer, id: &str) -> Result<JsonAnswer, ApiError> {
    let (entry, _) = entries.find(&Reader::Staff(viewer.0.id), entry_id(id)?).await?;
    let changes: Vec<Change> = entries.changes(entry.id).await?.into_iter().map(Change::from).collect();
    let list = Changes { count: changes.len(), changes, next: None };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// Undo a change of an entry
///
/// By a new change, if what it wrote still stands there; else 409.
#[utoipa::path(
    tag = "entries",
    params(
        ("id" = i64, Path, description = "Number of the entry"),
        ("change" = i64, Path, description = "Number of the change"),
    ),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 200, description = "The entry as it is now", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/entries/<id>/changes/<change>/reversal", data = "<_body>")]
pub(super) async fn take_back(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    change: &str,
    _body: NoBody,
) -> Result<JsonAnswer, ApiError> {
    let entry = entries.undo_change(&staff.author(), entry_id(id)?, item_id(change)?).await?;
    reread(entries, &staff, &entry).await
}
