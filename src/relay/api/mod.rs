//! `/api/v1/relays`: list, create, change, undo, try out, watch.

mod relays;
mod schemas;
mod watched;

use crate::web::{Api, api};

pub use schemas::schemas;

/// `/api/v1/relays` and what is below it.
pub fn api() -> Api {
    api![
        relays::list,
        relays::create,
        relays::show,
        relays::replace,
        relays::change,
        relays::remove,
        relays::restore,
        relays::renew_key,
        relays::editions,
        relays::undo,
        watched::try_out,
        watched::watch,
    ]
}
