//! `/healthz`, `/readyz`, `/version`: open and cheap.

use rocket::{Route, State, get, routes};

use super::errors::ApiError;
use crate::db::Pool;
use crate::error::Error;

/// The process answers.
#[get("/healthz")]
fn alive() -> &'static str {
    "ok\n"
}

/// The database answers.
#[get("/readyz")]
async fn ready(db: &State<Pool>) -> Result<&'static str, ApiError> {
    let _: (i64,) = db.read("SELECT CAST(1 AS BIGINT)").one().await.map_err(Error::from)?;
    Ok("ok\n")
}

#[get("/version")]
fn version() -> &'static str {
    concat!("frontdesk ", env!("CARGO_PKG_VERSION"), "\n")
}

pub fn routes() -> Vec<Route> {
    routes![alive, ready, version]
}
