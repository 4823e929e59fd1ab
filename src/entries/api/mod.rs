//! `/list`, `/csv`, `/api/v1/entries`: JSON, downloads, and the page where a person asks.

mod asked;
mod entry;
mod fields;
mod listing;
mod pins;
mod work;

use rocket::{Route, get, post, routes};
use utoipa::OpenApi;

use asked::Asked;
use listing::Answered;

use super::Entry;
use super::export::write_json;
use crate::error::Result;
use crate::filter::Fields as Chosen;
use crate::web::{ApiError, Fields, JsonAnswer, etag};

pub use listing::encode;
pub use pins::data_field;

/// What these routes say of themselves.
#[derive(OpenApi)]
#[openapi(paths(
    list,
    list_by_post,
    csv,
    csv_by_post,
    api_list,
    api_list_by_post,
    entry::show,
    entry::replace,
    entry::merge,
    entry::delete_entry,
    entry::restore,
    work::work,
    work::changes,
    work::take_back,
    fields::fields,
    fields::forget,
    pins::pins,
    pins::pin,
    pins::show_pin,
    pins::unpin
))]
pub struct Docs;

pub fn public_routes() -> Vec<Route> {
    routes![list, list_by_post, csv, csv_by_post, api_list, api_list_by_post, entry::show]
}

pub fn staff_routes() -> Vec<Route> {
    routes![
        entry::replace,
        entry::merge,
        entry::delete_entry,
        entry::restore,
        work::work,
        work::changes,
        work::take_back,
        fields::fields,
        fields::forget,
        pins::pins,
        pins::pin,
        pins::show_pin,
        pins::unpin
    ]
}

/// List entries, as a page or as JSON
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/list")]
async fn list(asked: Asked<'_>) -> Result<Answered> {
    asked.list(None, true).await
}

/// List entries by a form
///
/// For a browser session that reads its own entries: `_secret` is taken from the body only.
#[utoipa::path(
    tag = "entries",
    request_body(
        content = ref("#/components/schemas/QueryForm"),
        content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[post("/list", data = "<form>")]
async fn list_by_post(asked: Asked<'_>, form: Fields) -> Result<Answered> {
    asked.list(Some(form), true).await
}

/// Export entries as CSV
///
/// All that match, streamed; `_format=ndjson` or `json` for those.
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "RFC 4180, with a header", body = String, content_type = "text/csv")),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/csv")]
async fn csv(asked: Asked<'_>) -> Result<Answered> {
    asked.csv(None).await
}

/// Export entries by a form
#[utoipa::path(
    tag = "entries",
    request_body(
        content = ref("#/components/schemas/QueryForm"),
        content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 200, description = "RFC 4180, with a header", body = String, content_type = "text/csv")),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[post("/csv", data = "<form>")]
async fn csv_by_post(asked: Asked<'_>, form: Fields) -> Result<Answered> {
    asked.csv(Some(form)).await
}

/// List entries
///
/// Every other parameter is a condition on a field: `plan=pro&seats__gte=5`. See docs/filters.md.
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[get("/api/v1/entries")]
async fn api_list(asked: Asked<'_>) -> std::result::Result<Answered, ApiError> {
    Ok(asked.list(None, false).await?)
}

/// List entries by a form
#[utoipa::path(
    tag = "entries",
    request_body(
        content = ref("#/components/schemas/QueryForm"),
        content_type = "application/x-www-form-urlencoded",
    ),
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public"))),
)]
#[post("/api/v1/entries", data = "<form>")]
async fn api_list_by_post(asked: Asked<'_>, form: Fields) -> std::result::Result<Answered, ApiError> {
    Ok(asked.list(Some(form), false).await?)
}

/// One entry as JSON, with its version as the ETag.
fn shown(entry: &Entry, collection: &str) -> JsonAnswer {
    let mut out = Vec::new();
    write_json(&mut out, &entry.borrowed(), collection, &Chosen::All);
    JsonAnswer::text(String::from_utf8(out).unwrap_or_default()).with("ETag", etag(entry.version))
}
