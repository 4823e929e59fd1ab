//! The order of entries in SQL, the same on both databases, and how to go on from an entry.

use super::look::Look;
use super::query::{Field, SortKey, System};
use super::sql::Sql;

/// One column of an order: an expression that is never null, and how to bind a value of it.
pub struct OrderColumn {
    pub expression: String,
    pub descending: bool,
    pub kind: OrderKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    Int,
    Number,
    Text,
}

/// Characters of a text that count when entries are sorted by it.
pub const SORT_LENGTH: usize = 200;

/// The columns of an order: numbers < strings < booleans < arrays and objects, missing and null last either way;
/// ties by id, in the direction of the first key.
pub fn order(keys: &[SortKey], postgres: bool) -> Vec<OrderColumn> {
    let mut columns = Vec::new();
    let mut add = |expression: String, descending, kind| columns.push(OrderColumn { expression, descending, kind });
    for key in keys {
        let desc = key.descending;
        match &key.field {
            Field::System(System::Id) => {}
            Field::System(System::Received) => add("e.received_at".into(), desc, OrderKind::Int),
            Field::System(System::At) => {
                add("(CASE WHEN e.at IS NULL THEN 1 ELSE 0 END)".into(), false, OrderKind::Int);
                add("coalesce(e.at, 0)".into(), desc, OrderKind::Int);
            }
            Field::System(system) => {
                let column = match system {
                    System::Session => "e.session",
                    System::Origin => "e.origin",
                    System::Flags => "e.flags",
                    _ => "(SELECT c.name FROM collections c WHERE c.id = e.collection_id)",
                };
                let collate = if postgres { " COLLATE \"C\"" } else { "" };
                add(format!("(CASE WHEN {column} IS NULL THEN 1 ELSE 0 END)"), false, OrderKind::Int);
                add(format!("coalesce({column}, ''){collate}"), desc, OrderKind::Text);
            }
            Field::Data(path) => {
                let look = Look::at(path, postgres);
                let Look { kind, text, .. } = &look;
                add(format!("(CASE WHEN {kind} IS NULL OR {kind} = 'null' THEN 1 ELSE 0 END)"), false, OrderKind::Int);
                let (truths, first) = if postgres { ("'boolean'", "left") } else { ("'true' WHEN 'false'", "substr") };
                let rank = if postgres {
                    format!(
                        "(CASE {kind} WHEN 'number' THEN 0 WHEN 'string' THEN 1 WHEN {truths} THEN 2 WHEN 'null' THEN 4 ELSE CASE WHEN {kind} IS NULL THEN 4 ELSE 3 END END)"
                    )
                } else {
                    format!(
                        "(CASE {kind} WHEN 'integer' THEN 0 WHEN 'real' THEN 0 WHEN 'text' THEN 1 WHEN 'true' THEN 2 WHEN 'false' THEN 2 WHEN 'null' THEN 4 ELSE CASE WHEN {kind} IS NULL THEN 4 ELSE 3 END END)"
                    )
                };
                add(rank, desc, OrderKind::Int);
                add(format!("coalesce({}, 0)", look.number()), desc, OrderKind::Number);
                let start = if postgres {
                    format!("{first}({text}, {SORT_LENGTH})")
                } else {
                    format!("{first}({text}, 1, {SORT_LENGTH})")
                };
                let words = if postgres {
                    format!(
                        "(CASE {kind} WHEN 'string' THEN {start} WHEN 'boolean' THEN {text} ELSE '' END) COLLATE \"C\""
                    )
                } else {
                    format!(
                        "(CASE {kind} WHEN 'text' THEN {start} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE '' END)"
                    )
                };
                add(words, desc, OrderKind::Text);
            }
        }
        if key.field == Field::System(System::Id) {
            break;
        }
    }
    let descending = keys
        .iter()
        .find(|key| key.field == Field::System(System::Id))
        .or(keys.first())
        .is_none_or(|key| key.descending);
    add("e.id".into(), descending, OrderKind::Int);
    columns
}

/// `ORDER BY …`, the other way round when `reversed`.
pub fn order_by(columns: &[OrderColumn], reversed: bool) -> String {
    let terms: Vec<_> = columns
        .iter()
        .map(|c| format!("{}{}", c.expression, if c.descending == reversed { "" } else { " DESC" }))
        .collect();
    format!(" ORDER BY {}", terms.join(", "))
}

/// The condition for what comes after `values` in the order, or before them when `reversed`.
pub fn after(sql: &mut Sql, columns: &[OrderColumn], values: &[String], reversed: bool) -> String {
    let places: Vec<_> = columns
        .iter()
        .zip(values)
        .map(|(column, value)| match column.kind {
            OrderKind::Int => sql.int(value.parse().unwrap_or(0)),
            OrderKind::Number => sql.number(value),
            OrderKind::Text => sql.text(value),
        })
        .collect();
    if columns.iter().all(|c| c.descending == columns[0].descending) {
        // One row comparison is what an index can seek to.
        let names: Vec<_> = columns.iter().map(|c| c.expression.as_str()).collect();
        let sign = if columns[0].descending == reversed { ">" } else { "<" };
        return format!(" AND ({}) {sign} ({})", names.join(", "), places.join(", "));
    }
    let mut text = String::from("FALSE");
    for (column, place) in columns.iter().zip(&places).rev() {
        let sign = if column.descending == reversed { ">" } else { "<" };
        text = format!("({0} {sign} {place} OR ({0} = {place} AND {text}))", column.expression);
    }
    format!(" AND {text}")
}
