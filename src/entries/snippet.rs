//! `/frontdesk.js`: the script that web pages include; its module twin and its types.

use rocket::{Route, get, routes};

use crate::web::assets::Asset;

/// Evergreen addresses: an hour, then the browser asks again.
const HOUR: &str = "public, max-age=3600";

#[get("/frontdesk.js")]
fn script() -> Asset {
    Asset::new("snippet/frontdesk.min.js", HOUR)
}

#[get("/frontdesk.mjs")]
fn module() -> Asset {
    Asset::new("snippet/frontdesk.mjs", HOUR)
}

#[get("/frontdesk.d.ts")]
fn types() -> Asset {
    Asset::new("snippet/frontdesk.d.ts", HOUR)
}

pub fn routes() -> Vec<Route> {
    routes![script, module, types]
}
