//! One entry.

use askama::Template;
use rocket::http::uri::Origin;
use rocket::{State, get};

use super::browse::summary;
use crate::collections::Collection;
use crate::entries::entry::{Entry, EntryId};
use crate::entries::reader::Reader;
use crate::entries::service::Entries;
use crate::entries::store::ChangeRow;
use crate::error::{Error, Result};
use crate::json;
use crate::moment::Moment;
use crate::staff::{Layout, Viewer};
use crate::web::{Html, Note, encode, query_pairs, render};

#[derive(Template)]
#[template(path = "entries/show.html")]
struct EntryPage {
    layout: Layout,
    entry: Entry,
    collection: Collection,
    fields: Vec<(String, String, &'static str)>,
    raw: String,
    back: String,
    newer: Option<String>,
    older: Option<String>,
    others: Vec<(i64, Moment, String)>,
    may_change: bool,
    state: String,
    states: Vec<String>,
    assignees: Vec<String>,
    changes: Vec<ChangeRow>,
    /// The query string of the list that it was opened from.
    query: String,
    note: String,
}

#[get("/entries/<id>")]
pub(super) async fn entry(
    viewer: Viewer,
    layout: Layout,
    entries: &State<Entries>,
    id: &str,
    uri: &Origin<'_>,
    note: Note,
) -> Result<Html> {
    let reader = Reader::Staff(viewer.0.id);
    let id = id.parse().map(EntryId).map_err(|_| Error::NotFound("The id of an entry is a number.".into()))?;
    let (entry, known) = entries.find(&reader, id).await?;
    let params = query_pairs(uri)?;
    let query = entries.read_query(&params)?;
    let (newer, older) = entries.neighbours(&reader, &query, &entry).await?;
    let link = |id: EntryId| format!("/entries/{}?{}", id.0, encode(&params));
    let others = entries.of_session(&entry).await?;
    let page = EntryPage {
        fields: readable_fields(&entry.data),
        raw: pretty(&entry.data),
        back: format!("/list?{}", encode(&params)),
        newer: newer.map(link),
        older: older.map(link),
        others: others.iter().map(|other| (other.id.0, other.received, summary(other.data))).collect(),
        may_change: viewer.0.role >= crate::staff::Role::Staff,
        state: entry.state.clone().unwrap_or_else(|| known.collection.first_state()),
        states: states(&known.collection, entry.state.as_ref()),
        assignees: assignees(entries, entry.assignee.as_ref()).await?,
        changes: entries.changes(entry.id).await?,
        query: encode(&params),
        note: note.0,
        collection: known.collection.clone(),
        entry,
        layout,
    };
    render(&page)
}

/// The states of a collection, and the present one if it is none of them any more.
fn states(collection: &Collection, present: Option<&String>) -> Vec<String> {
    let mut states = collection.states();
    states.extend(present.filter(|state| !states.contains(state)).cloned());
    states
}

/// Accounts the entry can be assigned to, the present assignee among them.
async fn assignees(entries: &Entries, present: Option<&String>) -> Result<Vec<String>> {
    let mut emails: Vec<_> = entries.assignees().await?.into_iter().map(|(_, email)| email).collect();
    emails.extend(present.filter(|email| !emails.contains(email)).cloned());
    Ok(emails)
}

/// Name, value and kind of every field.
fn readable_fields(data: &str) -> Vec<(String, String, &'static str)> {
    let mut fields = Vec::new();
    json::fields(data, &mut |path, kind, value| {
        let kind = match kind {
            json::Kind::String if value.starts_with("https://") || value.starts_with("http://") => "link",
            json::Kind::String if value.contains('@') && !value.contains(char::is_whitespace) => "mail",
            json::Kind::String => "text",
            json::Kind::Number => "number",
            json::Kind::Bool => "truth",
            _ => "json",
        };
        fields.push((path.to_owned(), value.to_owned(), kind));
    });
    fields
}

fn pretty(data: &str) -> String {
    serde_json::from_str::<serde_json::Value>(data)
        .ok()
        .and_then(|v| serde_json::to_string_pretty(&v).ok())
        .unwrap_or_else(|| data.to_owned())
}
