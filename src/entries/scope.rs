//! Which entries a reader can see at all.

use crate::collections::CollectionId;
use crate::json::Path;

/// What a query needs to know beside its parameters.
pub struct Scope<'a> {
    /// The collections the reader may read and asked for, with their names.
    pub collections: &'a [(CollectionId, String)],
    /// The state that an entry of each has if nobody gave it another.
    pub states: &'a [(CollectionId, String)],
    /// Only entries of this browser session.
    pub session: Option<&'a str>,
    /// Fields with an index, by collection.
    pub pins: &'a [(CollectionId, Path)],
}
