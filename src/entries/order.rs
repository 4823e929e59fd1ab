//! The order of entries in SQL, the same on both databases, and how to go on from an entry.

use super::look::Look;
use super::store::EntryRef;
use super::{sql, system};
use crate::filter::{Field, OrderColumn, OrderKind, SortKey, number};
use crate::json::{self, Path};

/// Characters of a text that count when entries are sorted by it.
const SORT_LENGTH: usize = 200;

/// The columns of an order: numbers < strings < booleans < arrays and objects, missing and null last either way;
/// ties by id, in the direction of the first key.
pub fn order(keys: &[SortKey], postgres: bool) -> Vec<OrderColumn> {
    // What comes after the id decides nothing.
    let id = keys.iter().position(|key| key.field == Field::System(system::ID));
    let deciding = id.map_or(keys, |id| &keys[..=id]);
    let mut columns: Vec<_> = deciding.iter().flat_map(|key| columns_of(key, postgres)).collect();
    if id.is_none() {
        columns.push(column("e.id", keys.first().is_none_or(|key| key.descending), OrderKind::Int));
    }
    columns
}

fn column(expression: impl Into<String>, descending: bool, kind: OrderKind) -> OrderColumn {
    OrderColumn { expression: expression.into(), descending, kind }
}

fn columns_of(key: &SortKey, postgres: bool) -> Vec<OrderColumn> {
    let descending = key.descending;
    let last = |name: &str| column(format!("(CASE WHEN {name} IS NULL THEN 1 ELSE 0 END)"), false, OrderKind::Int);
    match &key.field {
        Field::System(system::ID) => vec![column("e.id", descending, OrderKind::Int)],
        Field::System(system::RECEIVED) => vec![column("e.received_at", descending, OrderKind::Int)],
        Field::System(system::AT) => vec![last("e.at"), column("coalesce(e.at, 0)", descending, OrderKind::Int)],
        Field::System(system) => {
            let name = match *system {
                system::SESSION => "e.session",
                system::ORIGIN => "e.origin",
                system::FLAGS => "e.flags",
                system::STATE => "e.state",
                system::ASSIGNEE => sql::ASSIGNEE,
                system::NOTE => "e.note",
                _ => "(SELECT c.name FROM collections c WHERE c.id = e.collection_id)",
            };
            let collate = if postgres { " COLLATE \"C\"" } else { "" };
            vec![last(name), column(format!("coalesce({name}, ''){collate}"), descending, OrderKind::Text)]
        }
        Field::Data(path) => columns_of_data(&Look::at(path, postgres), descending, postgres),
    }
}

/// The databases call kinds of JSON values by names of their own, so both texts stand here.
fn columns_of_data(look: &Look, descending: bool, postgres: bool) -> Vec<OrderColumn> {
    let Look { kind, text, .. } = look;
    let (rank, words) = if postgres {
        (
            format!(
                "(CASE {kind} WHEN 'number' THEN 0 WHEN 'string' THEN 1 WHEN 'boolean' THEN 2 WHEN 'null' THEN 4 \
                 ELSE CASE WHEN {kind} IS NULL THEN 4 ELSE 3 END END)"
            ),
            format!(
                "(CASE {kind} WHEN 'string' THEN left({text}, {SORT_LENGTH}) WHEN 'boolean' THEN {text} ELSE '' END) \
                 COLLATE \"C\""
            ),
        )
    } else {
        (
            format!(
                "(CASE {kind} WHEN 'integer' THEN 0 WHEN 'real' THEN 0 WHEN 'text' THEN 1 WHEN 'true' THEN 2 \
                 WHEN 'false' THEN 2 WHEN 'null' THEN 4 ELSE CASE WHEN {kind} IS NULL THEN 4 ELSE 3 END END)"
            ),
            format!(
                "(CASE {kind} WHEN 'text' THEN substr({text}, 1, {SORT_LENGTH}) WHEN 'true' THEN 'true' \
                 WHEN 'false' THEN 'false' ELSE '' END)"
            ),
        )
    };
    vec![
        column(format!("(CASE WHEN {kind} IS NULL OR {kind} = 'null' THEN 1 ELSE 0 END)"), false, OrderKind::Int),
        column(rank, descending, OrderKind::Int),
        column(format!("coalesce({}, 0)", look.number()), descending, OrderKind::Number),
        column(words, descending, OrderKind::Text),
    ]
}

/// The values of an entry in the columns of [`order`], in the same order.
pub fn values(keys: &[SortKey], entry: &EntryRef<'_>, collection: &str) -> Vec<String> {
    let mut values = Vec::new();
    for key in keys {
        match &key.field {
            Field::System(system::ID) => break,
            Field::System(system::RECEIVED) => values.push(entry.received.0.to_string()),
            Field::System(system::AT) => {
                values.push(u8::from(entry.at.is_none()).to_string());
                values.push(entry.at.map_or(0, |at| at.0).to_string());
            }
            Field::System(system) => {
                let text = match *system {
                    system::SESSION => entry.session,
                    system::ORIGIN => entry.origin,
                    system::FLAGS => entry.flags,
                    system::STATE => entry.work.state,
                    system::ASSIGNEE => entry.work.assignee,
                    system::NOTE => entry.work.note,
                    _ => collection,
                };
                values.push(u8::from(text.is_empty()).to_string());
                values.push(text.to_owned());
            }
            Field::Data(path) => values.extend(data_values(entry.data, path)),
        }
    }
    values.push(entry.id.0.to_string());
    values
}

/// Missing or not, rank of the type, number, text.
fn data_values(data: &str, path: &Path) -> [String; 4] {
    let row =
        |rank: u8, number: String, text: String| [u8::from(rank == 4).to_string(), rank.to_string(), number, text];
    let zero = || "0".to_owned();
    match json::find(data, path) {
        None | Some("null") => row(4, zero(), String::new()),
        Some(truth @ ("true" | "false")) => row(2, zero(), truth.to_owned()),
        Some(raw) if raw.starts_with('"') => {
            let text: String = serde_json::from_str(raw).unwrap_or_default();
            row(1, zero(), text.chars().take(SORT_LENGTH).collect())
        }
        Some(raw) if raw.starts_with(['[', '{']) => row(3, zero(), String::new()),
        Some(raw) => row(0, number(raw).unwrap_or_else(zero), String::new()),
    }
}
