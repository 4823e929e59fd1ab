//! What is done from the browse page: marking, saving views, choosing columns.

use rocket::response::Flash;
use rocket::{State, post};

use crate::entries::entry::EntryId;
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::store::Mark;
use crate::entries::system::WITH_SPAM;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::{Staff, Viewer};
use crate::web::{Fields, SeeOther, encode, pairs, see_other};

fn mark_named(name: &str) -> Result<(Mark, &'static str)> {
    match name {
        "delete" => Ok((Mark::Delete, "deleted")),
        "restore" => Ok((Mark::Restore, "restored")),
        "spam" => Ok((Mark::Spam, "marked as spam")),
        "not-spam" => Ok((Mark::NotSpam, "no longer spam")),
        _ => Err(Error::invalid("/action", "must be delete, restore, spam or not-spam")),
    }
}

/// Marks the selected entries, or all that match the view.
#[post("/list/marks", data = "<form>")]
pub(super) async fn mark(staff: Staff, entries: &State<Entries>, form: Fields) -> Result<Flash<SeeOther>> {
    let reader = Reader::Staff(staff.0.id);
    let (mark, done) = mark_named(form.get("action"))?;
    let back = format!("/list?{}", form.get("query"));
    let (count, at) = if form.get("all") == "1" {
        let query = entries.read_query(&pairs(form.get("query"))?)?;
        entries.mark(&staff.author(), &reader, &query, mark).await?
    } else {
        let ids: Vec<_> = form.all("id").filter_map(|id| id.parse().ok().map(EntryId)).collect();
        if ids.is_empty() {
            return Ok(Flash::new(see_other(back), "note", "Nothing was selected.".to_owned()));
        }
        entries.mark_ids(&staff.author(), &reader, &ids, mark).await?
    };
    let text = format!(
        "{} {done}.",
        if count == 1 { "1 entry".into() } else { format!("{} entries", crate::words::thousands(count as i64)) }
    );
    let undo = if matches!(mark, Mark::Delete | Mark::Spam) {
        format!("{}|{}|{text}", form.get("action"), at.0)
    } else {
        format!("||{text}")
    };
    Ok(Flash::new(see_other(back), "done", undo))
}

/// Exports the selected entries, or all that match the view.
#[post("/list/export", data = "<form>")]
pub(super) async fn export_marked(_viewer: Viewer, entries: &State<Entries>, form: Fields) -> Result<SeeOther> {
    if form.get("all") == "1" {
        return Ok(see_other(format!("/csv?{}", form.get("query"))));
    }
    let ids: Vec<i64> = form.all("id").filter_map(|id| id.parse().ok()).collect();
    // Only columns of their own collections.
    let mut selected: Vec<_> = match entries.collections_of(&ids).await?.as_slice() {
        [] => Vec::new(),
        names => vec![("_collection__in".to_owned(), names.join(","))],
    };
    let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
    selected.extend([("_id__in".to_owned(), ids.join(",")), ("_deleted".to_owned(), "with".to_owned())]);
    // Marked entries can only have been selected where the view asked for them.
    if form.get("query").contains("_flags") {
        selected.extend(pairs(WITH_SPAM)?);
    }
    Ok(see_other(format!("/csv?{}", encode(&selected))))
}

/// Takes a mark back: Undo.
#[post("/list/marks/undo", data = "<form>")]
pub(super) async fn unmark(staff: Staff, entries: &State<Entries>, form: Fields) -> Result<Flash<SeeOther>> {
    let (mark, _) = mark_named(form.get("action"))?;
    let at = form.get("at").parse().map_err(|_| Error::invalid("/at", "must be a number"))?;
    let count = entries.unmark(&staff.author(), mark, Moment(at)).await?;
    let text = format!("||Taken back: {count}.");
    Ok(Flash::new(see_other(format!("/list?{}", form.get("query"))), "done", text))
}

#[post("/list/views", data = "<form>")]
pub(super) async fn save_view(staff: Staff, entries: &State<Entries>, form: Fields) -> Result<SeeOther> {
    entries.save_view(&staff.author(), form.get("name"), form.get("query")).await?;
    Ok(see_other(format!("/list?{}", form.get("query"))))
}

#[post("/list/views/<id>/deletion")]
pub(super) async fn remove_view(staff: Staff, entries: &State<Entries>, id: i64) -> Result<SeeOther> {
    entries.remove_view(&staff.author(), id).await?;
    Ok(see_other("/list"))
}

#[post("/list/columns", data = "<form>")]
pub(super) async fn choose_columns(viewer: Viewer, entries: &State<Entries>, form: Fields) -> Result<SeeOther> {
    let known = entries.collections.get(form.get("collection")).await?;
    let names: Vec<_> = form.all("column").map(|name| name.replace('\\', "\\\\").replace(',', "\\,")).collect();
    entries.choose_columns(viewer.0.id, known.collection.id, &names.join(",")).await?;
    Ok(see_other(format!("/list?{}", form.get("query"))))
}
