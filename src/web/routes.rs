//! Routes of the API with their OpenAPI descriptions.

use rocket::Route;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use super::contract::contract;

/// Routes and their description.
pub struct Api {
    /// What Rocket mounts.
    pub routes: Vec<Route>,
    /// Written when somebody asks for it. `None`: a declaration of records describes them.
    pub docs: Option<fn() -> OpenApi>,
}

impl Api {
    /// What `api!` makes.
    pub fn new(routes: Vec<Route>, docs: fn() -> OpenApi) -> Api {
        Api { routes: contract(routes), docs: Some(docs) }
    }

    /// Routes that a declaration of records describes.
    pub fn declared(routes: Vec<Route>) -> Api {
        Api { routes: contract(routes), docs: None }
    }
}

/// An [`Api`] of handlers that carry both a Rocket route and `#[utoipa::path]`: one list for the address and for the
/// description.
macro_rules! api {
    ($($($part:ident)::+),* $(,)?) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($part)::+),*))]
        struct Documented;
        $crate::web::Api::new(rocket::routes![$($($part)::+),*], <Documented as utoipa::OpenApi>::openapi)
    }};
}
pub(crate) use api;

/// A schema with more in it: what a change answers once and no read ever does.
pub fn extended_schema(base: &str, more: Value) -> Value {
    let required: Vec<_> = more.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({ "allOf": [
        { "$ref": format!("#/components/schemas/{base}") },
        { "type": "object", "required": required, "properties": more }
    ] })
}
