//! Pages of updates: those of visitors with the feeds, and the editor of staff.

mod edit;
mod list;
mod public;
mod typed;

use rocket::{Route, routes};

/// `/updates` and what is below it.
pub fn routes() -> Vec<Route> {
    routes![
        public::index,
        public::show,
        public::atom,
        public::json,
        list::index,
        list::restore,
        edit::blank,
        edit::create,
        edit::edit,
        edit::save,
        edit::preview,
        edit::preview_typed,
        edit::begin,
        edit::keep,
        edit::discard,
        edit::remove,
    ]
}
