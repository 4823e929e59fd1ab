//! Schemas that every domain uses.

use serde_json::{Value, json};

pub(super) fn shared_schemas() -> Value {
    json!({
        "Nothing": { "type": "object", "maxProperties": 0, "description": "No body, or an empty object" },
        "Problem": problem(),
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
            "message": { "type": "string", "description": "Of /add: the reason, for the visitor who sent the form" }
        },
        "example": {
            "type": "about:blank", "title": "This breaks a rule", "status": 422, "detail": "/name: is required",
            "instance": "/api/v1/students", "errors": [{ "pointer": "/name", "detail": "is required" }],
            "request_id": "64d1f0a2b3c4d-1"
        }
    })
}
