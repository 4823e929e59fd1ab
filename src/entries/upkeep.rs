//! What happens by itself: pins for slow filters, the retention sweep, counts written down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::service::Entries;
use super::{Pin, store};
use crate::collections::{CollectionId, Known};
use crate::db::Pool;
use crate::error::{Error, Result};
use crate::json::Path;
use crate::limits::MAX_PINS;
use crate::moment::{DAY, HOUR, Moment};
use crate::staff::{Author, Deed, audit};

/// So many slow answers within an hour, and a field is pinned by itself.
const SLOW_TIMES: usize = 5;
/// Pins a collection may have by itself: each costs every write a little.
const MAX_AUTOMATIC: usize = 5;
/// Entries removed in one transaction of the sweep, so that the writer is never held for long.
const SWEEP: i64 = 5000;
/// A pin that another process made is used after this time at the latest.
const FRESH: Duration = Duration::from_secs(1);

type ReadyPins = Arc<Vec<(CollectionId, Path)>>;

/// Remembers slow filters, and which fields are pinned.
#[derive(Default)]
pub struct SlowFilters {
    seen: Mutex<HashMap<(CollectionId, Path), Vec<Moment>>>,
    pins: RwLock<Option<(Instant, ReadyPins)>>,
    /// One index is built at a time.
    building: tokio::sync::Mutex<()>,
}

impl SlowFilters {
    /// Notes that a filter on a field was slow.
    pub fn note(&self, collection: CollectionId, path: Path, now: Moment) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < 1000 {
            let times = seen.entry((collection, path)).or_default();
            times.retain(|at| now.0 - at.0 < HOUR);
            times.push(now);
        }
    }

    fn take_often_slow(&self) -> Vec<(CollectionId, Path)> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let often: Vec<_> =
            seen.iter().filter(|(_, times)| times.len() >= SLOW_TIMES).map(|(key, _)| key.clone()).collect();
        often.iter().for_each(|key| drop(seen.remove(key)));
        often
    }

    /// Fields whose index can be used.
    pub async fn ready_pins(&self, db: &Pool) -> Result<ReadyPins> {
        if let Some((at, pins)) = &*self.pins.read().unwrap_or_else(PoisonError::into_inner)
            && at.elapsed() < FRESH
        {
            return Ok(pins.clone());
        }
        let ready = store::pins(db).await?.into_iter().filter(|pin| pin.ready_at.is_some());
        let pins: ReadyPins =
            Arc::new(ready.filter_map(|pin| Some((pin.collection_id, Path::parse(&pin.path).ok()?))).collect());
        *self.pins.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), pins.clone()));
        Ok(pins)
    }

    fn changed(&self) {
        *self.pins.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Entries {
    /// Pins a field. The index is built by [`Entries::build_pins`].
    pub async fn pin(&self, by: Option<&Author>, known: &Known, path: &Path) -> Result<()> {
        let text = path.to_string();
        let pins: Vec<_> =
            store::pins(&self.db).await?.into_iter().filter(|p| p.collection_id == known.collection.id).collect();
        if pins.iter().any(|pin| pin.path == text) {
            return Err(Error::Conflict(format!("\"{text}\" is pinned already.").into()));
        }
        if pins.len() >= MAX_PINS {
            return Err(Error::Conflict(format!("A collection has at most {MAX_PINS} pinned fields.").into()));
        }
        let mut tx = self.db.begin().await?;
        store::insert_pin(&mut tx, known.collection.id, &text, by.is_none(), self.clock.now()).await?;
        if let Some(by) = by {
            let deed = Deed::new("pinned", "collections", &known.collection.name).with(text);
            audit::note(&mut tx, by, deed, self.clock.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Takes a pin and its index away.
    pub async fn unpin(&self, by: &Author, known: &Known, pin: i64) -> Result<()> {
        let pins = store::pins(&self.db).await?;
        if !pins.iter().any(|p| p.id == pin && p.collection_id == known.collection.id) {
            return Err(Error::NotFound("There is no such pin.".into()));
        }
        let mut tx = self.db.begin().await?;
        let deed = Deed::new("unpinned", "collections", &known.collection.name).with(pin.to_string());
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        // An index that is being built cannot be dropped.
        let _alone = self.slow.building.lock().await;
        self.slow.changed();
        store::drop_pin(&self.db, pin).await?;
        self.slow.changed();
        Ok(())
    }

    /// The pins of a collection with the bytes of their indexes.
    pub async fn pins(&self, collection: CollectionId) -> Result<Vec<(Pin, i64)>> {
        let mut found = Vec::new();
        for pin in store::pins(&self.db).await?.into_iter().filter(|pin| pin.collection_id == collection) {
            let size = store::pin_size(&self.db, pin.id).await?;
            found.push((pin, size));
        }
        Ok(found)
    }

    /// Builds the index of every pin that has none yet. Doing it twice does no harm.
    pub async fn build_pins(&self) -> Result<()> {
        let _alone = self.slow.building.lock().await;
        for pin in store::pins(&self.db).await?.into_iter().filter(|pin| pin.ready_at.is_none()) {
            let path = Path::parse(&pin.path).map_err(|detail| Error::Internal(detail.into()))?;
            tracing::info!(field = pin.path, "building the index of a pinned field");
            store::build_pin(&self.db, &pin, &path, self.clock.now()).await?;
            self.slow.changed();
        }
        Ok(())
    }

    /// [`Entries::build_pins`] where nobody waits for the result.
    pub async fn build_pins_or_log(&self) {
        if let Err(error) = self.build_pins().await {
            tracing::error!(%error, "the index of a pinned field was not built");
        }
    }

    /// Pins the fields whose filters stayed slow.
    pub async fn pin_slow_fields(&self) -> Result<()> {
        for (collection, path) in self.slow.take_often_slow() {
            let all = self.collections.list().await?;
            let Some(known) = all.iter().find(|known| known.collection.id == collection) else { continue };
            let automatic =
                store::pins(&self.db).await?.iter().filter(|p| p.collection_id == collection && p.automatic).count();
            if automatic < MAX_AUTOMATIC {
                match self.pin(None, known, &path).await {
                    Ok(()) | Err(Error::Conflict(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Removes entries that are older than their collection keeps them. Returns how many.
    pub async fn sweep(&self) -> Result<u64> {
        let mut removed = 0;
        for known in self.collections.list().await? {
            let Some(days) = known.collection.retention_days else { continue };
            let before = Moment(self.clock.now().0 - days * DAY);
            loop {
                let mut tx = self.db.begin().await?;
                let count = store::purge(&mut tx, known.collection.id, before, SWEEP).await?;
                tx.commit().await?;
                removed += count;
                if count < SWEEP as u64 {
                    break;
                }
            }
            self.forget_old_fields(known.collection.id, before).await?;
        }
        Ok(removed)
    }

    /// Removes deleted collections whose time is over, with all they hold.
    pub async fn purge_collections(&self) -> Result<()> {
        for collection in self.collections.purgeable().await? {
            for (pin, _) in self.pins(collection.id).await? {
                let _alone = self.slow.building.lock().await;
                store::drop_pin(&self.db, pin.id).await?;
            }
            self.slow.changed();
            loop {
                let mut tx = self.db.begin().await?;
                let count = store::purge(&mut tx, collection.id, Moment(i64::MAX), SWEEP).await?
                    + store::purge_uids(&mut tx, collection.id, SWEEP).await?;
                tx.commit().await?;
                if count == 0 {
                    break;
                }
            }
            self.collections.purge(&collection).await?;
            self.intake.forget(collection.id).await;
            tracing::info!(collection = collection.name, "a deleted collection was removed for good");
        }
        Ok(())
    }

    /// Forgets names that only entries had which are purged. A count that is not written down yet is younger.
    async fn forget_old_fields(&self, collection: CollectionId, before: Moment) -> Result<()> {
        self.intake.flush().await;
        let mut tx = self.db.begin().await?;
        let forgotten = crate::collections::forget_old_fields(&mut tx, collection, before).await?;
        tx.commit().await?;
        if forgotten > 0 {
            self.intake.forget(collection).await;
            self.seen_fields.forget();
        }
        Ok(())
    }

    /// Takes a field out of a collection's registry: it is no longer listed, and what entries hold stays. An entry that
    /// brings it again registers it again.
    pub async fn forget_field(&self, by: &Author, known: &Known, path: &Path) -> Result<()> {
        let text = path.to_string();
        if self.pins(known.collection.id).await?.iter().any(|(pin, _)| pin.path == text) {
            return Err(Error::Conflict(format!("\"{text}\" is pinned. Unpin it first.").into()));
        }
        let mut tx = self.db.begin().await?;
        let deed = Deed::new("changed", "collections", &known.collection.name).with("forgot a field");
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        if !crate::collections::forget_field(&mut tx, known.collection.id, &text).await? {
            return Err(Error::NotFound(format!("There is no field \"{text}\".").into()));
        }
        tx.commit().await?;
        self.intake.forget(known.collection.id).await;
        self.seen_fields.forget();
        Ok(())
    }

    /// Writes down what is only in memory: counts, and origins that were refused. Failing, it loses just these.
    pub async fn write_down(&self) {
        self.intake.flush().await;
        if let Err(error) = self.collections.flush().await {
            tracing::warn!(%error, "refused origins were not written down");
        }
    }

    /// One round of everything that is done now and then.
    pub async fn upkeep(&self) -> Result<()> {
        self.limits.forget_quiet();
        self.intake.flush().await;
        self.collections.flush().await?;
        self.pin_slow_fields().await?;
        self.build_pins().await?;
        self.end_all_cancelled().await?;
        self.forget_uploads().await?;
        self.purge_collections().await?;
        self.sweep().await.map(drop)
    }
}
