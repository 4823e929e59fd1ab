//! The document itself.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::common::{errors, finish};
use super::resources::describe;
use super::schemas::shared_schemas;
use crate::domain::Domain;
use crate::error::Error;
use crate::records::Described;
use crate::staff::{Areas, Scope};
use crate::web::Api;

/// The document, written when somebody first asks for it: until then it takes no memory.
pub struct Document {
    docs: Vec<fn() -> OpenApi>,
    tags: Vec<(&'static str, &'static str)>,
    schemas: Vec<fn() -> Value>,
    records: Vec<Described>,
    areas: Areas,
    text: OnceLock<String>,
}

impl Document {
    /// Takes what the domains say, and the routes that stand beside them; nothing is written yet.
    pub fn of(health: Api, domains: &[Domain]) -> Document {
        let apis = domains.iter().flat_map(|domain| &domain.apis).map(|(_, api)| api);
        Document {
            docs: apis.chain([&health]).filter_map(|api| api.docs).collect(),
            tags: domains.iter().flat_map(|domain| domain.tags).copied().collect(),
            schemas: domains.iter().filter_map(|domain| domain.schemas).collect(),
            records: domains.iter().flat_map(|domain| &domain.records).copied().collect(),
            areas: Areas::of(domains.iter().flat_map(|domain| domain.areas)),
            text: OnceLock::new(),
        }
    }

    /// Two who ask first at once may both write it; it is the same.
    pub fn text(&self) -> Result<&str, Error> {
        match self.text.get() {
            Some(text) => Ok(text),
            None => {
                let text = self.write()?;
                Ok(self.text.get_or_init(|| text))
            }
        }
    }

    fn write(&self) -> Result<String, Error> {
        let mut document = self.said()?;
        let mut schemas = Map::new();
        for written in self.schemas.iter().map(|schemas| schemas()).chain([shared_schemas()]) {
            schemas.extend(written.as_object().cloned().unwrap_or_default());
        }
        for described in &self.records {
            describe(described, &mut document["paths"], &mut schemas);
        }
        schemas.extend(std::mem::take(document["components"]["schemas"].as_object_mut().unwrap_or(&mut Map::new())));
        document["components"] = json!({
            "schemas": schemas,
            "responses": errors(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": scopes(&self.areas) },
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "frontdesk",
                    "description": "Of somebody who is signed in on the pages; `__Host-frontdesk` over https."
                },
                "place": { "type": "http", "scheme": "bearer", "description": "The link of a place in a queue." }
            }
        });
        for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                finish(path, method, operation, &self.areas);
            }
        }
        Ok(document.to_string())
    }

    /// What the routes say of themselves.
    fn said(&self) -> Result<Value, Error> {
        let mut all = utoipa::openapi::OpenApi::default();
        for docs in &self.docs {
            all.merge(docs());
        }
        let mut document = serde_json::to_value(all).map_err(|error| Error::Internal(Box::new(error)))?;
        document["info"] = json!({
            "title": "Frontdesk",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The back end of teams that have none. Errors are problem documents (RFC 9457) that name the place. \
                            `PUT` replaces and names the version it replaces; `PATCH` merges (RFC 7396); a `POST` with an \
                            `Idempotency-Key` is done once. Lists take conditions on every field.",
            "license": { "name": "MIT", "identifier": "MIT" },
            "contact": { "name": "The operator of this Frontdesk" }
        });
        document["servers"] = json!([{ "url": "/" }]);
        let tag = |(name, text): &(&str, &str)| json!({ "name": name, "description": text });
        document["tags"] = self.tags.iter().map(tag).collect();
        let description = json!({
            "get": {
                "tags": ["health"], "summary": "This description", "x-role": "anybody",
                "responses": { "200": { "description": "OpenAPI 3.1", "content": { "application/json": { "schema": { "type": "object" } } } } }
            }
        });
        document["paths"]["/api/openapi.json"] = description;
        Ok(document)
    }
}

fn scopes(areas: &Areas) -> String {
    let line = |scope: &&Scope| format!("- `{}`: {}", scope.name, scope.meaning);
    let lines: Vec<_> = areas.scopes().iter().map(line).collect();
    format!("An API token, made at /account. Its scopes:\n\n{}", lines.join("\n"))
}
