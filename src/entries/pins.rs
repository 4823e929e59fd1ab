//! The verbs of pins: fields with an index of their own, asked for or because their filters stayed slow.

use super::service::Entries;
use super::store::{self, Pin};
use crate::collections::{CachedCollection, CollectionId};
use crate::error::{Error, Result};
use crate::json::Path;
use crate::limits::MAX_PINS;
use crate::staff::{Author, Deed, audit};

/// Pins a collection may have by itself: each costs every write a little.
const MAX_AUTOMATIC: usize = 5;
impl Entries {
    /// Pins a field. The index is built by [`Entries::build_pins`].
    pub async fn pin(&self, by: Option<&Author>, known: &CachedCollection, path: &Path) -> Result<()> {
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
        let deed = Deed::new("pinned", "collections", &known.collection.name).with(text);
        audit::note(&mut tx, by.unwrap_or(&Author::program()), deed, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Takes a pin and its index away.
    pub async fn unpin(&self, by: &Author, known: &CachedCollection, pin: i64) -> Result<()> {
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
            let fields = self.collections.fields(collection).await?;
            if !fields.iter().any(|field| field.path == path.to_string()) {
                continue;
            }
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

    /// Takes a field out of a collection's registry: it is no longer listed, and what entries hold stays. An entry that
    /// brings it again registers it again.
    pub async fn forget_field(&self, by: &Author, known: &CachedCollection, path: &Path) -> Result<()> {
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
}
