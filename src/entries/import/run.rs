//! The import itself: rows are stored in batches, each by one transaction, beside whatever else arrives.

use std::sync::Arc;
use std::time::Instant;

use super::batches::{ALONE, Batches};
use super::decide::{Judge, updated};
use super::how::{How, SameId};
use super::piece::Run;
use super::report::ImportReport;
use super::survey::Survey;
use crate::collections::{Collection, register_field};
use crate::entries::service::Entries;
use crate::entries::store;
use crate::error::Result;
use crate::files::Source;
use crate::json;
use crate::staff::{Author, Deed, audit};

/// Rows after which it is noted how far the import is.
const NOTED: u64 = 2000;

/// A file, what it holds, and what is to be done with it.
pub type Work = (Arc<Source>, Arc<Survey>, How);

impl Entries {
    /// Stores the rows of a file, or those that are missing of a run that broke off. `progress` is told how many rows
    /// are handled. `None`: it was cancelled meanwhile, and nothing of it is left, or another process goes on with it.
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
            _ => self.end_cancelled(id).await.map(|()| None),
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
        let report = ImportReport {
            rule: comparison.rule,
            earlier: comparison.file_name.clone(),
            notices: survey.notices.iter().map(|notice| notice.0.clone()).collect(),
            ..Default::default()
        };
        let mut run = Run {
            id,
            collection,
            judge: Judge { collection: collection.id, how, comparison },
            report,
            changes: 0,
            handled: 0,
            last: None,
            alone: false,
            assignees: self.assignees().await?,
        };
        if !self.begin(&run, &survey).await? {
            return Ok(None);
        }
        self.register_columns(collection, &survey.columns).await?;
        drop(survey);
        if !self.store_batches(&mut run, source.clone(), progress).await?
            || run.changes > 0 && !self.change_rows(&mut run, source).await?
        {
            return Ok(None);
        }
        self.finish(by, run).await
    }

    /// Stores the rows of the file, piece by piece. `false`: the import was cancelled meanwhile.
    async fn store_batches(
        &self,
        run: &mut Run<'_>,
        source: Arc<Source>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<bool> {
        let mut batches = Batches::of(source, self.intake.seed().clone());
        let mut noted = 0;
        while let Some(batch) = batches.next(if run.alone { ALONE } else { 1 }).await? {
            let began = Instant::now();
            self.store_rows(run, batch).await?;
            progress(run.handled);
            if run.handled - noted >= NOTED {
                noted = run.handled;
                if !self.note_progress(run).await? {
                    return Ok(false);
                }
            }
            // The writer is for others as long as it was for these rows.
            tokio::time::sleep(began.elapsed()).await;
        }
        Ok(true)
    }

    async fn begin(&self, run: &Run<'_>, survey: &Survey) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let total = i64::try_from(survey.rows).unwrap_or(i64::MAX);
        let rule = run.judge.comparison.rule.name();
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
        let mut batches = Batches::of(source, self.intake.seed().clone());
        while let Some(batch) = batches.next(1).await? {
            let present = self.present(&run.judge, &batch).await?;
            let mut tx = self.db.begin().await?;
            for prepared in batch.iter().filter_map(|row| row.read.as_ref().ok()) {
                let Some(entry) = run.judge.changes(prepared, &present) else { continue };
                let data =
                    if run.judge.how.ids == SameId::Update { updated(entry, prepared) } else { entry.data.clone() };
                store::restore_with(&mut tx, entry.id, &data).await?;
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
        if !store::move_import(&mut tx, run.id, ["running", "updating", "updating"], "done", now).await? {
            return Ok(None);
        }
        let handled = i64::try_from(run.handled).unwrap_or(i64::MAX);
        store::finish_import(&mut tx, run.id, handled, &report).await?;
        let told = format!("into {}: {}", run.collection.name, run.report.words());
        audit::note(&mut tx, by, Deed::new("imported", "entries", "").with(told), now).await?;
        tx.commit().await?;
        Ok(Some(run.report))
    }
}
