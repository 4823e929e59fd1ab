//! Which filters are slow, and which fields have an index.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::store;
use crate::collections::CollectionId;
use crate::db::Pool;
use crate::error::Result;
use crate::json::Path;
use crate::moment::{HOUR, Moment};

/// So many slow answers within an hour, and a field is pinned by itself.
const SLOW_TIMES: usize = 5;
/// A pin that another process made is used after this time at the latest.
const FRESH: Duration = Duration::from_secs(1);

type ReadyPins = Arc<Vec<(CollectionId, Path)>>;

/// Remembers slow filters, and which fields are pinned.
#[derive(Default)]
pub struct SlowFilters {
    seen: Mutex<HashMap<(CollectionId, Path), Vec<Moment>>>,
    pins: RwLock<Option<(Instant, ReadyPins)>>,
    /// One index is built at a time.
    pub(super) building: tokio::sync::Mutex<()>,
}

impl SlowFilters {
    /// Notes that a filter on a field was slow.
    pub fn note(&self, collection: CollectionId, path: Path, now: Moment) {
        let mut seen = self.seen.lock();
        if seen.len() < 1000 {
            let times = seen.entry((collection, path)).or_default();
            times.retain(|at| now.0 - at.0 < HOUR);
            times.push(now);
        }
    }

    /// Those that were slow often enough; they are counted anew.
    pub(super) fn take_often_slow(&self) -> Vec<(CollectionId, Path)> {
        let mut seen = self.seen.lock();
        let often: Vec<_> =
            seen.iter().filter(|(_, times)| times.len() >= SLOW_TIMES).map(|(key, _)| key.clone()).collect();
        often.iter().for_each(|key| drop(seen.remove(key)));
        often
    }

    /// Fields whose index can be used.
    pub async fn ready_pins(&self, db: &Pool) -> Result<ReadyPins> {
        if let Some((at, pins)) = &*self.pins.read()
            && at.elapsed() < FRESH
        {
            return Ok(pins.clone());
        }
        let ready = store::pins(db).await?.into_iter().filter(|pin| pin.ready_at.is_some());
        let pins: ReadyPins =
            Arc::new(ready.filter_map(|pin| Some((pin.collection_id, Path::parse(&pin.path).ok()?))).collect());
        *self.pins.write() = Some((Instant::now(), pins.clone()));
        Ok(pins)
    }

    /// A pin was made, built or removed here.
    pub(super) fn changed(&self) {
        *self.pins.write() = None;
    }
}
