//! What a collection is.

use serde::Serialize;

use crate::moment::Moment;

/// The number of a collection. It is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, Serialize)]
#[sqlx(transparent)]
pub struct CollectionId(pub i64);

/// The collection that is there from the first start.
pub const DEFAULT_COLLECTION: &str = "default";

/// A place for entries of one kind.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Collection {
    pub id: CollectionId,
    pub name: String,
    pub title: String,
    pub publishable_key: String,
    pub kind: String,
    /// Accepts entries without the key.
    pub open: bool,
    pub public_read: bool,
    pub retention_days: Option<i64>,
    pub daily_quota: Option<i64>,
    /// JSON, see [`super::Check`].
    pub checks: String,
    /// JSON: names of the states of its entries.
    pub states: String,
    pub version: i64,
    pub created_at: Moment,
    /// It can be restored for [`KEPT_DAYS`], then it is removed with its entries.
    pub deleted_at: Option<Moment>,
}

impl Collection {
    /// The states of its entries; a new one has the first.
    pub fn states(&self) -> Vec<String> {
        serde_json::from_str(&self.states).unwrap_or_default()
    }

    /// The state of an entry that nobody gave another.
    pub fn first_state(&self) -> String {
        self.states().into_iter().next().unwrap_or_default()
    }
}

/// What the states of a collection are if nobody names others.
pub const STATES: [&str; 3] = ["new", "open", "done"];

/// Days for which a deleted collection can be restored.
pub const KEPT_DAYS: i64 = 30;

/// A field of the registry.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RegisteredField {
    pub id: i64,
    pub collection_id: CollectionId,
    pub path: String,
    pub strings: i64,
    pub numbers: i64,
    pub bools: i64,
    pub nulls: i64,
    pub arrays: i64,
    pub objects: i64,
    pub first_at: Moment,
    pub last_at: Moment,
}
