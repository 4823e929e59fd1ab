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
    // What comes after the id decides nothing.
    let id = keys.iter().position(|key| key.field == Field::System(System::Id));
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
        Field::System(System::Id) => vec![column("e.id", descending, OrderKind::Int)],
        Field::System(System::Received) => vec![column("e.received_at", descending, OrderKind::Int)],
        Field::System(System::At) => vec![last("e.at"), column("coalesce(e.at, 0)", descending, OrderKind::Int)],
        Field::System(system) => {
            let name = match system {
                System::Session => "e.session",
                System::Origin => "e.origin",
                System::Flags => "e.flags",
                System::State => "e.state",
                System::Assignee => super::sql::ASSIGNEE,
                System::Note => "e.note",
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
