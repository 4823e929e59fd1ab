//! Entries: what web pages send, kept safely, listed, filtered and exported.
//!
//! What always holds: an entry is a JSON object, stored as it was sent; a client id (`_uid`) is stored once
//! per collection for good; deleting is a mark that can be taken back until the retention sweep; the same
//! query gives the same entries in every format.

mod add;
mod api;
mod body;
mod export;
mod form;
mod import;
mod intake;
mod limits;
mod look;
mod order;
mod pages;
mod path_sql;
mod pin;
mod reading;
mod service;
mod snippet;
mod sql;
mod store;
mod submission;
mod system;
mod upkeep;
mod views;
mod work;

use std::net::IpAddr;

use serde::Serialize;

use crate::collections::CollectionId;
use crate::json;
use crate::moment::Moment;

pub use add::Docs as AddDocs;
pub use api::Docs;
pub use export::{is_formula, unguarded};
pub use import::{How, ImportReport, Options, Sheet, Source, Survey, TABLE};
pub use intake::Tally;
pub use limits::RateSettings;
pub use reading::Reader;
pub use service::{Entries, Settings};
pub use snippet::routes as snippet_routes;
pub use system::{GRAMMAR, parse_query};

/// URLs for anybody: no session is read, CORS is open.
pub fn public_routes() -> Vec<rocket::Route> {
    [add::routes(), api::public_routes()].concat()
}

/// URLs for staff.
pub fn staff_routes() -> Vec<rocket::Route> {
    [api::staff_routes(), pages::routes()].concat()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, Serialize)]
#[sqlx(transparent)]
pub struct EntryId(pub i64);

/// A client's own id for an entry: 8 to 64 of `[A-Za-z0-9_-]`.
pub(crate) fn check_uid(text: &str) -> std::result::Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (8..=64).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(());
    }
    Err("must be 8 to 64 letters, digits, - or _".into())
}

/// An entry that was checked and can be stored.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub collection: CollectionId,
    pub uid: Option<String>,
    pub session: Option<String>,
    /// When it happened by the client's clock, corrected by its skew.
    pub at: Option<Moment>,
    pub origin: Option<String>,
    pub spam: bool,
    /// Where it came from: strangers may bring only so many new names of fields. `None`: whoever is trusted.
    pub address: Option<IpAddr>,
    /// Canonical JSON.
    pub data: String,
    /// See [`json::Canonical::shape`].
    pub shape: u64,
    /// For import: how it was worked on.
    pub work: Option<Box<store::WorkRow>>,
    /// For import: the id and the moment of reception that an export carried.
    pub kept: Option<Kept>,
}

/// What an import keeps of an exported entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kept {
    pub id: Option<EntryId>,
    pub received: Option<Moment>,
    pub deleted: Option<Moment>,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Stored(EntryId),
    /// Stored, marked as spam.
    Flagged(EntryId),
    /// The same `_uid` with the same data was stored before.
    Duplicate(EntryId),
    /// The same `_uid` with other data was stored before.
    Conflict(EntryId),
    Rejected(json::Refusal),
}

/// A stored entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub collection: CollectionId,
    pub received: Moment,
    pub at: Option<Moment>,
    pub session: Option<String>,
    pub origin: Option<String>,
    pub flags: Option<String>,
    pub deleted: Option<Moment>,
    pub version: i64,
    /// `None`: the first of its collection's states.
    pub state: Option<String>,
    /// The email of whoever works on it.
    pub assignee: Option<String>,
    pub assignee_id: Option<i64>,
    pub note: Option<String>,
    pub data: String,
}

/// A field with an index of its own.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Pin {
    pub id: i64,
    pub collection_id: CollectionId,
    pub path: String,
    pub automatic: bool,
    pub created_at: Moment,
    pub ready_at: Option<Moment>,
}

/// A filter with a name.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SavedView {
    pub id: i64,
    pub name: String,
    pub query: String,
}
