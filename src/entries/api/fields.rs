//! The field registry of a collection: the names its entries brought.

use rocket::http::Status;
use rocket::{State, delete, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::collections::{Collections, RegisteredField};
use crate::entries::service::Entries;
use crate::entries::system::data_field;
use crate::error::Error;
use crate::moment::Moment;
use crate::staff::{Owner, Viewer};
use crate::web::{Answer, JsonAnswer};

/// A field that entries brought, and how often it had which type.
#[derive(Serialize, ToSchema)]
#[schema(as = Field)]
struct ShownField {
    path: String,
    strings: i64,
    numbers: i64,
    bools: i64,
    nulls: i64,
    arrays: i64,
    objects: i64,
    #[schema(value_type = String, format = DateTime)]
    first: Moment,
    #[schema(value_type = String, format = DateTime)]
    last: Moment,
}

#[derive(Serialize, ToSchema)]
struct FieldList {
    fields: Vec<ShownField>,
    next: Option<String>,
    count: usize,
}

impl From<RegisteredField> for ShownField {
    fn from(field: RegisteredField) -> ShownField {
        ShownField {
            path: field.path,
            strings: field.strings,
            numbers: field.numbers,
            bools: field.bools,
            nulls: field.nulls,
            arrays: field.arrays,
            objects: field.objects,
            first: field.first_at,
            last: field.last_at,
        }
    }
}

/// List the fields of a collection
///
/// In the order in which they were first seen.
#[utoipa::path(
    tag = "collections",
    params(("name" = String, Path, description = "Name of the collection")),
    responses((status = 200, description = "The fields", body = FieldList)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/collections/<name>/fields")]
pub(super) async fn fields(_viewer: Viewer, collections: &State<Collections>, name: &str) -> Answer<JsonAnswer> {
    let known = collections.get(name).await?;
    let fields: Vec<ShownField> =
        collections.fields(known.collection.id).await?.into_iter().map(ShownField::from).collect();
    let list = FieldList { count: fields.len(), fields, next: None };
    Ok(JsonAnswer::ok(&serde_json::to_value(list).unwrap_or_default()))
}

/// Forget a field
///
/// It is no longer listed; what entries hold stays. An entry that brings it again registers it again.
#[utoipa::path(
    tag = "collections",
    params(
        ("name" = String, Path, description = "Name of the collection"),
        ("path" = String, Query, description = "The field, such as cart.total"),
    ),
    responses((status = 204, description = "The field is no longer listed")),
    extensions(("x-role" = json!("owner"))),
)]
#[delete("/api/v1/collections/<name>/fields?<path>")]
pub(super) async fn forget(
    owner: Owner,
    entries: &State<Entries>,
    collections: &State<Collections>,
    name: &str,
    path: Option<&str>,
) -> Answer<Status> {
    let path = path.ok_or_else(|| Error::parameter("path", "is required"))?;
    let path = data_field(path).map_err(|error| Error::parameter("path", error.detail()))?;
    let known = collections.get(name).await?;
    entries.forget_field(&owner.author(), &known, &path).await?;
    Ok(Status::NoContent)
}
