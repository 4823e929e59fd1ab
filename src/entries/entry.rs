//! What an entry is: as it comes, as it is stored, and what became of it.

use std::net::IpAddr;

use serde::Serialize;

use crate::collections::CollectionId;
use crate::json;
use crate::moment::Moment;

/// The number of an entry. It is never given again.
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
    /// The collection it goes into.
    pub collection: CollectionId,
    /// The client's own id; the same id is stored once.
    pub uid: Option<String>,
    /// Hash of the browser session that sent it.
    pub session: Option<String>,
    /// When it happened by the client's clock, corrected by its skew.
    pub at: Option<Moment>,
    /// The web page's origin, if a browser sent it.
    pub origin: Option<String>,
    /// Stored, but listed only as spam.
    pub spam: bool,
    /// Address of the client, which may bring only so many new field names an hour. `None`: no such limit.
    pub address: Option<IpAddr>,
    /// Canonical JSON.
    pub data: String,
    /// See [`json::Canonical::shape`].
    pub shape: u64,
    /// For import: how it was worked on.
    pub work: Option<Box<WorkRow>>,
    /// For import: the id and the moment of reception that an export carried.
    pub kept: Option<Kept>,
}

/// What an import keeps of an exported entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kept {
    /// The id that it had.
    pub id: Option<EntryId>,
    /// When it was received.
    pub received: Option<Moment>,
    /// When it was deleted; `None`: it was not.
    pub deleted: Option<Moment>,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored as it was sent.
    Stored(EntryId),
    /// Stored, marked as spam.
    Flagged(EntryId),
    /// The same `_uid` with the same data was stored before.
    Duplicate(EntryId),
    /// The same `_uid` with other data was stored before.
    Conflict(EntryId),
    /// Not stored, for this reason.
    Rejected(json::Refusal),
}

/// A stored entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number, in the order of reception.
    pub id: EntryId,
    /// The collection that holds it.
    pub collection: CollectionId,
    /// When the server received it.
    pub received: Moment,
    /// When it happened by the client's clock.
    pub at: Option<Moment>,
    /// Public id of the browser session that sent it.
    pub session: Option<String>,
    /// The web page's origin, if a browser sent it.
    pub origin: Option<String>,
    /// `spam`, or nothing.
    pub flags: Option<String>,
    /// When it was deleted; it can be restored until it is purged.
    pub deleted: Option<Moment>,
    /// Raised by every change; the ETag.
    pub version: i64,
    /// `None`: the first of its collection's states.
    pub state: Option<String>,
    /// Email of the assignee.
    pub assignee: Option<String>,
    /// Account of the assignee.
    pub assignee_id: Option<i64>,
    /// A note of staff.
    pub note: Option<String>,
    /// The entry itself: canonical JSON.
    pub data: String,
}

/// How an entry is worked on, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkRow {
    pub state: Option<String>,
    pub assignee: Option<i64>,
    pub note: Option<String>,
}
