//! `/api/v1/collections`: list, create, change; origins.

mod collections;
mod origins;
mod shown;

use rocket::{Route, routes};
use utoipa::OpenApi;

/// What these routes say of themselves.
#[derive(OpenApi)]
#[openapi(paths(
    collections::list,
    collections::make,
    collections::show,
    collections::replace,
    collections::change,
    collections::delete_collection,
    collections::restore,
    origins::allow,
    origins::disallow
))]
pub struct Docs;

pub fn routes() -> Vec<Route> {
    routes![
        collections::list,
        collections::make,
        collections::show,
        collections::replace,
        collections::change,
        collections::delete_collection,
        collections::restore,
        origins::allow,
        origins::disallow
    ]
}
