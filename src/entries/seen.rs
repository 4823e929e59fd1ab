//! A cache of fields that the registry is known to hold, so that it is not queried each time.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::collections::{CachedCollection, CollectionId};
use crate::json::Path;

/// Fields that queries named and that the registry had.
#[derive(Default)]
pub struct SeenFields(RwLock<HashSet<(CollectionId, Path)>>);

/// Names that strangers could make up are not remembered, so this is a bound for the unexpected.
const MAX_SEEN: usize = 10_000;

impl SeenFields {
    /// Whether this field of this one collection was found before.
    pub fn knows(&self, collections: &[Arc<CachedCollection>], path: &Path) -> bool {
        let [known] = collections else { return false };
        let seen = self.0.read();
        seen.contains(&(known.collection.id, path.clone()))
    }

    /// Fields were taken out of a registry.
    pub fn forget(&self) {
        self.0.write().clear();
    }

    /// Remembers that the registry has this field.
    pub fn learn(&self, collections: &[Arc<CachedCollection>], path: &Path) {
        if let [known] = collections {
            let mut seen = self.0.write();
            if seen.len() < MAX_SEEN {
                seen.insert((known.collection.id, path.clone()));
            }
        }
    }
}
