//! What the application is told of a resource: how it is mounted, and how the API describes it.

use serde_json::Value;

use super::Resource;
use crate::staff::Role;

/// A resource with the name of its schema and what may be done with it.
#[derive(Clone, Copy)]
pub struct Described {
    /// Its declaration.
    pub resource: &'static Resource,
    /// Name of its schema in the description of the API.
    pub schema: &'static str,
    /// Tag in the description of the API.
    pub tag: &'static str,
    /// The least role that reads it; `None`: anybody.
    pub reads: Option<Role>,
    /// Which of the shared routes it has.
    pub mounted: Mounted,
    /// What answers tell beside its columns: schemas by their names.
    pub live: Option<fn() -> Value>,
}

/// Which of the routes that all records share a resource has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounted {
    /// All of them.
    All,
    /// All but those that read: its domain has its own.
    Changes,
    /// None: its domain has its own, and changes are verbs.
    Nothing,
}

impl Described {
    /// A resource that anybody reads and staff change by the shared routes.
    pub fn new(resource: &'static Resource, schema: &'static str, tag: &'static str) -> Described {
        Described { resource, schema, tag, reads: None, mounted: Mounted::All, live: None }
    }

    /// Whether the shared routes change it.
    pub fn changes(&self) -> bool {
        self.mounted != Mounted::Nothing
    }
}
