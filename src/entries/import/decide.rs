//! What becomes of each row of a file: decided in one place, for the preview and for the import itself.

use std::collections::HashMap;

use super::how::{How, SameId};
use super::known::Comparison;
use super::row::{Prepared, Row};
use crate::collections::CollectionId;
use crate::entries::entry::{EntryId, Kept};
use crate::entries::intake::digest;
use crate::entries::service::Entries;
use crate::entries::store::{self, PresentEntry};
use crate::error::Result;

/// Decides row by row what is done with a file.
pub(super) struct Judge {
    pub(super) collection: CollectionId,
    pub(super) how: How,
    pub(super) comparison: Comparison,
}

/// What is done with a row.
pub(super) enum Fate<'p> {
    Refused(String),
    /// It is this entry, and nothing is done.
    Known {
        entry: EntryId,
        digest: i64,
        /// An export names it.
        by_number: bool,
    },
    /// The entry that it names is to be as it says.
    Changes(&'p PresentEntry),
    New,
}

/// The entry that a row of an export names.
enum Named<'p> {
    Nothing,
    As(EntryId),
    Changed(&'p PresentEntry),
}

impl Judge {
    /// `present`: what [`Entries::present`] found of these rows.
    pub(super) fn fate<'p>(&mut self, row: &Row, present: &'p HashMap<i64, PresentEntry>) -> Fate<'p> {
        let prepared = match &row.read {
            Ok(prepared) => prepared,
            Err(reason) => return Fate::Refused(reason.clone()),
        };
        let digest = digest(&prepared.data);
        match self.named(prepared, present) {
            Named::As(entry) => Fate::Known { entry, digest, by_number: true },
            Named::Changed(entry) => Fate::Changes(entry),
            Named::Nothing if prepared.exported.is_some() && self.how.ids == SameId::Add => Fate::New,
            Named::Nothing => match self.comparison.earlier.take(digest) {
                Some(entry) => Fate::Known { entry: EntryId(entry), digest, by_number: false },
                None => Fate::New,
            },
        }
    }

    /// The entry that a row changes, if it is one that names an entry and differs from it.
    pub(super) fn changes<'p>(
        &self,
        row: &Prepared,
        present: &'p HashMap<i64, PresentEntry>,
    ) -> Option<&'p PresentEntry> {
        match self.named(row, present) {
            Named::Changed(entry) => Some(entry),
            _ => None,
        }
    }

    fn named<'p>(&self, row: &Prepared, present: &'p HashMap<i64, PresentEntry>) -> Named<'p> {
        let kept = row.exported.as_ref().map_or(Kept::default(), |exported| exported.kept);
        let found = kept.id.and_then(|id| present.get(&id.0));
        // A number alone says nothing: another server gave the same ones.
        let Some(entry) = found.filter(|entry| Some(entry.received_at) == kept.received) else { return Named::Nothing };
        let comes_back = entry.deleted_at.is_some() && kept.deleted.is_none();
        let update = self.how.ids == SameId::Update && entry.deleted_at.is_none();
        let differs = update && updated(entry, row) != entry.data;
        if comes_back || differs { Named::Changed(entry) } else { Named::As(entry.id) }
    }
}

/// An entry with the values of a file: fields that the file does not have stay, an export may be of some columns only.
pub(super) fn updated(entry: &PresentEntry, row: &Prepared) -> String {
    crate::entries::submission::merge(&entry.data, &row.data)
}

impl Entries {
    /// The entries that rows of an export name.
    pub(super) async fn present(&self, judge: &Judge, rows: &[Row]) -> Result<HashMap<i64, PresentEntry>> {
        let id = |row: &Row| row.read.as_ref().ok()?.exported.as_ref()?.kept.id;
        let wanted: Vec<_> = rows.iter().filter_map(id).map(|id| id.0).collect();
        if wanted.is_empty() || judge.how.ids == SameId::Add || judge.how.all {
            return Ok(HashMap::new());
        }
        let found = store::present_entries(&self.db, judge.collection, &wanted).await?;
        Ok(found.into_iter().map(|entry| (entry.id.0, entry)).collect())
    }
}
