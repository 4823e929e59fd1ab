//! `/list`, `/csv` and `/api/v1/entries`: lists, by address or by a form.

use rocket::{get, post};

use super::asked::ListRequest;
use super::listing::Answered;
use crate::error::Result;
use crate::web::{Answer, Fields};

/// List entries, as a page or as JSON
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public")), ("x-errors" = json!([404]))),
)]
#[get("/list")]
pub(super) async fn list(asked: ListRequest<'_>) -> Result<Answered> {
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
    extensions(("x-role" = json!("viewer or public")), ("x-errors" = json!([404]))),
)]
#[post("/list", data = "<form>")]
pub(super) async fn list_by_post(asked: ListRequest<'_>, form: Fields) -> Result<Answered> {
    asked.list(Some(form), true).await
}

/// Export entries as CSV
///
/// All that match, streamed; `_format=ndjson` or `json` for those.
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "RFC 4180, with a header", body = String, content_type = "text/csv")),
    extensions(("x-role" = json!("viewer or public")), ("x-errors" = json!([404]))),
)]
#[get("/csv")]
pub(super) async fn csv(asked: ListRequest<'_>) -> Result<Answered> {
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
    extensions(("x-role" = json!("viewer or public")), ("x-errors" = json!([404]))),
)]
#[post("/csv", data = "<form>")]
pub(super) async fn csv_by_post(asked: ListRequest<'_>, form: Fields) -> Result<Answered> {
    asked.csv(Some(form)).await
}

/// List entries
///
/// Every other parameter is a condition on a field: `plan=pro&seats__gte=5`. See docs/filters.md.
#[utoipa::path(
    tag = "entries",
    responses((status = 200, description = "A page of entries", body = ref("#/components/schemas/EntryList"))),
    extensions(("x-role" = json!("viewer or public")), ("x-errors" = json!([404]))),
)]
#[get("/api/v1/entries")]
pub(super) async fn api_list(asked: ListRequest<'_>) -> Answer<Answered> {
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
    extensions(("x-role" = json!("viewer or public")), ("x-errors" = json!([404]))),
)]
#[post("/api/v1/entries", data = "<form>")]
pub(super) async fn api_list_by_post(asked: ListRequest<'_>, form: Fields) -> Answer<Answered> {
    Ok(asked.list(Some(form), false).await?)
}
