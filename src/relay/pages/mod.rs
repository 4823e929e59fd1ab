//! Pages of relays: all of them, what goes on in one, its definition, a request to try, what it was.

mod edit;
mod history;
mod list;
mod now;
mod trial;
mod typed;

use rocket::{Route, routes};

/// `/relays` and what is below it.
pub fn routes() -> Vec<Route> {
    routes![
        list::index,
        list::restore,
        now::show,
        now::drain,
        edit::blank,
        edit::create,
        edit::edit,
        edit::save,
        edit::renew_key,
        edit::remove,
        trial::sample,
        trial::try_out,
        history::history,
        history::undo,
    ]
}
