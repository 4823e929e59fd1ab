//! The fields that the server adds to an entry, and the filter grammar of entries.

use crate::error::Error;
use crate::filter::{self, Condition, Field, Grammar, Group, Op, Query, SortKey, SystemField, SystemKind};
use crate::json::Path;
use crate::moment::Moment;

pub const ID: SystemField = SystemField { name: "_id", kind: SystemKind::Number };
/// When it happened by the client's clock.
pub const AT: SystemField = SystemField { name: "_at", kind: SystemKind::Moment };
pub const RECEIVED: SystemField = SystemField { name: "_received", kind: SystemKind::Moment };
/// The public id of the browser session.
pub const SESSION: SystemField = SystemField { name: "_session", kind: SystemKind::Text };
pub const COLLECTION: SystemField = SystemField { name: "_collection", kind: SystemKind::Text };
pub const ORIGIN: SystemField = SystemField { name: "_origin", kind: SystemKind::Text };
/// `spam`, or nothing.
pub const FLAGS: SystemField = SystemField { name: "_flags", kind: SystemKind::Text };
pub const STATE: SystemField = SystemField { name: "_state", kind: SystemKind::Text };
/// Email of the assignee.
pub const ASSIGNEE: SystemField = SystemField { name: "_assignee", kind: SystemKind::Text };
pub const NOTE: SystemField = SystemField { name: "_note", kind: SystemKind::Prose };

/// Parameters that add spam to a list: lists leave it out unless a condition names `_flags`, and these two always hold.
pub const WITH_SPAM: &str = "_or._flags__exists=0&_or._flags__exists=1";

/// What can be asked of entries.
pub static GRAMMAR: Grammar =
    Grammar { system: &[ID, AT, RECEIVED, SESSION, COLLECTION, ORIGIN, FLAGS, STATE, ASSIGNEE, NOTE], any_data: true };

/// Reads decoded parameters. `now` resolves `-7d` and `today`; `_secret` is taken only when `from_body`.
/// Without an order the newest come first.
pub fn parse_query(params: &[(String, String)], now: Moment, from_body: bool) -> Result<Query, Error> {
    let mut query = filter::parse(&GRAMMAR, params, now, from_body)?;
    if query.sort.is_empty() {
        query.sort = newest_first();
    }
    Ok(query)
}

/// The usual order of entries.
pub fn newest_first() -> Vec<SortKey> {
    vec![SortKey { field: Field::System(RECEIVED), descending: true }]
}

/// A field of the client's data; ours have indexes already.
pub fn data_field(name: &str) -> Result<Path, Error> {
    match GRAMMAR.field(name) {
        Ok(Field::Data(path)) => Ok(path),
        Ok(Field::System(_)) => Err(Error::invalid("/field", "must be a field of the data")),
        Err(detail) => Err(Error::invalid("/field", detail)),
    }
}

/// `_collection=NAME`: it decides which collections are looked at, and is no condition on their entries.
pub fn is_scope(condition: &Condition) -> bool {
    condition.group == Group::And
        && condition.field == Field::System(COLLECTION)
        && matches!(condition.op, Op::Eq | Op::In)
}

/// The names of collections that a query is limited to by `_collection=NAME`, if it is.
pub fn collections_of(query: &Query) -> Option<Vec<&str>> {
    let names: Vec<_> = query.conditions.iter().filter(|c| is_scope(c)).flat_map(|c| c.operand.texts()).collect();
    (!names.is_empty()).then_some(names)
}
