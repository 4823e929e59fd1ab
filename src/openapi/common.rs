//! What holds for every operation: its id, its rights, its headers, its errors.

use serde_json::{Map, Value, json};

use crate::staff::{Areas, Role};

/// Statuses of errors with when they happen.
const ERRORS: [(u16, &str); 14] = [
    (400, "The request cannot be read; the error names the place"),
    (401, "No valid session or API token"),
    (403, "Not allowed by the role or by the scopes of the token, or sent by a foreign page"),
    (404, "Not found"),
    (406, "The Accept header excludes the media type of this address"),
    (409, "Conflicts with what is stored"),
    (412, "If-Match names another version"),
    (413, "The body is too large"),
    (415, "The body has an unsupported media type"),
    (422, "The body breaks a rule; each error names its place"),
    (428, "PUT requires If-Match"),
    (429, "Too many requests; Retry-After says when to try again"),
    (500, "Internal error, logged with the id of the request"),
    (503, "Temporarily unavailable; Retry-After says when to try again"),
];

pub(super) fn errors() -> Value {
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

pub(super) fn header(text: &str) -> Value {
    json!({ "description": text, "schema": { "type": "string" } })
}

/// What holds for every operation: its id, its rights, its headers, its errors.
pub(super) fn finish(path: &str, method: &str, operation: &mut Value, areas: &Areas) {
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
    statuses.extend(own_errors(operation));
    let mut when = |condition: bool, more: &[u16]| statuses.extend(more.iter().filter(|_| condition));
    when(operation["x-plain"] != true, &[400]);
    when(path.starts_with("/api/"), &[406]);
    when(api || role != "anybody", &[401, 403]);
    when(path.contains('{'), &[404]);
    when(changes, &[409, 422]);
    when(has_body, &[413, 415]);
    when(has_version(path, method, operation), &[412]);
    when(method == "put", &[428]);
    answers(method, operation, api);
    for status in statuses {
        let key = status.to_string();
        if operation["responses"].get(&key).is_none() {
            operation["responses"][&key] = json!({ "$ref": format!("#/components/responses/E{status}") });
        }
    }
    if let Some(operation) = operation.as_object_mut() {
        operation.retain(|name, _| !NOTES.contains(&name.as_str()));
    }
}

/// What a route notes of itself for this file alone: errors that only it has, that it has no version, and that nothing of
/// a request to it is read.
const NOTES: [&str; 3] = ["x-errors", "x-version", "x-plain"];

fn own_errors(operation: &Value) -> Vec<u16> {
    let statuses = operation["x-errors"].as_array().into_iter().flatten();
    statuses.filter_map(Value::as_u64).filter_map(|status| u16::try_from(status).ok()).collect()
}

/// Whether a change may name the version that it means.
fn has_version(path: &str, method: &str, operation: &Value) -> bool {
    let item = path.starts_with("/api/v1/") && path.contains('{');
    item && matches!(method, "put" | "patch" | "delete") && operation["x-version"] != false
}

/// Who may: a session, or a token with the scope that the address needs.
fn security(path: &str, role: &str, areas: &Areas) -> Value {
    let least = match role.split(' ').next() {
        Some("viewer") => Role::Viewer,
        Some("staff") => Role::Staff,
        Some("owner") => Role::Owner,
        _ => return json!([]),
    };
    let scope = areas.scope(path, least).map_or(Vec::new(), |scope| vec![scope.name]);
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
pub(super) fn parameters(path: &str, method: &str, operation: &mut Value, api: bool) {
    let optional = |name: &str, text: &str| json!({ "name": name, "in": "header", "description": text, "required": false, "schema": { "type": "string" } });
    let mut more = Vec::new();
    let writes = matches!(method, "post" | "put" | "patch");
    if has_version(path, method, operation) {
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
