//! Imports as jobs: created, started in the background, resumed, their uploads removed.

use futures::future::BoxFuture;

use super::how::How;
use super::looks::Look;
use super::report::ImportReport;
use super::run::Work;
use super::survey::Survey;
use crate::collections::{Collection, CollectionName, NewCollection};
use crate::entries::service::Entries;
use crate::entries::store::{self, ImportRow};
use crate::error::{Error, Result};
use crate::moment::{DAY, Moment};
use crate::staff::Author;

/// Earlier imports that the page lists.
const LISTED: i64 = 10;

impl Entries {
    /// Notes an import that somebody is about to make, and returns its number.
    pub async fn note_import(&self, new: &store::NewImport<'_>) -> Result<i64> {
        let mut tx = self.db.begin().await?;
        let id = store::insert_import(&mut tx, new, self.clock.now()).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// An import of this very file that is not done, to go on with.
    pub async fn unfinished(&self, collection: &Collection, survey: &Survey) -> Result<Option<ImportRow>> {
        let imports = store::imports_of_digest(&self.db, &collection.name, &survey.file).await?;
        Ok(imports.into_iter().find(|import| import.state != "done"))
    }

    /// Imports a file that was read, or goes on with a run of it that broke off. See [`Entries::run_import`]. `None`: it
    /// was cancelled. [`Error::Conflict`]: another run goes on with it.
    pub async fn import_file(
        &self,
        by: &Author,
        collection: &Collection,
        file_name: &str,
        work: Work,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Option<ImportReport>> {
        let id = match self.unfinished(collection, &work.1).await? {
            Some(import) => import.id,
            None => {
                let name = &collection.name;
                let new = store::NewImport { collection: name, file_name, upload: None, options: "", user: None };
                self.note_import(&new).await?
            }
        };
        let report = self.run_import(by, collection, id, work, file_name, progress).await?;
        let goes_on = |import: ImportRow| !matches!(import.state.as_str(), "cancelling" | "cancelled");
        if report.is_none() && store::find_import(&self.db, id).await?.is_some_and(goes_on) {
            return Err(Error::Conflict("another run goes on with this import".into()));
        }
        Ok(report)
    }

    /// Stores the options by which the file is read, so that the import can be resumed.
    pub async fn keep_import_options(&self, id: i64, options: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        store::import_options(&mut tx, id, options).await?;
        Ok(tx.commit().await?)
    }

    /// Starts an import in the background. Does nothing if it is running in this process already, or is over.
    pub fn start_import(self, by: Author, import: ImportRow, look: Look, how: How) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            let Some(running) = Running::begin(&self, import.id) else { return Ok(()) };
            // From here on it is listed as running.
            let mut tx = self.db.begin().await?;
            let states = ["uploaded", "failed", "running"];
            let begun = store::move_import(&mut tx, import.id, states, "running", self.clock.now()).await?;
            tx.commit().await?;
            if !begun && import.state != "updating" {
                return Ok(());
            }
            tokio::spawn(async move {
                let _running = running;
                let run = tokio::spawn(self.clone().import_upload(by, import.clone(), look, how)).await;
                if let Err(error) = run.unwrap_or_else(|panic| Err(Error::Internal(Box::new(panic)))) {
                    tracing::error!(import = import.id, %error, "an import broke off");
                    self.note_failure(&import, &error).await;
                }
            });
            Ok(())
        })
    }

    async fn import_upload(self, by: Author, import: ImportRow, look: Look, how: How) -> Result<()> {
        let seen = look.clone().found().await.inspect_err(|_| self.forget_look(import.id))?;
        let collection = self.find_or_make(&by, &import.collection).await?;
        let other = self.unfinished(&collection, &seen.survey).await?;
        let run = match other.filter(|other| other.id != import.id && !how.all) {
            Some(other) => return self.go_on_instead(&by, &import, other, look, how).await,
            None => (seen.source.clone(), seen.survey.clone(), how),
        };
        // What was seen is needed for no longer than it takes to compare it.
        self.forget_look(import.id);
        drop(seen);
        self.run_import(&by, &collection, import.id, run, &import.file_name, &mut |_| {}).await.map(drop)
    }

    /// The same file is being imported, or that broke off: then that import goes on, and not this one.
    async fn go_on_instead(
        &self,
        by: &Author,
        import: &ImportRow,
        other: ImportRow,
        look: Look,
        how: How,
    ) -> Result<()> {
        self.cancel_import(by, import).await?;
        self.end_cancelled(import.id).await?;
        let report = ImportReport { instead: Some(other.id), ..ImportReport::default() };
        let mut tx = self.db.begin().await?;
        store::finish_import(&mut tx, import.id, 0, &serde_json::to_string(&report).unwrap_or_default()).await?;
        tx.commit().await?;
        self.clone().start_import(by.clone(), other, look, how).await
    }

    /// The collection of this name; it is created if it does not exist.
    pub async fn find_or_make(&self, by: &Author, name: &str) -> Result<Collection> {
        if let Some(known) = self.collections.by_name(name).await? {
            return Ok(known.collection.clone());
        }
        let new = NewCollection {
            name: CollectionName::parse(name)?,
            title: String::new(),
            open: false,
            public_read: false,
            kind: "entries".into(),
            origins: Vec::new(),
        };
        self.collections.create(by, new).await
    }

    /// The latest imports, the newest first.
    pub async fn recent_imports(&self) -> Result<Vec<ImportRow>> {
        Ok(store::recent_imports(&self.db, LISTED).await?)
    }

    /// An import; without one of this number 404.
    pub async fn find_import(&self, id: i64) -> Result<ImportRow> {
        let missing = || Error::NotFound("There is no such import.".into());
        store::find_import(&self.db, id).await?.ok_or_else(missing)
    }

    /// Whether an import runs in this process, or waits for its turn.
    pub fn is_importing(&self, id: i64) -> bool {
        self.importing.lock().contains(&id)
    }

    async fn note_failure(&self, import: &ImportRow, error: &Error) {
        let noted = async {
            let mut tx = self.db.begin().await?;
            let states = ["uploaded", "running", "updating"];
            store::move_import(&mut tx, import.id, states, "failed", self.clock.now()).await?;
            let report = ImportReport { notices: vec![error.detail().into_owned()], ..ImportReport::default() };
            let report = serde_json::to_string(&report).unwrap_or_default();
            store::finish_import(&mut tx, import.id, import.handled, &report).await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::error!(import = import.id, %error, "that an import broke off was not noted");
        }
    }

    /// Removes uploads that nobody needs any more: of imports that are over, or that nobody confirmed for a day.
    pub async fn forget_uploads(&self) -> Result<()> {
        let before = Moment(self.clock.now().0 - DAY);
        for import in store::imports_with_old_files(&self.db, before).await? {
            self.forget_look(import.id);
            if let Some(upload) = &import.upload {
                tokio::fs::remove_file(self.settings.uploads.join(upload)).await.ok();
            }
            let mut tx = self.db.begin().await?;
            store::forget_upload(&mut tx, import.id).await?;
            if import.state == "uploaded" {
                let states = ["uploaded", "uploaded", "uploaded"];
                store::move_import(&mut tx, import.id, states, "cancelled", self.clock.now()).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }
}

/// An import that runs in this process, for as long as this is kept.
struct Running {
    entries: Entries,
    import: i64,
}

impl Running {
    /// `None`: it runs already.
    fn begin(entries: &Entries, import: i64) -> Option<Running> {
        let is_new = entries.importing.lock().insert(import);
        is_new.then(|| Running { entries: entries.clone(), import })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.entries.importing.lock().remove(&self.import);
    }
}
