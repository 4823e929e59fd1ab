//! The description of the API (OpenAPI 3.1), made from the code: what routes say of themselves, what the declarations
//! of records say, and what holds for all. Served at `/api/openapi.json`, and to be tried at `/api/docs`.

mod common;
mod resources;
mod schemas;

use std::sync::OnceLock;

use askama::Template;
use rocket::{Route, State, get, routes};
use serde_json::{Map, Value, json};
use utoipa::OpenApi as _;

use crate::error::Error;
use crate::staff::{Areas, Scope};
use crate::web::{ApiError, Html, JsonAnswer, render};
use crate::{access, collections, entries, metrics, waiting, web};
use common::{errors, finish};
use resources::describe;
use schemas::written_schemas;

pub use resources::Described;

/// The document, written when somebody first asks for it: until then it takes no memory.
pub struct Document {
    resources: Vec<Described>,
    areas: &'static Areas,
    text: OnceLock<String>,
}

pub fn routes() -> Vec<Route> {
    routes![openapi, docs]
}

#[get("/api/openapi.json")]
fn openapi(document: &State<Document>) -> Result<JsonAnswer, ApiError> {
    Ok(JsonAnswer::text(document.text()?.to_owned()))
}

#[derive(Template)]
#[template(path = "api_docs.html")]
struct DocsPage;

impl DocsPage {
    fn asset(&self, name: &str) -> String {
        web::assets::url(name)
    }
}

#[get("/api/docs")]
fn docs() -> Result<Html, Error> {
    render(&DocsPage)
}

impl Document {
    pub fn new(resources: Vec<Described>, areas: &'static Areas) -> Document {
        Document { resources, areas, text: OnceLock::new() }
    }

    /// Two who ask first at once may both write it; it is the same.
    fn text(&self) -> Result<&str, Error> {
        match self.text.get() {
            Some(text) => Ok(text),
            None => {
                let text = self.write()?;
                Ok(self.text.get_or_init(|| text))
            }
        }
    }

    fn write(&self) -> Result<String, Error> {
        let mut document = said()?;
        let mut schemas = written_schemas();
        for described in &self.resources {
            describe(described, &mut document["paths"], &mut schemas);
        }
        schemas.extend(std::mem::take(document["components"]["schemas"].as_object_mut().unwrap_or(&mut Map::new())));
        document["components"] = json!({
            "schemas": schemas,
            "responses": errors(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": scopes() },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "frontdesk",
                    "description": "Of somebody who is signed in on the pages; `__Host-frontdesk` over https."
                },
                "place": { "type": "http", "scheme": "bearer", "description": "The link of a place in a queue." }
            }
        });
        for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                finish(path, method, operation, self.areas);
            }
        }
        Ok(document.to_string())
    }
}

/// What the routes say of themselves.
fn said() -> Result<Value, Error> {
    let mut all = web::HealthDocs::openapi();
    for docs in [
        entries::AddDocs::openapi(),
        entries::Docs::openapi(),
        collections::Docs::openapi(),
        waiting::Docs::openapi(),
        access::Docs::openapi(),
        metrics::Docs::openapi(),
    ] {
        all.merge(docs);
    }
    let mut document = serde_json::to_value(all).map_err(|error| Error::Internal(Box::new(error)))?;
    document["info"] = json!({
        "title": "Frontdesk",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "The back end of teams that have none. Errors are problem documents (RFC 9457) that name the place. \
                        `PUT` replaces and names the version it replaces; `PATCH` merges (RFC 7396); a `POST` with an \
                        `Idempotency-Key` is done once. Lists take conditions on every field.",
        "license": { "name": "MIT", "identifier": "MIT" },
        "contact": { "name": "Whoever runs this Frontdesk" }
    });
    document["servers"] = json!([{ "url": "/" }]);
    let tag = |name: &str, text: &str| json!({ "name": name, "description": text });
    document["tags"] = json!([
        tag("entries", "What pages send, to be listed and exported"),
        tag("collections", "Where entries go, and who may send them"),
        tag("directory", "Colleges, majors, advisors, students and FAQs"),
        tag("waiting room", "Queues and the places in them"),
        tag("people", "Accounts, API tokens, sessions and the audit trail"),
        tag("health", "For whoever watches over the program"),
    ]);
    let description = json!({
        "get": {
            "tags": ["health"], "summary": "This description", "x-role": "anybody",
            "responses": { "200": { "description": "OpenAPI 3.1", "content": { "application/json": { "schema": { "type": "object" } } } } }
        }
    });
    document["paths"]["/api/openapi.json"] = description;
    Ok(document)
}

fn scopes() -> String {
    let lines = Scope::ALL.map(|(name, _, meaning)| format!("- `{name}`: {meaning}"));
    format!("An API token, made at /account. Its scopes:\n\n{}", lines.join("\n"))
}
