//! Reading a file that waits to be confirmed.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use futures::FutureExt as _;

use super::aside::aside;
use super::how::{How, SameId};
use super::looks::{Failure, KEPT, Look, Seen};
use super::survey::Survey;
use crate::entries::service::Entries;
use crate::entries::store::{self, ImportRow};
use crate::error::{Error, Result};
use crate::files::Options;
use crate::files::Source;

impl Entries {
    /// Reads the file of an import in a task of its own, unless that is done or under way.
    pub async fn look(&self, import: &ImportRow, options: Options) -> Result<Look> {
        let done = store::imports_done(&self.db, &import.collection).await?;
        let mut kept = self.looks.kept.lock();
        let is_same = |look: &Look| look.import == import.id && look.done == done && look.options == options;
        if let Some(known) = kept.iter().find(|look| is_same(look)) {
            return Ok(known.clone());
        }
        kept.retain(|look| look.import != import.id);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        let rows = Arc::new(AtomicU64::new(0));
        let read = tokio::spawn(self.clone().read_upload(import.clone(), options.clone(), Arc::downgrade(&rows)));
        let found = async {
            let failed = |error: Error| match error {
                Error::Internal(source) => Failure::Internal(source.to_string()),
                error => Failure::Unfit(error.detail().into_owned()),
            };
            read.await.unwrap_or_else(|error| Err(Error::Internal(Box::new(error)))).map_err(failed)
        };
        let look = Look { import: import.id, done, options, rows, found: found.boxed().shared() };
        kept.push(look.clone());
        Ok(look)
    }

    async fn read_upload(self, import: ImportRow, options: Options, progress: Weak<AtomicU64>) -> Result<Arc<Seen>> {
        let _alone = self.looks.turn.lock().await;
        if progress.strong_count() == 0 {
            return Err(Error::NotFound("Nobody waits for this file any more.".into()));
        }
        let gone = || Error::NotFound("The file is no longer here: upload it again.".into());
        let upload = self.settings.uploads.join(import.upload.as_ref().ok_or_else(gone)?);
        let file = File::open(upload).map_err(|_| gone())?;
        let name = import.file_name.clone();
        let (source, survey) = aside(move || {
            let source = Source::open(file, &name, &options)?;
            // Stops when the `Look` was dropped, for instance because other options were chosen.
            let mut told = |row| progress.upgrade().map(|rows| rows.store(row, Ordering::Relaxed)).is_some();
            let survey = Survey::read(&source, &mut told)?;
            Ok::<_, Error>((Arc::new(source), Arc::new(survey)))
        })
        .await??;
        let known = self.collections.by_name(&import.collection).await?;
        let collection = known.as_ref().map(|known| &known.collection);
        // How many entries differ is told before somebody chooses that they shall not.
        let how = How { ids: SameId::Update, ..How::default() };
        let work = (source, survey, how);
        let would = self.would_import(collection, &import.file_name, &work).await?;
        let (source, survey, _) = work;
        Ok(Arc::new(Seen { source, survey, would }))
    }

    /// Keeps nothing in mind of the file of an import. A failure that was told is forgotten: it may be mended.
    pub(in crate::entries) fn forget_look(&self, import: i64) {
        self.looks.kept.lock().retain(|look| look.import != import);
    }
}
