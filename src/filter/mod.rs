//! The filter grammar: the query string of every list, read into a [`Query`] and made into SQL.
//!
//! A name that begins with `_` is ours, every other name is a field. The grammar is strict: what cannot be understood is
//! an error that names the parameter and the nearest valid one. The listed domain declares which fields are ours
//! ([`Grammar`]) and writes the SQL of a condition on one of its fields ([`push_conditions`]).

mod clause;
mod compare;
mod conditions;
mod controls;
mod cursor;
mod field;
mod op;
mod operand;
mod order;
mod parse;
mod query;
mod sql;

pub use clause::{push_conditions, repeats};
pub use compare::{each, on_moment, on_text, search, sign};
pub use controls::{CONTROLS, control_meant};
pub use cursor::Cursor;
pub use field::{Field, Grammar, SystemField, SystemKind};
pub use op::Op;
pub use operand::{DateRange, Operand, Value, number};
pub use order::{OrderColumn, OrderKind, after, order_by};
pub use parse::parse;
pub use query::{Condition, Count, CsvOptions, Deleted, Fields, Format, Group, Query, SortKey, Word};
pub use sql::Sql;
