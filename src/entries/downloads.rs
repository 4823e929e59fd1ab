//! How many download and list at once, and who of them reads from the database: strangers never take what others need.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::reader::Reader;
use crate::db::{DbError, Pool, Snapshot};
use crate::error::{Error, Result};
use crate::limits::{DOWNLOAD_BUDGET_SECONDS, MAX_DOWNLOADS, MAX_DOWNLOADS_EACH, SNAPSHOT_SECONDS};
use crate::occupancy::{Occupancy, Seat};
use crate::rate::bucket;

/// Strangers who read at once. The database lends twice as many connections for long reads.
const STRANGERS_READING: usize = 2;
/// How long a download waits for its first turn at reading; after that it is told to come later.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same for strangers.
const PATIENCE_WITH_STRANGERS: Duration = Duration::from_secs(5);
/// After this time a stranger makes way for another who waits.
const TURN: Duration = Duration::from_millis(250);

/// Everybody who downloads.
pub struct Downloads {
    staff: Occupancy<u128>,
    strangers: Occupancy<u128>,
    turns: Arc<Turns>,
    /// Strangers who list at once: half as many as there are connections for short reads.
    lists: Semaphore,
}

/// Strangers take turns at reading among themselves.
struct Turns {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Downloads {
    fn default() -> Downloads {
        let seats = || Occupancy::new(MAX_DOWNLOADS, MAX_DOWNLOADS_EACH);
        let turns = Turns { places: Arc::new(Semaphore::new(STRANGERS_READING)), waiting: AtomicUsize::new(0) };
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Downloads {
            staff: seats(),
            strangers: seats(),
            turns: Arc::new(turns),
            lists: Semaphore::new(cores.clamp(2, 8)),
        }
    }
}

/// One download's share.
pub struct Share {
    _seat: Option<Seat<u128>>,
    /// For strangers.
    turns: Option<Arc<Turns>>,
    patience: Duration,
    /// What each statement may take.
    budget: Option<Duration>,
}

/// What a download reads, at one moment.
pub struct View {
    pub snapshot: Snapshot,
    since: Instant,
    turns: Option<Arc<Turns>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl View {
    /// It was held for as long as one may be; less if others wait.
    pub fn is_old(&self) -> bool {
        let others_wait = self.turns.as_ref().is_some_and(|turns| turns.waiting.load(Ordering::Relaxed) > 0);
        let most = if others_wait { TURN } else { Duration::from_secs(SNAPSHOT_SECONDS) };
        self.since.elapsed() >= most
    }
}

impl Turns {
    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Some(place);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = scopeguard::guard((), |()| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        });
        self.places.clone().acquire_owned().await.ok()
    }
}

impl Downloads {
    /// Downloads under way.
    pub fn held(&self) -> usize {
        self.staff.held() + self.strangers.held()
    }

    /// A turn at listing, which strangers wait for among themselves; 503 if it does not come soon.
    pub async fn turn_to_list(&self, reader: &Reader) -> Result<Option<SemaphorePermit<'_>>> {
        if !is_stranger(reader) {
            return Ok(None);
        }
        match tokio::time::timeout(PATIENCE_WITH_STRANGERS, self.lists.acquire()).await {
            Ok(turn) => Ok(turn.ok()),
            Err(_) => Err(DbError::Crowded.into()),
        }
    }

    /// A share for one more download; 503 if there are as many as there may be.
    pub fn join(&self, reader: &Reader, address: Option<IpAddr>) -> Result<Share> {
        let seat = match reader {
            Reader::System => None,
            Reader::Staff(id) => Some(self.staff.take(Some(id.unsigned_abs().into())).ok_or_else(crowded)?),
            Reader::Session(_) | Reader::Public => Some(self.strangers.take(address.map(bucket)).ok_or_else(crowded)?),
        };
        let is_stranger = is_stranger(reader);
        Ok(Share {
            _seat: seat,
            turns: is_stranger.then(|| self.turns.clone()),
            patience: if is_stranger { PATIENCE_WITH_STRANGERS } else { PATIENCE },
            budget: is_stranger.then_some(Duration::from_secs(DOWNLOAD_BUDGET_SECONDS)),
        })
    }
}

impl Share {
    /// The first turn at reading; 503 if it does not come soon.
    pub async fn first_view(&self, db: &Pool) -> Result<View> {
        match tokio::time::timeout(self.patience, self.view(db)).await {
            Ok(view) => Ok(view?),
            Err(_) => Err(crowded()),
        }
    }

    /// A turn at reading.
    pub async fn view(&self, db: &Pool) -> std::result::Result<View, DbError> {
        let place = match &self.turns {
            Some(turns) => turns.take().await,
            None => None,
        };
        let snapshot = db.snapshot(self.budget).await?;
        Ok(View { snapshot, since: Instant::now(), turns: self.turns.clone(), _place: place })
    }
}

fn is_stranger(reader: &Reader) -> bool {
    matches!(reader, Reader::Session(_) | Reader::Public)
}

fn crowded() -> Error {
    Error::Unavailable { detail: "Others download as much as can be downloaded at once.".into(), retry_after: 10 }
}
