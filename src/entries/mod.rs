//! Entries: what web pages send, kept safely, listed, filtered and exported.
//!
//! What always holds: an entry is a JSON object, stored as it was sent; a client id (`_uid`) is stored once
//! per collection for good; deleting is a mark that can be taken back until the retention sweep; the same
//! query gives the same entries in every format.

mod add;
mod api;
mod body;
mod changing;
mod entry;
mod export;
mod form;
mod import;
mod intake;
mod limits;
mod look;
mod order;
mod pages;
mod path_sql;
mod pin;
mod pins;
mod reader;
mod reading;
mod recording;
mod refusal;
mod saved;
mod scope;
mod seen;
mod service;
mod slow;
mod snippet;
mod sql;
mod store;
mod submission;
mod system;
mod upkeep;
mod views;
mod work;

pub use add::Docs as AddDocs;
pub use api::Docs;
pub use entry::{Entry, EntryId, Kept, NewEntry, Outcome};
pub use import::{How, ImportReport, Options, Sheet, Source, Survey, TABLE};
pub use intake::Tally;
pub use limits::RateSettings;
pub use reader::Reader;
pub use service::{Entries, Settings};
pub use snippet::routes as snippet_routes;
pub use store::{Pin, SavedView};
pub use system::{GRAMMAR, parse_query};

/// URLs for anybody: no session is read, CORS is open.
pub fn public_routes() -> Vec<rocket::Route> {
    [add::routes(), api::public_routes()].concat()
}

/// URLs for staff.
pub fn staff_routes() -> Vec<rocket::Route> {
    [api::staff_routes(), pages::routes()].concat()
}
