//! Imports a batch of rows: finds those that are stored already, and stores the others.

use std::collections::HashSet;

use super::decide::{Fate, Judge};
use super::report::ImportReport;
use super::row::{Prepared, Row};
use crate::collections::{Collection, CollectionId};
use crate::entries::entry::{EntryId, Kept, NewEntry, Outcome};
use crate::entries::service::Entries;
use crate::entries::store;
use crate::error::Result;

/// An import that is under way.
pub(super) struct Run<'r> {
    pub(super) id: i64,
    pub(super) collection: &'r Collection,
    pub(super) judge: Judge,
    pub(super) report: ImportReport,
    /// Rows whose entry is to be changed at the end.
    pub(super) changes: u64,
    pub(super) handled: u64,
    /// The newest entry that it stored, and whether nobody else stored one between it and those before.
    pub(super) last: Option<EntryId>,
    pub(super) alone: bool,
    /// Accounts that entries may be given to.
    pub(super) assignees: Vec<(i64, String)>,
}

impl Run<'_> {
    /// Sets `alone`: whether this import alone stored entries since the last batch. Ids are consecutive: a gap means
    /// that another writer is active. Unknown (false) if the file brings its own ids; true if the batch stored nothing.
    fn note_numbers(&mut self, outcomes: &[Outcome], from_file: bool) {
        let stored = |outcome: &Outcome| match outcome {
            Outcome::Stored(id) | Outcome::Flagged(id) => Some(*id),
            _ => None,
        };
        let mut stored = outcomes.iter().filter_map(stored);
        let Some(first) = stored.next() else {
            self.alone = true;
            return;
        };
        self.alone = !from_file && self.last.is_some_and(|last| last.0 + 1 == first.0);
        self.last = Some(stored.next_back().unwrap_or(first));
    }
}

impl Entries {
    pub(super) async fn store_rows(&self, run: &mut Run<'_>, rows: Vec<Row>) -> Result<()> {
        let present = self.present(&run.judge, &rows).await?;
        let (mut new, mut known) = (Vec::new(), Vec::new());
        run.handled += rows.len() as u64;
        for row in rows {
            match run.judge.fate(&row, &present) {
                Fate::Refused(reason) => run.report.refuse(&row, reason),
                Fate::Known { entry, digest, by_number } => {
                    run.report.by_number += u64::from(by_number);
                    known.push((row.number, entry, digest));
                }
                Fate::Changes(_) => run.changes += 1,
                Fate::New => new.push(row),
            }
        }
        run.report.known += known.len() as u64;
        self.store_new(run, new).await?;
        self.note_known(run, &known).await
    }

    async fn store_new(&self, run: &mut Run<'_>, rows: Vec<Row>) -> Result<()> {
        let new = |row: &Row| {
            let prepared = row.read.as_ref().ok()?;
            Some(new_entry(run.collection.id, format!("import:{}:{}", run.id, row.number), prepared, &run.assignees))
        };
        let entries: Vec<_> = rows.iter().filter_map(new).collect();
        if entries.is_empty() {
            run.note_numbers(&[], false);
            return Ok(());
        }
        let hidden: Vec<_> =
            entries.iter().map(|entry| entry.spam || entry.kept.is_some_and(|k| k.deleted.is_some())).collect();
        let numbered = entries.iter().any(|entry| entry.kept.is_some_and(|kept| kept.id.is_some()));
        let outcomes = self.intake.submit_rows(entries).await?;
        run.note_numbers(&outcomes, numbered);
        for ((row, hidden), outcome) in rows.iter().zip(hidden).zip(outcomes) {
            match outcome {
                // A duplicate was stored by this same import before it broke off.
                Outcome::Stored(_) | Outcome::Flagged(_) | Outcome::Duplicate(_) => {
                    run.report.stored += 1;
                    run.report.hidden += u64::from(hidden);
                }
                Outcome::Conflict(_) => run.report.refuse(row, "another row was stored under its number".into()),
                Outcome::Rejected(refusal) => run.report.refuse(row, refusal.detail),
            }
        }
        Ok(())
    }

    /// Notes which entries rows were found to be: what this file held, for files that come later.
    async fn note_known(&self, run: &Run<'_>, known: &[(u64, EntryId, i64)]) -> Result<()> {
        if known.is_empty() {
            return Ok(());
        }
        let collection = run.collection.id;
        let uids: Vec<_> = known.iter().map(|(number, ..)| format!("known:{}:{number}", run.id)).collect();
        let mut tx = self.db.begin().await?;
        let asked: Vec<_> = uids.iter().map(|uid| (collection, uid.as_str())).collect();
        let noted: HashSet<_> = store::known_uids(&mut tx, &asked).await?.into_iter().map(|uid| uid.uid).collect();
        let new: Vec<_> = uids
            .iter()
            .zip(known)
            .filter(|(uid, _)| !noted.contains(*uid))
            .map(|(uid, (_, entry, digest))| (collection, uid.as_str(), *entry, *digest))
            .collect();
        store::insert_uids(&mut tx, &new).await?;
        Ok(tx.commit().await?)
    }
}

fn new_entry(collection: CollectionId, uid: String, row: &Prepared, assignees: &[(i64, String)]) -> NewEntry {
    let ours = row.exported.as_ref();
    // An id near the end of what a double holds would leave none for later entries.
    let id = ours.and_then(|ours| ours.kept.id).filter(|id| (1..1 << 52).contains(&id.0));
    NewEntry {
        collection,
        uid: Some(uid),
        session: ours.and_then(|ours| ours.session.clone()),
        at: ours.and_then(|ours| ours.at),
        origin: ours.and_then(|ours| ours.origin.clone()),
        spam: ours.is_some_and(|ours| ours.spam),
        address: None,
        work: ours.and_then(|ours| ours.work(assignees)),
        data: row.data.clone(),
        shape: row.shape,
        kept: ours.map(|ours| Kept { id, ..ours.kept }),
    }
}
