//! Exports: CSV (RFC 4180), NDJSON and JSON, made batch by batch.
//!
//! The header comes from the field registry before the first row. Nested objects become columns with dots,
//! arrays stay JSON. Memory does not grow with the number of entries.

mod checked;
mod columns;
mod send;
mod table;
mod walk;
mod writer;

pub use columns::{TableColumn, columns};
pub use writer::write_json;
