//! A record, and values that are to be written into one.

use serde_json::{Map, Value};

use super::Column;

/// A record as JSON, with all its columns.
#[derive(Debug, Clone)]
pub struct Record {
    /// Primary key.
    pub id: i64,
    /// Raised by every change.
    pub version: i64,
    /// It is deleted and can be restored.
    pub deleted: bool,
    /// All its columns that the reader may see.
    pub body: Map<String, Value>,
}

impl Record {
    /// The text of a column; empty when it holds none.
    pub fn text(&self, column: &str) -> &str {
        self.body.get(column).and_then(Value::as_str).unwrap_or("")
    }

    /// The number in a column; `None` if it holds none.
    pub fn number(&self, column: &str) -> Option<i64> {
        self.body.get(column).and_then(Value::as_i64)
    }

    /// Whether a column holds `true`.
    pub fn flag(&self, column: &str) -> bool {
        self.body.get(column).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The ETag of this version.
    pub fn etag(&self) -> String {
        format!("\"v{}\"", self.version)
    }
}

/// A value as it is bound.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A number, reference or moment.
    Int(Option<i64>),
    /// A text.
    Text(Option<String>),
    /// True or false.
    Flag(bool),
}

impl Bound {
    /// It holds nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Bound::Int(None) | Bound::Text(None))
    }
}

/// Columns with what is to be written into them.
pub type Values = Vec<(&'static Column, Bound)>;
