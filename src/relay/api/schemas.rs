//! Schemas of what is a definition with more beside it.

use serde_json::{Value, json};

use crate::web::extended_schema;

/// `RelayNew`, `Relay` and `RelayList`.
pub fn schemas() -> Value {
    let name = json!({ "type": "string", "example": "weather" });
    let time = json!({ "type": "string", "format": "date-time" });
    let new = json!({ "name": name });
    let given = json!({
        "name": name, "version": { "type": "integer" }, "created": time, "updated": time,
        "key": { "type": ["string", "null"], "description": "What clients send if access is by key; for owners" },
    });
    json!({
        "RelayNew": extended_schema("RelayDefinition", new),
        "Relay": extended_schema("RelayDefinition", given),
        "RelayList": {
            "type": "object",
            "properties": {
                "relays": { "type": "array", "items": { "$ref": "#/components/schemas/Relay" } },
                "next": { "type": ["string", "null"] },
                "count": { "type": "integer" },
            },
            "required": ["relays", "next", "count"],
        },
    })
}
