//! Cancelling imports: everything they stored is removed.

use crate::entries::service::Entries;
use crate::entries::store::{self, ImportRow};
use crate::error::Result;
use crate::moment::SECOND;
use crate::staff::{Author, Deed, audit};

/// After so long without a sign of life an import has broken off.
const SILENT: i64 = 15 * SECOND;
/// Entries removed by one transaction.
const TAKEN_BACK: i64 = 2000;

impl Entries {
    /// Cancels an import and removes what it stored. `false`: it is over, or was cancelled before. Until everything is
    /// removed its state is "cancelling"; if it is running, the task that stores its rows removes them.
    pub async fn cancel_import(&self, by: &Author, import: &ImportRow) -> Result<bool> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let states = ["uploaded", "running", "failed"];
        if !store::move_import(&mut tx, import.id, states, "cancelling", now).await? {
            return Ok(false);
        }
        self.forget_look(import.id);
        let deed = Deed::new("cancelled", "imports", import.id).with(format!("into {}", import.collection));
        audit::note(&mut tx, by, deed, now).await?;
        tx.commit().await?;
        if !self.is_storing(import).await? {
            self.end_cancelled(import.id).await?;
        }
        Ok(true)
    }

    /// Whether rows of an import that was just cancelled may be on their way, here or in another process.
    async fn is_storing(&self, before: &ImportRow) -> Result<bool> {
        let begun = store::find_import(&self.db, before.id).await?.is_some_and(|import| import.total > 0);
        let elsewhere = before.state == "running" && self.is_alive(before);
        Ok(begun && (elsewhere || self.is_importing(before.id)))
    }

    /// Whether somebody runs an import.
    pub fn is_alive(&self, import: &ImportRow) -> bool {
        self.is_importing(import.id) || self.clock.now().0 - import.seen_at.0 < SILENT
    }

    /// Takes back what an import stored, if it was cancelled. Then nothing of it is left.
    pub(super) async fn end_cancelled(&self, id: i64) -> Result<()> {
        // One that somebody else goes on with is none of these.
        let cancelled = |import: &ImportRow| matches!(import.state.as_str(), "cancelling" | "cancelled");
        let Some(import) = store::find_import(&self.db, id).await?.filter(cancelled) else { return Ok(()) };
        self.remove_stored(&import).await?;
        let mut tx = self.db.begin().await?;
        let states = ["cancelling"; 3];
        store::move_import(&mut tx, id, states, "cancelled", self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// Ends imports that were cancelled and that nobody runs any more: the server was stopped meanwhile.
    pub async fn end_all_cancelled(&self) -> Result<()> {
        for import in store::imports_being_cancelled(&self.db).await? {
            if !self.is_alive(&import) {
                self.end_cancelled(import.id).await?;
            }
        }
        Ok(())
    }

    /// Removes what an import stored. Twice does no harm.
    async fn remove_stored(&self, import: &ImportRow) -> Result<()> {
        // It may be deleted meanwhile, and restored again.
        let Some(collection) = self.collections.id_of(&import.collection).await? else { return Ok(()) };
        loop {
            let mut tx = self.db.begin().await?;
            if !store::remove_stored(&mut tx, collection, import.id, TAKEN_BACK).await? {
                store::forget_known(&mut tx, collection, import.id).await?;
                return Ok(tx.commit().await?);
            }
            tx.commit().await?;
        }
    }
}
