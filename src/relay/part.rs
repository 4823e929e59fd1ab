//! A part of an aggregate.

use http::StatusCode;
use serde_json::value::RawValue;

/// What a pool answered, or why it counts for nothing.
pub struct Part {
    pub name: String,
    /// The status that came, if one did.
    pub status: Option<StatusCode>,
    pub ms: u128,
    /// JSON as it was sent; `None` within: an answer without a body (204).
    pub body: Result<Option<Box<RawValue>>, &'static str>,
}
