//! An order in SQL, and how to go on from a row.

use super::sql::Sql;

/// One column of an order: an expression that is never null, and how to bind a value of it.
pub struct OrderColumn {
    /// SQL that is never null.
    pub expression: String,
    /// The greatest comes first.
    pub descending: bool,
    /// How a value of it is bound.
    pub kind: OrderKind,
}

/// How values of a column of the order are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// A 64-bit integer.
    Int,
    /// A double.
    Number,
    /// A text.
    Text,
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
