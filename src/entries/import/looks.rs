//! Files that wait to be confirmed are read beside everything else: a large one takes a while, and whoever looks at it
//! is told how far that is.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::ImportReport;
use super::aside::aside;
use super::how::{How, SameId};
use super::source::{Options, Source};
use super::survey::Survey;
use crate::entries::service::Entries;
use crate::entries::store::{self, ImportRow};
use crate::error::{Error, Result};

/// Files whose rows are kept in mind, with eight bytes each.
const KEPT: usize = 4;

/// A file, what it holds, and what importing it would do if entries that it names were to get its values.
pub struct Seen {
    pub source: Arc<Source>,
    pub survey: Arc<Survey>,
    pub would: ImportReport,
}

/// Why a file cannot be read, in a form that everybody who asks can be told.
#[derive(Clone)]
pub enum Failure {
    /// In words for whoever chose the file.
    Unfit(String),
    Internal(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Unfit(detail) => Error::invalid("/file", detail),
            Failure::Internal(detail) => Error::Internal(detail.into()),
        }
    }
}

type Found = std::result::Result<Arc<Seen>, Failure>;

/// The files that were looked at last.
#[derive(Default)]
pub struct Looks {
    /// The newest last.
    kept: Mutex<Vec<Look>>,
    /// One file is read at a time: it takes a processor of its own.
    turn: tokio::sync::Mutex<()>,
}

/// A file that is being read, or was.
#[derive(Clone)]
pub struct Look {
    import: i64,
    /// Imports that were done when it was compared with them.
    done: i64,
    options: Options,
    rows: Arc<AtomicU64>,
    found: Shared<BoxFuture<'static, Found>>,
}

impl Look {
    /// What the file holds, or why it cannot be read. `None`: that is not known within `patience`.
    pub async fn within(&self, patience: Duration) -> Option<Found> {
        tokio::time::timeout(patience, self.found.clone()).await.ok()
    }

    /// The same, however long it takes.
    pub async fn found(self) -> Result<Arc<Seen>> {
        Ok(self.found.await?)
    }

    /// Rows that were read so far.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}

impl Entries {
    /// Reads the file of an import in a task of its own, unless that is done or under way.
    pub async fn look(&self, import: &ImportRow, options: Options) -> Result<Look> {
        let done = store::imports_done(&self.db, &import.collection).await?;
        let mut kept = self.looks.kept.lock().unwrap_or_else(PoisonError::into_inner);
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
            // Where nobody is left who wants to know, because it is read in another way now, it ends.
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
        self.looks.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|look| look.import != import);
    }
}
