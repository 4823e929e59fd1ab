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
    /// Primary key.
    pub id: CollectionId,
    /// Name in URLs, see [`super::CollectionName`].
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The key that a page sends along, `pk_…`. Not a secret: everybody who opens the page can read it.
    pub publishable_key: String,
    /// What the entries are: `entries` or `readings`.
    pub kind: String,
    /// Accepts entries without the key.
    pub open: bool,
    /// Anyone may read its entries.
    pub public_read: bool,
    /// Days after which entries are purged; `None`: never.
    pub retention_days: Option<i64>,
    /// Entries that are accepted each day (UTC); `None`: any number.
    pub daily_quota: Option<i64>,
    /// JSON, see [`super::Check`].
    pub checks: String,
    /// JSON: names of the states of its entries.
    pub states: String,
    /// Raised by every change; the ETag.
    pub version: i64,
    /// When it was created.
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
    /// Primary key.
    pub id: i64,
    /// The collection whose entries have the field.
    pub collection_id: CollectionId,
    /// Path from the top of an entry, such as `address.city`.
    pub path: String,
    /// Entries in which it held a string.
    pub strings: i64,
    /// Entries in which it held a number.
    pub numbers: i64,
    /// Entries in which it held `true` or `false`.
    pub bools: i64,
    /// Entries in which it held `null`.
    pub nulls: i64,
    /// Entries in which it held an array.
    pub arrays: i64,
    /// Entries in which it held an empty object.
    pub objects: i64,
    /// When it was first seen.
    pub first_at: Moment,
    /// When it was last seen.
    pub last_at: Moment,
}
