//! The import itself: rows are stored in batches, each by one transaction, beside whatever else arrives.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::ImportReport;
use super::known::Comparison;
use super::looks::aside;
use super::source::{Prepared, Row, Source};
use super::survey::Survey;
use crate::collections::{Collection, CollectionId, register_field};
use crate::entries::intake::digest;
use crate::entries::service::Entries;
use crate::entries::store::{self, PresentEntry};
use crate::entries::{EntryId, Kept, NewEntry, Outcome, json};
use crate::error::{Error, Result};
use crate::staff::{Author, Deed, audit};

/// Rows read at a time, and their bytes. While others store entries too, one transaction stores no more than that:
/// they wait for it.
const PIECE: usize = 60;
const PIECE_BYTES: usize = 1 << 17;
/// Pieces that one transaction stores while nobody else does.
const ALONE: usize = 8;
/// Rows after which it is noted how far the import is.
const NOTED: u64 = 2000;

/// What is done about rows that seem to be there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    /// Store every row, whatever was imported before.
    pub all: bool,
    /// Of rows of our exports whose entry is there.
    pub ids: SameId,
}

/// An export names an entry that is there: of that number, received at that moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameId {
    /// It stays as it is; one that is deleted comes back as it was.
    #[default]
    Skip,
    /// It gets the values of the file.
    Update,
    /// The row is stored as another entry.
    Add,
}

impl How {
    /// Reads the choices of a form or the command line: `again`, and `ids` of skip, update or add.
    pub fn parse(again: bool, ids: &str) -> Result<How> {
        let ids = match ids {
            "" | "skip" => SameId::Skip,
            "update" => SameId::Update,
            "add" => SameId::Add,
            other => return Err(Error::invalid("/ids", format!("\"{other}\" is none of skip, update, add"))),
        };
        Ok(How { all: again, ids })
    }
}

/// A file, what it holds, and what is to be done with it.
pub type Work = (Arc<Source>, Arc<Survey>, How);

/// An import that is under way.
struct Run<'r> {
    id: i64,
    collection: &'r Collection,
    how: How,
    comparison: Comparison,
    report: ImportReport,
    /// Rows whose entry is to be changed at the end.
    changes: u64,
    handled: u64,
    /// The newest entry that it stored, and whether nobody else stored one between it and those before.
    last: Option<EntryId>,
    alone: bool,
    /// Accounts that entries may be given to.
    assignees: Vec<(i64, String)>,
}

impl Run<'_> {
    /// Entries are numbered one after the other: where a number is missing, somebody else stored an entry. Where a file
    /// brings its own numbers that cannot be told.
    fn note_numbers(&mut self, outcomes: &[Outcome], from_file: bool) {
        let stored = |outcome: &Outcome| match outcome {
            Outcome::Stored(id) | Outcome::Flagged(id) => Some(*id),
            _ => None,
        };
        let mut stored = outcomes.iter().filter_map(stored);
        let Some(first) = stored.next() else { return };
        self.alone = !from_file && self.last.is_some_and(|last| last.0 + 1 == first.0);
        self.last = Some(stored.last().unwrap_or(first));
    }
}

impl Entries {
    /// Stores the rows of a file, or those that are missing of a run that broke off. `progress` is told how many rows
    /// are handled. `None`: it was cancelled meanwhile, and nothing of it is left.
    pub async fn run_import(
        &self,
        by: &Author,
        collection: &Collection,
        id: i64,
        work: Work,
        file_name: &str,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Option<ImportReport>> {
        // One at a time: a file is compared with what was imported, not with what is being imported.
        let _alone = self.one_import.lock().await;
        if let Some(report) = self.store_file(by, collection, id, work, file_name, progress).await? {
            return Ok(Some(report));
        }
        match store::find_import(&self.db, id).await? {
            // Somebody else finished it.
            Some(import) if import.state == "done" => Ok(serde_json::from_str(&import.report).ok()),
            Some(import) => {
                // What was on its way when somebody cancelled it.
                self.take_back(&import).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    async fn store_file(
        &self,
        by: &Author,
        collection: &Collection,
        id: i64,
        (source, survey, how): Work,
        file_name: &str,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Option<ImportReport>> {
        let comparison = self.compare(Some(collection), file_name, &survey, how, Some(id)).await?;
        let notices = survey.notices.iter().map(|notice| notice.0.clone()).collect();
        let report = ImportReport {
            rule: comparison.rule,
            earlier: comparison.file_name.clone(),
            notices,
            ..Default::default()
        };
        let assignees = self.assignees().await?;
        let mut run = Run {
            id,
            collection,
            how,
            comparison,
            report,
            changes: 0,
            handled: 0,
            last: None,
            alone: false,
            assignees,
        };
        if !self.begin(&run, &survey).await? {
            return Ok(None);
        }
        self.register_columns(collection, &survey.columns).await?;
        drop(survey);
        let mut batches = self.read_ahead(source.clone());
        let mut noted = 0;
        while let Some(batch) = batches.next(if run.alone { ALONE } else { 1 }).await? {
            let began = Instant::now();
            self.store_rows(&mut run, batch).await?;
            progress(run.handled);
            if run.handled - noted >= NOTED {
                noted = run.handled;
                if !self.note_progress(&run).await? {
                    return Ok(None);
                }
            }
            // The writer is for others as long as it was for these rows.
            tokio::time::sleep(began.elapsed()).await;
        }
        if run.changes > 0 && !self.change_rows(&mut run, source).await? {
            return Ok(None);
        }
        self.finish(by, run).await
    }

    async fn begin(&self, run: &Run<'_>, survey: &Survey) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let total = i64::try_from(survey.rows).unwrap_or(i64::MAX);
        let rule = run.comparison.rule.name();
        let begun = store::begin_import(&mut tx, run.id, &survey.file, rule, total, self.clock.now()).await?;
        tx.commit().await?;
        Ok(begun)
    }

    async fn register_columns(&self, collection: &Collection, columns: &[String]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        for path in columns {
            register_field(&mut tx, collection.id, path, self.clock.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Reads a file in a thread of its own, a few pieces ahead of whoever stores them.
    fn read_ahead(&self, source: Arc<Source>) -> Batches {
        let (sender, waiting) = mpsc::channel(ALONE);
        let seed = self.intake.seed().clone();
        let read = aside(move || {
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let read = source.rows(&seed, &mut |row| {
                bytes += row.read.as_ref().map_or(0, |prepared| prepared.data.len());
                batch.push(row);
                if batch.len() < PIECE && bytes < PIECE_BYTES {
                    return true;
                }
                bytes = 0;
                sender.blocking_send(std::mem::take(&mut batch)).is_ok()
            });
            sender.blocking_send(batch).ok();
            read
        });
        Batches { waiting, read: tokio::spawn(read) }
    }

    async fn store_rows(&self, run: &mut Run<'_>, rows: Vec<Row>) -> Result<()> {
        let present = self.present(run, &rows).await?;
        let (mut numbered, mut known) = (Vec::new(), Vec::new());
        run.handled += rows.len() as u64;
        for row in rows {
            let prepared = match &row.read {
                Ok(prepared) => prepared,
                Err(reason) => {
                    run.report.refuse(&row, reason.clone());
                    continue;
                }
            };
            let digest = digest(&prepared.data);
            let found = match seen(prepared, &present, run.how) {
                Seen::As(id) => {
                    run.report.by_number += 1;
                    Some(id.0)
                }
                Seen::Changed(_) => {
                    run.changes += 1;
                    continue;
                }
                Seen::Not if prepared.exported.is_some() && run.how.ids == SameId::Add => None,
                Seen::Not => run.comparison.earlier.take(digest),
            };
            match found {
                Some(entry) => known.push((row.number, EntryId(entry), digest)),
                None => numbered.push(row),
            }
        }
        run.report.known += known.len() as u64;
        self.store_new(run, numbered).await?;
        self.note_known(run, &known).await
    }

    /// The entries that rows of an export name.
    async fn present(&self, run: &Run<'_>, rows: &[Row]) -> Result<HashMap<i64, PresentEntry>> {
        let id = |row: &Row| row.read.as_ref().ok()?.exported.as_ref()?.kept.id;
        let wanted: Vec<_> = rows.iter().filter_map(id).map(|id| id.0).collect();
        if wanted.is_empty() || run.how.ids == SameId::Add || run.how.all {
            return Ok(HashMap::new());
        }
        let found = store::present_entries(&self.db, run.collection.id, &wanted).await?;
        Ok(found.into_iter().map(|entry| (entry.id.0, entry)).collect())
    }

    async fn store_new(&self, run: &mut Run<'_>, rows: Vec<Row>) -> Result<()> {
        let new = |row: &Row| {
            let prepared = row.read.as_ref().ok()?;
            Some(new_entry(run.collection.id, format!("import:{}:{}", run.id, row.number), prepared, &run.assignees))
        };
        let entries: Vec<_> = rows.iter().filter_map(new).collect();
        if entries.is_empty() {
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
        let noted: Vec<_> = store::known_uids(&mut tx, &asked).await?.into_iter().map(|uid| uid.uid).collect();
        let new: Vec<_> = uids
            .iter()
            .zip(known)
            .filter(|(uid, _)| !noted.contains(uid))
            .map(|(uid, (_, entry, digest))| (collection, uid.as_str(), *entry, *digest))
            .collect();
        store::insert_uids(&mut tx, &new).await?;
        Ok(tx.commit().await?)
    }

    async fn note_progress(&self, run: &Run<'_>) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let report = serde_json::to_string(&run.report).unwrap_or_default();
        let handled = i64::try_from(run.handled).unwrap_or(i64::MAX);
        let running = store::note_import(&mut tx, run.id, handled, &report, self.clock.now()).await?;
        tx.commit().await?;
        Ok(running)
    }

    /// Changes entries that an export names. Only when all other rows are stored, and then it cannot be cancelled: a
    /// cancelled import leaves nothing behind, and what was changed could not be taken back.
    async fn change_rows(&self, run: &mut Run<'_>, source: Arc<Source>) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let states = ["running", "updating", "updating"];
        let begun = store::move_import(&mut tx, run.id, states, "updating", self.clock.now()).await?;
        tx.commit().await?;
        if !begun {
            return Ok(false);
        }
        let mut batches = self.read_ahead(source);
        while let Some(batch) = batches.next(1).await? {
            let present = self.present(run, &batch).await?;
            let mut tx = self.db.begin().await?;
            for prepared in batch.iter().filter_map(|row| row.read.as_ref().ok()) {
                let Seen::Changed(entry) = seen(prepared, &present, run.how) else { continue };
                let data = if run.how.ids == SameId::Update { updated(entry, prepared) } else { entry.data.clone() };
                store::put_back(&mut tx, entry.id, &data).await?;
                for path in json::paths(&data) {
                    register_field(&mut tx, run.collection.id, &path, self.clock.now()).await?;
                }
                match entry.deleted_at {
                    Some(_) => run.report.restored += 1,
                    None => run.report.changed += 1,
                }
            }
            tx.commit().await?;
        }
        Ok(true)
    }

    async fn finish(&self, by: &Author, run: Run<'_>) -> Result<Option<ImportReport>> {
        self.intake.flush().await;
        let now = self.clock.now();
        let report = serde_json::to_string(&run.report).unwrap_or_default();
        let mut tx = self.db.begin().await?;
        let told = format!("into {}: {}", run.collection.name, run.report.words());
        audit::note(&mut tx, by, Deed::new("imported", "entries", "").with(told), now).await?;
        let handled = i64::try_from(run.handled).unwrap_or(i64::MAX);
        let done = store::move_import(&mut tx, run.id, ["running", "updating", "updating"], "done", now).await?;
        store::finish_import(&mut tx, run.id, handled, &report).await?;
        tx.commit().await?;
        Ok(done.then_some(run.report))
    }
}

/// The rows of a file, as they are read.
struct Batches {
    waiting: mpsc::Receiver<Vec<Row>>,
    read: JoinHandle<Result<Result<()>>>,
}

impl Batches {
    /// The next rows: those that are read already, of `pieces` at most. `None`: there are no more.
    async fn next(&mut self, pieces: usize) -> Result<Option<Vec<Row>>> {
        let Some(mut rows) = self.waiting.recv().await else {
            // Whoever read them knows why there are no more: a file may break in the middle.
            let read = (&mut self.read).await.map_err(|error| Error::Internal(Box::new(error)))?;
            return read?.map(|()| None);
        };
        for more in (1..pieces).map_while(|_| self.waiting.try_recv().ok()) {
            rows.extend(more);
        }
        Ok(Some(rows))
    }
}

/// Whether the entry that an export names is there.
enum Seen<'p> {
    Not,
    As(EntryId),
    /// It is there, and is to be as the file says.
    Changed(&'p PresentEntry),
}

fn seen<'p>(row: &Prepared, present: &'p HashMap<i64, PresentEntry>, how: How) -> Seen<'p> {
    let kept = row.exported.as_ref().map_or(Kept::default(), |exported| exported.kept);
    let found = kept.id.and_then(|id| present.get(&id.0));
    // A number alone says nothing: another server gave the same ones.
    let Some(entry) = found.filter(|entry| Some(entry.received_at) == kept.received) else { return Seen::Not };
    let comes_back = entry.deleted_at.is_some() && kept.deleted.is_none();
    let differs = how.ids == SameId::Update && entry.deleted_at.is_none() && updated(entry, row) != entry.data;
    if comes_back || differs { Seen::Changed(entry) } else { Seen::As(entry.id) }
}

/// An entry with the values of a file: fields that the file does not have stay, an export may be of some columns only.
fn updated(entry: &PresentEntry, row: &Prepared) -> String {
    crate::entries::submission::merge(&entry.data, &row.data)
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
