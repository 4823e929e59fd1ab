//! One entry.

use rocket::data::{Data, FromData, Outcome as DataOutcome};
use rocket::http::Status;
use rocket::{Request, State, delete, get, patch, post, put};

use crate::entries::entry::{Entry, EntryId};
use crate::entries::export::write_json;
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::store::Mark;
use crate::entries::system::WITH_SPAM;
use crate::error::{Error, Result};
use crate::filter::Fields;
use crate::moment::Moment;
use crate::staff::{Author, Staff, Visitor};
use crate::web::{ApiError, IfMatch, JsonAnswer, NoBody, Refused, etag, item_id, pairs, read_json};

/// The number of an entry; anything else is not there.
pub(super) fn entry_id(text: &str) -> Result<EntryId> {
    item_id(text).map(EntryId)
}

/// Read an entry
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    responses((status = 200, description = "The entry", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/api/v1/entries/<id>")]
pub(super) async fn show(
    entries: &State<Entries>,
    visitor: Visitor,
    id: &str,
) -> std::result::Result<JsonAnswer, ApiError> {
    let reader = visitor.0.map_or(Reader::Public, |account| Reader::Staff(account.id));
    let (entry, known) = entries.find(&reader, entry_id(id)?).await?;
    Ok(shown(&entry, &known.collection.name))
}

/// The entry of a path, and the version that a change must still find.
pub(super) async fn present(
    entries: &Entries,
    staff: &Staff,
    id: &str,
    if_match: &IfMatch,
) -> Result<(EntryId, Option<i64>)> {
    let (entry, _) = entries.find(&Reader::Staff(staff.0.id), entry_id(id)?).await?;
    Ok((entry.id, if_match.version(entry.version)?))
}

/// The data of an entry, as it was sent.
pub(super) struct EntryBody(Vec<u8>);

#[rocket::async_trait]
impl<'r> FromData<'r> for EntryBody {
    type Error = ();
    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> DataOutcome<'r, Self> {
        match read_json(request, data, crate::limits::MAX_ENTRY as u64, false).await {
            Ok(bytes) => DataOutcome::Success(EntryBody(bytes)),
            Err(error) => DataOutcome::Error(Refused::note(request, error)),
        }
    }
}

/// Replace the data of an entry
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    request_body = ref("#/components/schemas/Data"),
    responses((status = 200, description = "The entry as it is now", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("staff"))),
)]
#[put("/api/v1/entries/<id>", data = "<body>")]
pub(super) async fn replace(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
    body: EntryBody,
) -> std::result::Result<JsonAnswer, ApiError> {
    let (entry, _) = entries.find(&Reader::Staff(staff.0.id), entry_id(id)?).await?;
    let (id, version) = (entry.id, if_match.required(entry.version)?);
    let entry = entries.replace(&staff.author(), id, version, &body.0).await?;
    reread(entries, &staff, &entry).await
}

/// Change the data of an entry (RFC 7396)
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    request_body = ref("#/components/schemas/Data"),
    responses((status = 200, description = "The entry as it is now", body = ref("#/components/schemas/Entry"))),
    extensions(("x-role" = json!("staff"))),
)]
#[patch("/api/v1/entries/<id>", data = "<body>")]
pub(super) async fn merge(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
    body: EntryBody,
) -> std::result::Result<JsonAnswer, ApiError> {
    let (id, version) = present(entries, &staff, id, &if_match).await?;
    let entry = entries.merge(&staff.author(), id, version, &body.0).await?;
    reread(entries, &staff, &entry).await
}

pub(super) async fn reread(
    entries: &Entries,
    staff: &Staff,
    entry: &Entry,
) -> std::result::Result<JsonAnswer, ApiError> {
    let (entry, known) = entries.find(&Reader::Staff(staff.0.id), entry.id).await?;
    Ok(shown(&entry, &known.collection.name))
}

/// Delete an entry
///
/// It can be restored.
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    responses((status = 204, description = "The entry was deleted")),
    extensions(("x-role" = json!("staff"))),
)]
#[delete("/api/v1/entries/<id>")]
pub(super) async fn remove_entry(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    if_match: IfMatch,
) -> std::result::Result<Status, ApiError> {
    let (entry, _) = entries.find(&Reader::Staff(staff.0.id), entry_id(id)?).await?;
    if_match.version(entry.version)?;
    if entry.deleted.is_some() {
        return Err(Error::NotFound(format!("Entry {id} is deleted already.").into()).into());
    }
    mark_one(entries, &staff, id, Mark::Delete).await.map(|()| Status::NoContent)
}

/// Restore an entry
#[utoipa::path(
    tag = "entries",
    params(("id" = i64, Path, description = "Id of the entry")),
    request_body = ref("#/components/schemas/Nothing"),
    responses((status = 204, description = "The entry was restored, or was not deleted")),
    extensions(("x-role" = json!("staff"))),
)]
#[post("/api/v1/entries/<id>/restoration", data = "<_body>")]
pub(super) async fn restore(
    entries: &State<Entries>,
    staff: Staff,
    id: &str,
    _body: NoBody,
) -> std::result::Result<Status, ApiError> {
    mark_one(entries, &staff, id, Mark::Restore).await.map(|()| Status::NoContent)
}

/// Marks one entry; one that is not there is 404, one that is marked already stays so.
async fn mark_one(entries: &Entries, staff: &Staff, id: &str, mark: Mark) -> std::result::Result<(), ApiError> {
    let reader = Reader::Staff(staff.0.id);
    let (entry, _) = entries.find(&reader, entry_id(id)?).await?;
    entries.mark_ids(&staff.author(), &reader, &[entry.id], mark).await?;
    Ok(())
}

impl Entries {
    /// Marks these entries. Returns how many changed, and the timestamp that [`Entries::unmark`] needs.
    pub async fn mark_ids(&self, by: &Author, reader: &Reader, ids: &[EntryId], mark: Mark) -> Result<(u64, Moment)> {
        let list: Vec<_> = ids.iter().map(|id| id.0.to_string()).collect();
        let params = pairs(&format!("_id__in={}&_deleted=with&{WITH_SPAM}", list.join(",")))?;
        let query = self.read_query(&params)?;
        let one = if let [id] = ids { id.0.to_string() } else { String::new() };
        self.mark_as(by, reader, &query, mark, one).await
    }
}

/// One entry as JSON, with its version as the ETag.
fn shown(entry: &Entry, collection: &str) -> JsonAnswer {
    let mut out = Vec::new();
    write_json(&mut out, &entry.borrowed(), collection, &Fields::All);
    JsonAnswer::text(String::from_utf8(out).unwrap_or_default()).with("ETag", etag(entry.version))
}
