//! The description of the API (OpenAPI 3.1), made from the code: what routes say of themselves, what the declarations
//! of records say, and what holds for all. Served at `/api/openapi.json`, and to be tried at `/api/docs`.

use std::sync::OnceLock;

use askama::Template;
use rocket::{Route, State, get, routes};
use serde_json::{Map, Value, json};
use utoipa::OpenApi as _;

use crate::error::Error;
use crate::records::{Column, Kind, Resource};
use crate::staff::{Areas, Role, Scope};
use crate::web::{ApiError, Html, JsonAnswer, render};
use crate::{access, collections, entries, metrics, waiting, web};

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

/// A resource with the name of its schema and what may be done with it.
pub struct Described {
    pub resource: &'static Resource,
    pub schema: &'static str,
    pub tag: &'static str,
    /// The least role that reads it; `None`: anybody.
    pub reads: Option<Role>,
    /// By the routes that all records share.
    pub changes: bool,
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

/// Answers that are written by hand, without a struct.
fn written_schemas() -> Map<String, Value> {
    let moment = json!({ "type": "string", "format": "date-time" });
    let maybe_moment = json!({ "type": ["string", "null"], "format": "date-time" });
    let maybe_text = json!({ "type": ["string", "null"] });
    let entry = json!({
        "type": "object",
        "description": "What was sent is in `data`; the rest Frontdesk knows.",
        "required": ["_id", "_collection", "_received", "data"],
        "properties": {
            "_id": { "type": "integer" }, "_collection": { "type": "string" }, "_session": maybe_text,
            "_received": moment, "_at": maybe_moment, "_origin": maybe_text,
            "_flags": { "type": "array", "items": { "type": "string" } }, "_deleted": moment, "data": { "type": "object" }
        },
        "example": {
            "_id": 7, "_collection": "contact", "_session": null, "_received": "2026-03-10T12:00:00.000Z", "_at": null,
            "_origin": "https://example.org", "_flags": [], "data": { "name": "Ada", "plan": "pro" }
        }
    });
    let list = json!({
        "type": "object",
        "required": ["entries", "next", "count", "truncated", "applied", "warnings", "facets"],
        "properties": {
            "entries": { "type": "array", "items": { "$ref": "#/components/schemas/Entry" } },
            "next": { "type": ["string", "null"], "description": "The `_cursor` of the next page" },
            "count": { "type": ["integer", "null"] },
            "truncated": { "type": "boolean", "description": "There are more than were counted" },
            "applied": { "type": "array", "items": { "type": "object" }, "description": "The conditions as they were understood" },
            "warnings": { "type": "array", "items": {} },
            "facets": { "type": "object" }
        }
    });
    let item = json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer" }, "status": { "enum": ["stored", "flagged", "duplicate", "rejected"] },
            "error": { "type": "string" }, "warnings": { "type": "array", "items": { "type": "string" } }
        },
        "required": ["status"]
    });
    let problem = json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "instance", "request_id"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
            "detail": { "type": "string" }, "instance": { "type": "string" }, "request_id": { "type": "string" },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object", "required": ["detail"],
                    "properties": {
                        "pointer": { "type": "string", "description": "Into the body (RFC 6901)" },
                        "parameter": { "type": "string", "description": "Of the address, or a header" },
                        "detail": { "type": "string" }
                    }
                }
            },
            "present": { "description": "What it is now, where somebody was faster" }
        },
        "example": {
            "type": "about:blank", "title": "This breaks a rule", "status": 422, "detail": "/name: is required",
            "instance": "/api/v1/students", "errors": [{ "pointer": "/name", "detail": "is required" }],
            "request_id": "64d1f0a2b3c4d-1"
        }
    });
    let with = |base: &str, more: Value| {
        let required: Vec<_> = more.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        json!({ "allOf": [
            { "$ref": format!("#/components/schemas/{base}") },
            { "type": "object", "required": required, "properties": more }
        ] })
    };
    let link = json!({ "token": maybe_text, "status_url": { "type": ["string", "null"], "format": "uri" } });
    let schemas = json!({
        "Entry": entry,
        "EntryList": list,
        "Data": { "type": "object", "description": "Whatever the page sends", "example": { "name": "Ada", "plan": "pro" } },
        "Nothing": { "type": "object", "maxProperties": 0, "description": "No body, or an empty object" },
        "QueryForm": { "type": "object", "description": "The parameters of the list, as a form", "additionalProperties": { "type": "string" } },
        "Added": { "anyOf": [item, { "type": "object", "required": ["results"], "properties": { "results": { "type": "array", "items": { "type": "object" } } } }] },
        "Problem": problem,
        "PlaceJoined": with("Place", link),
        "Invited": with("User", json!({ "invitation": { "$ref": "#/components/schemas/Invitation" } })),
        "NewToken": with("Token", json!({ "token": { "type": "string", "pattern": "^fd_" } })),
    });
    let Value::Object(schemas) = schemas else { return Map::new() };
    schemas
}

/// Statuses of errors with when they happen.
const ERRORS: [(u16, &str); 14] = [
    (400, "Something cannot be read; it is named"),
    (401, "Nobody is signed in, or the token does not work"),
    (403, "The role or the scopes of the token do not allow it, or the request comes from a foreign page"),
    (404, "It is not there"),
    (406, "The Accept header leaves out what this address sends"),
    (409, "It contradicts what is stored"),
    (412, "If-Match names another version"),
    (413, "The body is too large"),
    (415, "The body is of a kind that is not taken here"),
    (422, "Something breaks a rule; every place is named"),
    (428, "PUT must say which version it replaces"),
    (429, "Too fast; Retry-After says when to come back"),
    (500, "A fault of ours, which was logged under the request's id"),
    (503, "It cannot be done right now"),
];

fn errors() -> Value {
    let problem = json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let error = |(status, text): (u16, &str)| {
        let mut headers = json!({ "X-Request-Id": header("The request's id, as in the log") });
        match status {
            401 => headers["WWW-Authenticate"] = header("`Bearer`"),
            429 => {
                headers["Retry-After"] = header("Seconds");
                headers["RateLimit"] = header("The limit that was reached, what is left, and when there is more");
                headers["RateLimit-Policy"] = header("The limit: so many within so many seconds");
            }
            503 => headers["Retry-After"] = header("Seconds"),
            _ => {}
        }
        (format!("E{status}"), json!({ "description": text, "headers": headers, "content": problem }))
    };
    Value::Object(ERRORS.map(error).into_iter().collect())
}

fn header(text: &str) -> Value {
    json!({ "description": text, "schema": { "type": "string" } })
}

/// What holds for every operation: its id, its rights, its headers, its errors.
fn finish(path: &str, method: &str, operation: &mut Value, areas: &Areas) {
    let role = operation["x-role"].as_str().unwrap_or("anybody").to_owned();
    let name: String = path.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    operation["operationId"] = format!("{method}_{}", name.trim_matches('_').replace("__", "_")).into();
    if operation["description"].is_null() {
        operation["description"] = operation["summary"].clone();
    }
    operation["security"] = security(path, &role, areas);
    let changes = matches!(method, "post" | "put" | "patch" | "delete");
    let has_body = operation.get("requestBody").is_some();
    if has_body && operation["requestBody"]["content"].to_string().contains("schemas/Nothing") {
        operation["requestBody"]["required"] = false.into();
    }
    let api = path.starts_with("/api/v1/");
    parameters(path, method, operation, api);
    let described = operation["responses"].as_object().map_or(0, Map::len) > 0;
    debug_assert!(described, "{method} {path} says no answer");
    let mut statuses = vec![500, 503];
    let mut when = |condition: bool, more: &[u16]| statuses.extend(more.iter().filter(|_| condition));
    let plain = matches!(path, "/healthz" | "/readyz" | "/version");
    when(!plain, &[400]);
    when(path.starts_with("/api/"), &[406]);
    when(api || matches!(path, "/list" | "/csv" | "/metrics"), &[401, 403]);
    when(path == "/add", &[403]);
    let names = ["/list", "/csv", "/add", "/api/v1/entries", "/api/v1/queuers"];
    when(path.contains('{') || names.contains(&path), &[404]);
    when(changes, &[409, 422]);
    when(has_body, &[413, 415]);
    when(has_version(path, method), &[412]);
    when(method == "put", &[428]);
    when(method == "post" && matches!(path, "/add" | "/api/v1/queuers"), &[429]);
    answers(method, operation, api);
    for status in statuses {
        let key = status.to_string();
        if operation["responses"].get(&key).is_none() {
            operation["responses"][&key] = json!({ "$ref": format!("#/components/responses/E{status}") });
        }
    }
}

/// Whether a change may name the version that it means.
fn has_version(path: &str, method: &str) -> bool {
    let without = ["sessions", "pins", "origins"];
    let item = path.starts_with("/api/v1/") && path.contains('{');
    item && matches!(method, "put" | "patch" | "delete") && !path.split('/').any(|part| without.contains(&part))
}

/// Who may: a session, or a token with the scope that the address needs.
fn security(path: &str, role: &str, areas: &Areas) -> Value {
    let least = match role.split(' ').next() {
        Some("viewer") => Role::Viewer,
        Some("staff") => Role::Staff,
        Some("owner") => Role::Owner,
        _ => return json!([]),
    };
    let scope = areas.scope(path, least).map_or(Vec::new(), |scope| vec![scope.name()]);
    let mut ways = vec![json!({ "token": scope }), json!({ "session": [] })];
    if role.ends_with("or holder") {
        ways.push(json!({ "place": [] }));
    }
    if role.ends_with("or public") {
        ways.push(json!({}));
    }
    Value::Array(ways)
}

/// Headers that requests may carry.
fn parameters(path: &str, method: &str, operation: &mut Value, api: bool) {
    let optional = |name: &str, text: &str| json!({ "name": name, "in": "header", "description": text, "required": false, "schema": { "type": "string" } });
    let mut more = Vec::new();
    let writes = matches!(method, "post" | "put" | "patch");
    if has_version(path, method) {
        let mut if_match = optional("If-Match", "The ETag that was read; `*` for any version");
        if_match["required"] = (method == "put").into();
        if_match["example"] = "*".into();
        more.push(if_match);
    }
    let is_query = operation["requestBody"]["content"].to_string().contains("QueryForm");
    if method == "post" && !is_query && (api || path == "/add") {
        let text = "A repetition with the same key and body gets the first answer; of strangers at least 16 characters";
        more.push(optional("Idempotency-Key", text));
    }
    if writes && !is_query && (api || path == "/add") {
        more.push(optional("Prefer", "`return=minimal`: no body"));
    }
    if method == "get" && api {
        more.push(optional("If-None-Match", "The ETag that was read: 304 if nothing changed"));
    }
    if !more.is_empty() {
        let known = operation["parameters"].take();
        let known = if let Value::Array(known) = known { known } else { Vec::new() };
        operation["parameters"] = known.into_iter().chain(more).collect();
    } else if operation["parameters"].is_null()
        && let Some(operation) = operation.as_object_mut()
    {
        operation.remove("parameters");
    }
}

/// What good answers carry, and those without a body.
fn answers(method: &str, operation: &mut Value, api: bool) {
    let is_query = operation["requestBody"]["content"].to_string().contains("QueryForm");
    for (status, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        answer["headers"]["X-Request-Id"] = header("The request's id, as in the log");
        if status == "201" {
            answer["headers"]["Location"] = header("Where it is");
        }
        if api && answer["content"]["application/json"].is_object() && !is_query {
            answer["headers"]["ETag"] = header("Its version");
        }
        if answer["content"].is_null()
            && let Some(answer) = answer.as_object_mut()
        {
            answer.remove("content");
        }
    }
    let json = operation["responses"]["200"]["content"]["application/json"].is_object();
    if api && method == "get" && json {
        operation["responses"]["304"] = json!({ "description": "Nothing changed" });
    }
    if api
        && matches!(method, "post" | "put" | "patch")
        && json
        && !is_query
        && operation["responses"].get("204").is_none()
    {
        operation["responses"]["204"] = json!({ "description": "Done, without a body (`Prefer: return=minimal`)" });
    }
    if operation["responses"]["200"].is_null()
        && let Some(responses) = operation["responses"].as_object_mut()
    {
        responses.remove("200");
    }
}

/// The operations and schemas of a resource.
fn describe(described: &Described, paths: &mut Value, schemas: &mut Map<String, Value>) {
    let Described { resource, schema, tag, .. } = described;
    let base = format!("/api/v1/{}", resource.name);
    let item = format!("{base}/{{id}}");
    let reference = |name: String| json!({ "$ref": format!("#/components/schemas/{name}") });
    let content = |schema: Value| json!({ "application/json": { "schema": schema } });
    let ok = |text: &str, schema: Value| json!({ "description": text, "content": content(schema) });
    let role = |changes: bool| match described.reads {
        _ if changes => "staff",
        None => "anybody",
        Some(role) => role.name(),
    };
    let id = json!([{ "name": "id", "in": "path", "required": true, "description": "Its number", "schema": { "type": "integer", "format": "int64" } }]);
    schemas.insert((*schema).to_owned(), shown_schema(resource));
    schemas.insert(format!("{schema}List"), list_schema(resource, schema));
    let mut list = ok("A page of them; or a download, with `_format`", reference(format!("{schema}List")));
    list["content"]["text/csv"] = json!({ "schema": { "type": "string" } });
    list["content"]["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
    paths[&base]["get"] = json!({
        "tags": [tag], "summary": format!("List {}", resource.name), "x-role": role(false),
        "parameters": list_parameters(resource), "responses": { "200": list }
    });
    if paths[&item]["get"].is_null() {
        paths[&item]["get"] = json!({
            "tags": [tag], "summary": format!("Read one of the {}", resource.name), "x-role": role(false), "parameters": id,
            "responses": { "200": ok("It", reference((*schema).to_owned())) }
        });
    }
    if !described.changes {
        return;
    }
    let body = |name: String| json!({ "required": true, "content": content(reference(name)) });
    schemas.insert(format!("{schema}Whole"), written_schema(resource, true));
    schemas.insert(format!("{schema}Change"), written_schema(resource, false));
    let now = || ok("It as it is now", reference((*schema).to_owned()));
    paths[&base]["post"] = json!({
        "tags": [tag], "summary": format!("Make a {}", resource.one), "x-role": role(true),
        "requestBody": body(format!("{schema}Whole")), "responses": { "201": ok("It", reference((*schema).to_owned())) }
    });
    for (method, name, summary) in [("put", "Whole", "Replace"), ("patch", "Change", "Change")] {
        let mut kinds = body(format!("{schema}{name}"));
        if method == "patch" {
            kinds["content"]["application/merge-patch+json"] = kinds["content"]["application/json"].clone();
        }
        paths[&item][method] = json!({
            "tags": [tag], "summary": format!("{summary} one of the {}", resource.name), "x-role": role(true), "parameters": id,
            "requestBody": kinds, "responses": { "200": now() }
        });
    }
    paths[&item]["delete"] = json!({
        "tags": [tag], "summary": format!("Delete one of the {}", resource.name), "x-role": role(true), "parameters": id,
        "responses": { "204": { "description": "Deleted; it can be restored" } }
    });
    paths[format!("{item}/restoration")]["post"] = json!({
        "tags": [tag], "summary": format!("Restore one of the {}", resource.name), "x-role": role(true), "parameters": id,
        "requestBody": body("Nothing".into()), "responses": { "200": now() }
    });
}

fn shown_schema(resource: &'static Resource) -> Value {
    let mut properties: Map<_, _> =
        resource.readable(true).map(|column| (column.name.to_owned(), column_schema(column, true))).collect();
    let required: Vec<_> = if resource.public { vec!["id"] } else { properties.keys().map(String::as_str).collect() };
    let mut schema = json!({ "type": "object", "required": required });
    if resource.name == "queues" {
        properties.extend(live_schema());
    }
    schema["properties"] = properties.into();
    schema
}

/// What is going on in a queue, beside its settings.
fn live_schema() -> [(String, Value); 5] {
    let object = json!({ "type": "object" });
    [
        ("open".into(), json!({ "type": "boolean", "description": "Somebody may join now" })),
        ("waiting".into(), json!({ "type": "integer" })),
        ("on_duty".into(), json!({ "type": "array", "items": object })),
        ("estimate".into(), json!({ "$ref": "#/components/schemas/Wait" })),
        ("seq".into(), json!({ "type": "integer", "description": "Raised by everything that happens" })),
    ]
}

fn list_schema(resource: &'static Resource, schema: &str) -> Value {
    json!({
        "type": "object",
        "required": [resource.name, "next", "count"],
        "properties": {
            resource.name: { "type": "array", "items": { "$ref": format!("#/components/schemas/{schema}") } },
            "next": { "type": ["string", "null"], "description": "The `_cursor` of the next page" },
            "count": { "type": ["integer", "null"] }
        }
    })
}

fn written_schema(resource: &'static Resource, whole: bool) -> Value {
    let properties: Map<_, _> =
        resource.writable().map(|column| (column.name.to_owned(), column_schema(column, false))).collect();
    let required: Vec<_> = resource.writable().filter(|column| column.required && whole).map(|c| c.name).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// `shown`: as it is answered; else as it may be written.
fn column_schema(column: &Column, shown: bool) -> Value {
    let length = |n: &usize| json!({ "type": "string", "maxLength": n });
    let mut schema = match &column.kind {
        Kind::Line(n) | Kind::Text(n) => length(n),
        // A blank text is none, so what is written need not be of the form.
        Kind::Email if shown => json!({ "type": "string", "format": "email", "maxLength": 254 }),
        Kind::Url if shown => json!({ "type": "string", "format": "uri" }),
        Kind::Email | Kind::Url => json!({ "type": "string" }),
        Kind::Number(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Zone => json!({ "type": "string", "description": "An IANA time zone", "example": "Europe/Berlin" }),
        Kind::Choice(choices) => json!({ "type": "string", "enum": choices }),
        Kind::Reference(_) | Kind::Account => json!({ "type": "integer", "minimum": 1 }),
        Kind::Moment => json!({ "type": "string", "format": "date-time" }),
        Kind::Nested(_) => json!({ "type": "array", "items": {} }),
    };
    if !column.help.is_empty() {
        schema["description"] = column.help.into();
    }
    if column.required && schema["type"] == "string" && !shown {
        schema["minLength"] = 1.into();
    }
    let given = matches!(column.kind, Kind::Flag) && shown
        || column.required
        || column.name == "id"
        || column.name == "version";
    let filled = shown && column.default.is_some();
    if !given && !filled {
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(choices) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            choices.push(Value::Null);
        }
    }
    schema
}

/// The grammar of lists: what is ours begins with `_`; each column is a condition.
fn list_parameters(resource: &'static Resource) -> Value {
    let own = [
        ("_sort", json!({ "type": "string" }), "Columns, `-` for descending, such as `-created_at`"),
        ("_limit", json!({ "type": "integer", "minimum": 1, "maximum": 1000 }), "How many a page; 50 without it"),
        ("_cursor", json!({ "type": "string" }), "The `next` of the page before"),
        ("_fields", json!({ "type": "string" }), "Columns to show, or `-column` to leave out"),
        (
            "_q",
            json!({ "type": "string", "maxLength": 1000 }),
            "Words anywhere: all of them, `\"a phrase\"`, `-not this`",
        ),
        ("_count", json!({ "enum": ["auto", "exact", "none"] }), "Whether all that match are counted"),
        ("_deleted", json!({ "enum": ["no", "with", "only"] }), "Deleted ones, too, or only they"),
        ("_format", json!({ "enum": ["json", "csv", "ndjson"] }), "A download of all that match instead of a page"),
    ];
    let parameter = |name: &str, schema: Value, text: String| json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": text });
    let own = own.into_iter().map(|(name, schema, text)| parameter(name, schema, text.to_owned()));
    let columns = resource.readable(true).filter(|column| !matches!(column.kind, Kind::Nested(_))).map(|column| {
        let text = format!(
            "Only those with this {}; also `{}__in`, `__gte`, `__contains` and so on",
            column.title, column.name
        );
        parameter(column.name, filter_schema(column), text)
    });
    own.chain(columns).collect()
}

fn filter_schema(column: &Column) -> Value {
    match &column.kind {
        Kind::Number(..) | Kind::Reference(_) | Kind::Account => json!({ "type": "integer" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Moment => json!({ "type": "string", "format": "date-time" }),
        _ => json!({ "type": "string" }),
    }
}
