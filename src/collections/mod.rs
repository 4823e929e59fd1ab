//! Collections: the places that entries are sent to, with their keys, origins, limits and fields.
//!
//! What always holds: a collection's name is part of URLs and never changes; its publishable key stands in
//! web pages and is no secret; the field registry knows every path that was ever stored.

mod api;
mod checks;
mod collection;
mod known;
mod names;
mod pages;
mod service;
mod settings;
mod store;

pub use api::Docs;
pub use checks::{Check, CheckMode};
pub use collection::{Collection, CollectionId, DEFAULT_COLLECTION, KEPT_DAYS, RegisteredField, STATES};
pub use known::{Collections, Known};
pub use names::{CollectionName, WebOrigin};
pub use service::{Changes, NewCollection};
pub use settings::Settings;
pub use store::{FieldCounts, RefusedOrigin, count_fields, fields, forget_field, forget_old_fields, register_field};

/// URLs for staff.
pub fn staff_routes() -> Vec<rocket::Route> {
    [api::routes(), pages::routes()].concat()
}
