//! `/healthz`, `/readyz`, `/version`: open and cheap.

use rocket::{Route, State, get, routes};

use super::errors::ApiError;
use crate::db::Pool;
use crate::error::Error;

/// The process answers
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("anybody"))),
)]
#[get("/healthz")]
fn alive() -> &'static str {
    "ok\n"
}

/// The database answers
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("anybody"))),
)]
#[get("/readyz")]
async fn ready(db: &State<Pool>) -> Result<&'static str, ApiError> {
    let _: (i64,) = db.read("SELECT CAST(1 AS BIGINT)").one().await.map_err(Error::from)?;
    Ok("ok\n")
}

/// The version of the program
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "Its name and number", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("anybody"))),
)]
#[get("/version")]
fn version() -> &'static str {
    concat!("frontdesk ", env!("CARGO_PKG_VERSION"), "\n")
}

/// What these routes say of themselves.
#[derive(utoipa::OpenApi)]
#[openapi(paths(alive, ready, version))]
pub struct Docs;

pub fn routes() -> Vec<Route> {
    routes![alive, ready, version]
}
