//! A row of a file, and what an export says of it.

use crate::entries::entry::{Kept, WorkRow};
use crate::limits::MAX_ENTRY;
use crate::moment::Moment;

/// Bytes of a line of NDJSON beyond which it is no entry anyway.
pub(super) const MAX_LINE: u64 = 4 * MAX_ENTRY as u64;

/// One row as it will be stored.
pub struct Row {
    /// From 1.
    pub number: u64,
    /// Where in the file, where lines are counted.
    pub line: Option<u64>,
    pub read: std::result::Result<Prepared, String>,
}

/// A row that can be stored.
pub struct Prepared {
    /// Canonical JSON.
    pub data: String,
    pub shape: u64,
    pub exported: Option<Exported>,
}

/// A row as the text of a JSON object, with what an export says of it; or why it is none.
pub(super) type Read1 = Result<(String, Option<Exported>), String>;

/// What an export says of an entry.
#[derive(Debug, Clone, Default)]
pub struct Exported {
    pub(super) kept: Kept,
    pub(super) session: Option<String>,
    pub(super) at: Option<Moment>,
    pub(super) origin: Option<String>,
    pub(super) spam: bool,
    pub(super) state: Option<String>,
    pub(super) assignee: Option<String>,
    pub(super) note: Option<String>,
}

impl Exported {
    /// How the entry was worked on. An assignee without an account here is left out.
    pub(super) fn work(&self, accounts: &[(i64, String)]) -> Option<Box<WorkRow>> {
        let assignee = self.assignee.as_ref().and_then(|email| accounts.iter().find(|(_, known)| known == email));
        let work =
            WorkRow { state: self.state.clone(), assignee: assignee.map(|(id, _)| *id), note: self.note.clone() };
        (work != WorkRow::default()).then(|| Box::new(work))
    }
}
