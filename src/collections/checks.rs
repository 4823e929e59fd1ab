//! Checks: the type that a field of a collection should have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a field of a collection should be, and what happens if it is not.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// string, number, bool, array or object.
    pub r#type: String,
    /// What happens to an entry whose field has another type.
    pub mode: CheckMode,
}

/// How strictly a [`Check`] is applied.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum CheckMode {
    /// Not checked.
    Off,
    /// Stored; the answer carries a warning.
    Warn,
    /// Refused with 422.
    Reject,
}

/// Reads the checks of a collection from JSON: `{"age": {"type": "number", "mode": "warn"}}`.
pub(super) fn parse_checks(text: &str) -> Result<Vec<(String, Check)>> {
    let checks: BTreeMap<String, Check> = serde_json::from_str(text).map_err(|error| {
        Error::invalid(
            "/checks",
            format!("must be an object like {{\"age\": {{\"type\": \"number\", \"mode\": \"warn\"}}}}: {error}"),
        )
    })?;
    for check in checks.values() {
        if !["string", "number", "bool", "array", "object"].contains(&check.r#type.as_str()) {
            return Err(Error::invalid(
                "/checks",
                format!("\"{}\" is none of string, number, bool, array, object", check.r#type),
            ));
        }
    }
    Ok(checks.into_iter().collect())
}
