//! Files that wait for confirmation are read in the background, because a large one takes a while; the preview page
//! shows the progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;

use super::report::ImportReport;
use super::survey::Survey;
use crate::error::{Error, Result};
use crate::files::Options;
use crate::files::Source;

/// Files whose rows are kept in mind, with eight bytes each.
pub(super) const KEPT: usize = 4;

/// A file, what it holds, and what importing it would do if entries that it names were to get its values.
pub struct Seen {
    pub source: Arc<Source>,
    pub survey: Arc<Survey>,
    pub would: ImportReport,
}

/// Why a file cannot be read, in a form that everybody who asks can be told.
#[derive(Clone)]
pub enum Failure {
    /// In words, for the person who chose the file.
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
    pub(super) kept: Mutex<Vec<Look>>,
    /// One file is read at a time: it takes a processor of its own.
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// A file that is being read, or was.
#[derive(Clone)]
pub struct Look {
    pub(super) import: i64,
    /// Imports that were done when it was compared with them.
    pub(super) done: i64,
    pub(super) options: Options,
    pub(super) rows: Arc<AtomicU64>,
    pub(super) found: Shared<BoxFuture<'static, Found>>,
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
