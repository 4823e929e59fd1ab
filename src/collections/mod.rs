//! Collections: the places that entries are sent to, with their keys, origins, limits and fields.
//!
//! What always holds: a collection's name is part of URLs and never changes; its publishable key stands in
//! web pages and is no secret; the field registry knows every path that was ever stored.

mod api;
mod cached;
mod checks;
mod collection;
mod names;
mod pages;
mod service;
mod settings;
mod store;

use crate::domain::Domain;
use crate::staff::{Area, NavGroup, NavLink, Role, Scope};
use crate::web::Icon;

pub use cached::{CachedCollection, Collections};
pub use checks::{Check, CheckMode};
pub use collection::{Collection, CollectionId, DEFAULT_COLLECTION, KEPT_DAYS, RegisteredField, STATES};
pub use names::{CollectionName, WebOrigin};
pub use service::{Changes, NewCollection};
pub use settings::Settings;
pub use store::{FieldCounts, RefusedOrigin, count_fields, fields, forget_field, forget_old_fields, register_field};

/// Listing and exporting entries, reading collections.
pub static READ: Scope =
    Scope { name: "entries:read", meaning: "List and export entries, read collections", role: Role::Viewer };

/// Working with entries.
pub static WRITE: Scope =
    Scope { name: "entries:write", meaning: "Change, delete and restore entries", role: Role::Staff };

static AREAS: [Area; 1] = [Area { address: "/api/v1/collections", reads: &READ, writes: &WRITE }];

static NAVIGATION: [NavLink; 1] = [NavLink {
    name: "Collections",
    icon: Icon::Collections,
    group: NavGroup::Manage,
    href: "/collections",
    places: &["collections"],
    key: Some('c'),
    role: Role::Viewer,
    rank: 40,
}];

/// Everything that the application needs to know of collections.
pub fn domain() -> Domain {
    Domain {
        apis: vec![("/", api::api())],
        pages: pages::routes(),
        areas: &AREAS,
        tags: &[("collections", "Where entries go, and who may send them")],
        navigation: &NAVIGATION,
        manage: Some(|rocket, ground| rocket.manage(Collections::new(ground.pool.clone(), ground.clock.clone()))),
        ..Domain::new("collections")
    }
}
