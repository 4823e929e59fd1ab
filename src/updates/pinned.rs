//! What is pinned, in memory: it stands in every page of those who wait.

use std::sync::Arc;

use parking_lot::RwLock;

use super::store;
use super::update::Update;
use crate::db::{DbError, Pool};
use crate::moment::Moment;
use crate::web::SafeHtml;

/// Pinned updates that those who wait are shown, and how many of them are kept, as some may still be scheduled.
const SHOWN: usize = 3;
const KEPT: i64 = 50;
/// Characters of its beginning.
const BEGINNING: usize = 160;

/// A pinned update, as those who wait are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The end of its address.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// How it begins.
    pub beginning: String,
    publish_at: Option<Moment>,
}

impl Pinned {
    fn of(update: Update) -> Pinned {
        let beginning = SafeHtml::beginning(&update.body, BEGINNING);
        Pinned { slug: update.slug, title: update.title, beginning, publish_at: update.publish_at }
    }
}

/// What is pinned, as it was read last. Clones share it.
#[derive(Clone)]
pub struct Board {
    all: Arc<RwLock<Arc<[Pinned]>>>,
    /// One reads at a time, so that what is older never comes last.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Board {
    /// Nothing read yet.
    pub fn new() -> Board {
        Board { all: Arc::new(RwLock::new(Arc::new([]))), reading: Arc::default() }
    }

    /// Those that are seen at this moment, the newest first, at most three.
    pub fn at(&self, now: Moment) -> Vec<Pinned> {
        let all = Arc::clone(&self.all.read());
        all.iter().filter(|one| one.publish_at.is_some_and(|at| at <= now)).take(SHOWN).cloned().collect()
    }

    /// Reads them again.
    pub async fn read(&self, db: &Pool) -> Result<(), DbError> {
        let _one = self.reading.lock().await;
        let all: Arc<[Pinned]> = store::pinned(db, KEPT).await?.into_iter().map(Pinned::of).collect();
        *self.all.write() = all;
        Ok(())
    }
}
