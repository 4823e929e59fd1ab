//! `/api/v1/collections`: list, create, change; origins.

mod collections;
mod origins;
mod shown;

use crate::web::{Api, api};

/// `/api/v1/collections` and what is below it.
pub fn api() -> Api {
    api![
        collections::list,
        collections::create,
        collections::show,
        collections::replace,
        collections::change,
        collections::remove_collection,
        collections::restore,
        origins::allow,
        origins::disallow,
    ]
}
