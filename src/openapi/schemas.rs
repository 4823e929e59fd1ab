//! Answers that are written by hand, without a struct.

use serde_json::{Map, Value, json};

pub(super) fn written_schemas() -> Map<String, Value> {
    let maybe_text = json!({ "type": ["string", "null"] });
    let link = json!({ "token": maybe_text, "status_url": { "type": ["string", "null"], "format": "uri" } });
    let schemas = json!({
        "Entry": entry(),
        "EntryList": entry_list(),
        "Data": { "type": "object", "description": "Whatever the page sends", "example": { "name": "Ada", "plan": "pro" } },
        "Nothing": { "type": "object", "maxProperties": 0, "description": "No body, or an empty object" },
        "QueryForm": { "type": "object", "description": "The parameters of the list, as a form", "additionalProperties": { "type": "string" } },
        "Added": { "anyOf": [added_item(), { "type": "object", "required": ["results"], "properties": { "results": { "type": "array", "items": { "type": "object" } } } }] },
        "Problem": problem(),
        "PlaceJoined": with("Place", link),
        "Invited": with("User", json!({ "invitation": { "$ref": "#/components/schemas/Invitation" } })),
        "NewToken": with("Token", json!({ "token": { "type": "string", "pattern": "^fd_" } })),
    });
    let Value::Object(schemas) = schemas else { return Map::new() };
    schemas
}

fn entry() -> Value {
    let moment = json!({ "type": "string", "format": "date-time" });
    let maybe_moment = json!({ "type": ["string", "null"], "format": "date-time" });
    let maybe_text = json!({ "type": ["string", "null"] });
    json!({
        "type": "object",
        "description": "What was sent is in `data`; the rest Frontdesk knows.",
        "required": ["_id", "_collection", "_received", "data"],
        "properties": {
            "_id": { "type": "integer" }, "_collection": { "type": "string" }, "_session": maybe_text,
            "_received": moment, "_at": maybe_moment, "_origin": maybe_text,
            "_flags": { "type": "array", "items": { "type": "string" } }, "_deleted": moment, "data": { "type": "object" },
            "_state": { "type": "string" }, "_assignee": { "type": "string" }, "_note": { "type": "string" }
        },
        "example": {
            "_id": 7, "_collection": "contact", "_session": null, "_received": "2026-03-10T12:00:00.000Z", "_at": null,
            "_origin": "https://example.org", "_flags": [], "data": { "name": "Ada", "plan": "pro" }
        }
    })
}

fn entry_list() -> Value {
    json!({
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
    })
}

/// What became of one entry.
fn added_item() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer" }, "status": { "enum": ["stored", "flagged", "duplicate", "rejected"] },
            "error": { "type": "string" }, "message": { "type": "string", "description": "For whoever sent a form" },
            "warnings": { "type": "array", "items": { "type": "string" } }
        },
        "required": ["status"]
    })
}

/// RFC 9457.
fn problem() -> Value {
    json!({
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
            "present": { "description": "What it is now, where somebody was faster" },
            "message": { "type": "string", "description": "Of /add: the reason in the words of whoever sent a form" }
        },
        "example": {
            "type": "about:blank", "title": "This breaks a rule", "status": 422, "detail": "/name: is required",
            "instance": "/api/v1/students", "errors": [{ "pointer": "/name", "detail": "is required" }],
            "request_id": "64d1f0a2b3c4d-1"
        }
    })
}

/// A schema with more in it.
fn with(base: &str, more: Value) -> Value {
    let required: Vec<_> = more.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({ "allOf": [
        { "$ref": format!("#/components/schemas/{base}") },
        { "type": "object", "required": required, "properties": more }
    ] })
}
