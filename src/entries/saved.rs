//! What people save for themselves or for each other: views, and the columns of a collection.

use super::service::Entries;
use super::store::{self, SavedView};
use crate::collections::CollectionId;
use crate::error::{Error, Result};
use crate::staff::{Author, Deed, audit};
use crate::web::pairs;

/// Characters of the name of a view.
const MAX_NAME: usize = 80;

impl Entries {
    /// All saved views, by name.
    pub async fn saved_views(&self) -> Result<Vec<SavedView>> {
        Ok(store::saved_views(&self.db).await?)
    }

    /// Saves a query string under a name; an old view of that name is replaced.
    pub async fn save_view(&self, by: &Author, name: &str, query: &str) -> Result<()> {
        let name: String = name.trim().chars().take(MAX_NAME).collect();
        if name.is_empty() {
            return Err(Error::invalid("/name", "a view needs a name"));
        }
        self.read_query(&pairs(query)?)?;
        let mut tx = self.db.begin().await?;
        let now = self.clock.now();
        store::save_view(&mut tx, &name, query, by.user(), now).await?;
        audit::note(&mut tx, by, Deed::new("saved", "views", &name), now).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes a view; one that is gone already stays so.
    pub async fn remove_view(&self, by: &Author, id: i64) -> Result<()> {
        let mut tx = self.db.begin().await?;
        store::remove_view(&mut tx, id).await?;
        audit::note(&mut tx, by, Deed::new("deleted", "views", id), self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// The columns that an account chose for a collection, as `_fields` takes them.
    pub async fn column_choice(&self, account: i64, collection: CollectionId) -> Result<Option<String>> {
        Ok(store::column_choice(&self.db, account, collection).await?)
    }

    /// Remembers the columns that an account wants to see of a collection.
    pub async fn choose_columns(&self, account: i64, collection: CollectionId, columns: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        store::choose_columns(&mut tx, account, collection, columns).await?;
        Ok(tx.commit().await?)
    }
}
