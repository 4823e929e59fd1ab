//! Periodic jobs: the retention sweep, purging deleted collections, writing counts to the database.

use super::service::Entries;
use super::store;
use crate::collections::CollectionId;
use crate::error::Result;
use crate::moment::{DAY, Moment};

/// Entries removed in one transaction of the sweep, so that the writer is never held for long.
const SWEEP: i64 = 5000;
impl Entries {
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
            let mut tx = self.db.begin().await?;
            store::forget_counts(&mut tx, collection.id).await?;
            tx.commit().await?;
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

    /// Writes down what is only in memory: counts of fields, and origins that were refused. Forgets whom no limit concerns
    /// any more.
    pub async fn write_down(&self) -> Result<()> {
        self.limits.forget_quiet();
        self.intake.flush().await;
        self.collections.flush().await
    }
}
