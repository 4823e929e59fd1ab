//! A collection as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::collections::CachedCollection;
use crate::moment::Moment;
use crate::web::{JsonAnswer, etag};

/// A collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct Shown {
    name: String,
    title: String,
    key: String,
    kind: String,
    open: bool,
    public_read: bool,
    retention_days: Option<i64>,
    daily_quota: Option<i64>,
    origins: Vec<String>,
    /// Fields with the type they must have: `{"age": {"type": "number", "mode": "warn"}}`.
    #[schema(value_type = Object)]
    checks: serde_json::Value,
    /// What entries are worked through: a new one has the first.
    states: Vec<String>,
    version: i64,
    #[schema(value_type = String, format = DateTime)]
    created: Moment,
}

#[derive(Serialize, ToSchema)]
pub struct CollectionList {
    pub collections: Vec<Shown>,
    pub next: Option<String>,
    pub count: usize,
}

impl Shown {
    pub fn new(known: &CachedCollection) -> Shown {
        let c = &known.collection;
        Shown {
            name: c.name.clone(),
            title: c.title.clone(),
            key: c.publishable_key.clone(),
            kind: c.kind.clone(),
            open: c.open,
            public_read: c.public_read,
            retention_days: c.retention_days,
            daily_quota: c.daily_quota,
            origins: known.origins.clone(),
            checks: serde_json::from_str(&c.checks).unwrap_or_default(),
            states: c.states(),
            version: c.version,
            created: c.created_at,
        }
    }
}

/// With its version as the ETag.
pub fn answer(known: &CachedCollection) -> JsonAnswer {
    let body = serde_json::to_value(Shown::new(known)).unwrap_or_default();
    JsonAnswer::ok(&body).with("ETag", etag(known.collection.version))
}
