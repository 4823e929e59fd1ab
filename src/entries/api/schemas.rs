//! Answers that are written without a struct.

use serde_json::{Value, json};

/// Schemas by their names.
pub fn schemas() -> Value {
    json!({
        "Entry": entry(),
        "EntryList": entry_list(),
        "Data": { "type": "object", "description": "Whatever the page sends", "example": { "name": "Ada", "plan": "pro" } },
        "QueryForm": {
            "type": "object", "description": "The parameters of the list, as a form",
            "additionalProperties": { "type": "string" }
        },
        "Added": {
            "anyOf": [
                added_item(),
                {
                    "type": "object", "required": ["results"],
                    "properties": { "results": { "type": "array", "items": { "type": "object" } } }
                }
            ]
        },
    })
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
            "error": { "type": "string" }, "message": { "type": "string", "description": "For the visitor who sent the form" },
            "warnings": { "type": "array", "items": { "type": "string" } }
        },
        "required": ["status"]
    })
}
