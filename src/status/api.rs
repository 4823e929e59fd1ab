//! `/api/v1/status`.

use rocket::{State, get};

use super::report::{Report, Status};
use crate::web::{Answer, Api, JsonAnswer, api};

/// The status for programs.
pub fn api() -> Api {
    api![status]
}

/// What works
///
/// The store, the disk and the queue of entries, with the version and the moment of the start. It is 200 also when something
/// does not work; `/readyz` is for those who go by the status code.
#[utoipa::path(
    tag = "health",
    responses((status = 200, description = "What works", body = Report)),
    extensions(("x-role" = json!("anybody"))),
)]
#[get("/api/v1/status")]
async fn status(status: &State<Status>) -> Answer<JsonAnswer> {
    let report = status.report().await;
    Ok(JsonAnswer::ok(&serde_json::to_value(&*report).unwrap_or_default()).live())
}
