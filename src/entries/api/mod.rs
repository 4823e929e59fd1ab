//! `/list`, `/csv`, `/api/v1/entries`: JSON, downloads, and the page where a person asks.

mod asked;
mod entry;
mod fields;
mod list;
mod listing;
mod pins;
mod schemas;
mod work;

use crate::web::{Api, api};

pub use schemas::schemas;

/// Lists, single entries, and what collections know through their entries.
pub fn api() -> Api {
    api![
        list::list,
        list::list_by_post,
        list::csv,
        list::csv_by_post,
        list::api_list,
        list::api_list_by_post,
        entry::show,
        entry::replace,
        entry::merge,
        entry::remove_entry,
        entry::restore,
        work::work,
        work::changes,
        work::take_back,
        fields::fields,
        fields::forget,
        pins::pins,
        pins::pin,
        pins::show_pin,
        pins::unpin,
    ]
}
