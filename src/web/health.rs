//! `/healthz`, `/readyz`, `/version`: open and cheap.

use rocket::{State, get};

use super::errors::ApiError;
use super::routes::{Api, api};
use crate::db::Pool;
use crate::error::Error;

/// The process answers
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "The process answers", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("anybody")), ("x-plain" = json!(true))),
)]
#[get("/healthz")]
fn alive() -> &'static str {
    "ok\n"
}

/// Requests can be served
///
/// The database answers, has every migration, and its disk (SQLite's) has room for more.
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "Requests can be served", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("anybody")), ("x-plain" = json!(true))),
)]
#[get("/readyz")]
async fn ready(db: &State<Pool>) -> Result<&'static str, ApiError> {
    match db.ready().await {
        Ok(()) => Ok("ok\n"),
        Err(reason) => {
            let cause = std::error::Error::source(&reason).map(ToString::to_string);
            tracing::error!(%reason, cause, "not ready");
            Err(Error::Unavailable { detail: reason.to_string().into(), retry_after: RETRY }.into())
        }
    }
}

/// Seconds until it is worth asking again.
const RETRY: u64 = 5;

/// The version of the program
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "Name and version of the program", body = String, content_type = "text/plain")),
    extensions(("x-role" = json!("anybody")), ("x-plain" = json!(true))),
)]
#[get("/version")]
fn version() -> &'static str {
    concat!("frontdesk ", env!("CARGO_PKG_VERSION"), "\n")
}

/// For monitoring.
pub fn api() -> Api {
    api![alive, ready, version]
}
