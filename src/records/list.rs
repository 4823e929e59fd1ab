//! Listing records: the filter grammar, on columns.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::store::{self, Row};
use super::{Column, Kind, Record, Records, Resource};
use crate::db::Pool;
use crate::error::{Error, FieldError, Result};
use crate::filter::{
    Condition, Count, Cursor, Deleted, Field, Fields, Grammar, Op, Operand, OrderColumn, OrderKind, Query, Sql,
    SystemField, SystemKind, Word, after, each, on_moment, on_text, order_by, push_conditions, search, sign,
};
use crate::limits::DEFAULT_LIMIT;
use crate::words::did_you_mean;

/// The filter grammar of records: fields are their columns; `_id` is accepted for `id`, as with entries.
pub static GRAMMAR: Grammar =
    Grammar { system: &[SystemField { name: "_id", kind: SystemKind::Number }], any_data: false };

/// A page of records.
pub struct Listing {
    /// The records of the page.
    pub items: Vec<Record>,
    /// Cursor of the previous page; `None`: this is the first.
    pub newer: Option<String>,
    /// Cursor of the next page; `None`: this is the last.
    pub next: Option<String>,
    /// How many match; `None` if nobody asked.
    pub count: Option<i64>,
}

/// Who reads: cursors are bound to it.
fn reader(staff: bool) -> &'static str {
    if staff { "staff" } else { "public" }
}

impl Records {
    /// The page of records that a query asks for.
    pub async fn list(&self, resource: &'static Resource, query: &Query, staff: bool) -> Result<Listing> {
        let asked = Asked { resource, staff, postgres: self.db.is_postgres() };
        asked.check_fields(query)?;
        let filter = asked.filter(&self.db, query)?;
        let order = asked.order(query)?;
        let open = |text: &str| Cursor::open(text, &self.cursor_key[..], query, reader(staff));
        let cursor = query.cursor.as_deref().map(open).transpose()?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT) as usize;
        let (mut rows, more) = self.page(&asked, filter.clone(), &order, cursor.as_ref(), limit).await?;
        let reversed = cursor.as_ref().is_some_and(|c| c.reversed);
        if reversed {
            rows.reverse();
        }
        let seal = |row: &Row, reversed: bool| {
            Cursor { values: values(row), reversed }.seal(&self.cursor_key[..], query, reader(staff))
        };
        let has_next = if reversed { true } else { more };
        let has_newer = if reversed { more } else { cursor.is_some() };
        let next = rows.last().filter(|_| has_next).map(|row| seal(row, false));
        let newer = rows.first().filter(|_| has_newer).map(|row| seal(row, true));
        let count = if query.count == Count::None { None } else { Some(self.count(resource, filter).await?) };
        let items = rows.into_iter().map(|row| row.item(resource)).collect();
        Ok(Listing { items, newer, next, count })
    }

    async fn page(
        &self,
        asked: &Asked,
        mut filter: Sql,
        order: &[OrderColumn],
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<(Vec<Row>, bool)> {
        let keys: Vec<_> = order.iter().map(|column| column.expression.clone()).collect();
        let condition = std::mem::take(&mut filter.text);
        filter.push(&store::select(asked.resource, asked.postgres, asked.staff, &keys));
        filter.push(" WHERE ").push(&condition);
        let reversed = cursor.is_some_and(|c| c.reversed);
        if let Some(cursor) = cursor.filter(|cursor| cursor.values.len() == order.len()) {
            let rest = after(&mut filter, order, &cursor.values, reversed);
            filter.push(&rest);
        }
        filter.push(&order_by(order, reversed)).push(&format!(" LIMIT {}", limit + 1));
        let mut rows: Vec<Row> = filter.query(|sql| self.db.read(sql)).all().await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows, more))
    }

    async fn count(&self, resource: &'static Resource, mut filter: Sql) -> Result<i64> {
        filter.text = format!("SELECT count(*) FROM {} r WHERE {}", resource.name, filter.text);
        let (count,): (i64,) = filter.query(|sql| self.db.read(sql)).one().await?;
        Ok(count)
    }
}

fn values(row: &Row) -> Vec<String> {
    let keys: Vec<Value> = serde_json::from_str(&row.keys).unwrap_or_default();
    keys.into_iter()
        .map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        })
        .collect()
}

pub(super) fn column_name(field: &Field) -> String {
    match field {
        Field::System(_) => "id".to_owned(),
        Field::Data(path) => path.to_string(),
    }
}

/// The fields that `_fields` asks for.
pub(super) fn chosen(item: Record, query: &Query) -> Map<String, Value> {
    match &query.fields {
        Fields::All => item.body,
        Fields::Only(names) => names
            .iter()
            .map(|(name, field)| (name.clone(), item.body.get(&column_name(field)).cloned().unwrap_or_default()))
            .collect(),
        Fields::Without(names) => {
            item.body.into_iter().filter(|(name, _)| !names.iter().any(|field| column_name(field) == *name)).collect()
        }
    }
}

struct Asked {
    resource: &'static Resource,
    staff: bool,
    postgres: bool,
}

impl Asked {
    fn column(&self, field: &Field) -> std::result::Result<&'static Column, String> {
        let name = column_name(field);
        self.resource.column(&name, self.staff).ok_or_else(|| {
            let known = self.resource.readable(self.staff).map(|column| column.name);
            format!("there is no field \"{name}\"{}", did_you_mean(&name, known))
        })
    }

    /// Every field of `_fields` is one of the resource's.
    fn check_fields(&self, query: &Query) -> Result<()> {
        let fields: Vec<&Field> = match &query.fields {
            Fields::All => Vec::new(),
            Fields::Only(named) => named.iter().map(|(_, field)| field).collect(),
            Fields::Without(fields) => fields.iter().collect(),
        };
        let wrong = fields.into_iter().find_map(|field| self.column(field).err());
        wrong.map_or(Ok(()), |detail| Err(Error::parameter("_fields", detail)))
    }

    fn filter(&self, db: &Pool, query: &Query) -> Result<Sql> {
        let mut sql = Sql::new(db);
        let mut errors: Vec<FieldError> = self.refused(query);
        sql.push(match (self.resource.keeps_deleted(), query.deleted) {
            (false, _) | (_, Deleted::With) => "TRUE",
            (_, Deleted::No) => "r.deleted_at IS NULL",
            (_, Deleted::Only) => "r.deleted_at IS NOT NULL",
        });
        let conditions: Vec<_> = query.conditions.iter().collect();
        let wrong = push_conditions(&mut sql, &conditions, &mut |sql, c, op| self.one(sql, c, op));
        errors.extend(wrong.into_iter().map(|(c, detail)| FieldError::parameter(&query.params[c.param].0, detail)));
        for word in &query.words {
            self.push_word(&mut sql, word);
        }
        if errors.is_empty() { Ok(sql) } else { Err(Error::BadRequest(errors)) }
    }

    /// Parameters that mean something for entries only.
    fn refused(&self, query: &Query) -> Vec<FieldError> {
        let only_entries = ["_facet", "_strict", "_secret"];
        let refused = query.params.iter().filter(|(name, _)| only_entries.contains(&name.as_str()));
        refused.map(|(name, _)| FieldError::parameter(name, "is for entries only")).collect()
    }

    fn one(&self, sql: &mut Sql, condition: &Condition, op: Op) -> std::result::Result<String, String> {
        on_column(sql, self.column(&condition.field)?, op, &condition.operand)
    }

    fn push_word(&self, sql: &mut Sql, word: &Word) {
        let texts = self.resource.readable(self.staff).filter(|column| column.is_text());
        let tests: Vec<_> = texts
            .map(|column| {
                let test = search(sql, Op::Contains, &word.text);
                format!("coalesce({}, '') {test}", column.expression())
            })
            .collect();
        let not = if word.negated { "NOT " } else { "" };
        let _ = write!(sql.text, " AND {not}({})", tests.join(" OR "));
    }

    /// The order asked for; the newest first if none is.
    fn order(&self, query: &Query) -> Result<Vec<OrderColumn>> {
        let asked = !query.sort.is_empty();
        let mut columns = Vec::new();
        let mut descending = !asked;
        for (i, key) in query.sort.iter().enumerate() {
            let column = self.column(&key.field).map_err(|detail| Error::parameter("_sort", detail))?;
            if i == 0 {
                descending = key.descending;
            }
            if column.name == "id" {
                break;
            }
            self.push_key(&mut columns, column, key.descending);
        }
        columns.push(OrderColumn { expression: "r.id".into(), descending, kind: OrderKind::Int });
        Ok(columns)
    }

    /// Empty values come last either way.
    fn push_key(&self, columns: &mut Vec<OrderColumn>, column: &Column, descending: bool) {
        let name = column.expression();
        let missing = format!("(CASE WHEN {name} IS NULL THEN 1 ELSE 0 END)");
        columns.push(OrderColumn { expression: missing, descending: false, kind: OrderKind::Int });
        let (expression, kind) = if column.is_text() {
            let collate = if self.postgres { " COLLATE \"C\"" } else { "" };
            (format!("coalesce({name}, ''){collate}"), OrderKind::Text)
        } else if matches!(column.kind, Kind::Flag) {
            (format!("(CASE WHEN {name} THEN 1 ELSE 0 END)"), OrderKind::Int)
        } else {
            (format!("coalesce({name}, 0)"), OrderKind::Int)
        };
        columns.push(OrderColumn { expression, descending, kind });
    }
}

/// A condition on a column of known kind.
fn on_column(sql: &mut Sql, column: &Column, op: Op, operand: &Operand) -> std::result::Result<String, String> {
    let name = column.expression();
    if let (Op::Null | Op::Empty | Op::Exists, Operand::Truth(asked)) = (op, operand) {
        let null = *asked == (op != Op::Exists);
        return Ok(format!("{name} IS {}NULL", if null { "" } else { "NOT " }));
    }
    let inside = matches!(op, Op::Contains | Op::Starts | Op::Ends);
    match &column.kind {
        _ if op == Op::Type => Err(format!("{} has no type to ask for", column.name)),
        Kind::Moment if inside => Err(format!("{} is a moment: use on, between, gte or lte", column.name)),
        Kind::Moment if operand.dates().iter().any(Option::is_none) => {
            Err("is no date: write 2026-01-31, 2026-01-31T14:00:00Z, -7d or now".into())
        }
        Kind::Moment => Ok(each(sql, op, operand, &mut |sql, op, value| {
            value.date.as_ref().map_or_else(|| "FALSE".into(), |range| on_moment(sql, &name, op, range))
        })),
        _ if op == Op::On => Err(format!("{} is no moment", column.name)),
        Kind::Flag => flag(column, op, operand),
        Kind::Number(..) | Kind::Reference(_) | Kind::Account => {
            let whole = |text: Option<String>| text.is_some_and(|text| text.parse::<i64>().is_ok());
            if inside || !operand.numbers().into_iter().all(whole) {
                return Err(format!("{} is a whole number", column.name));
            }
            Ok(each(sql, op, operand, &mut |sql, op, value| {
                let number = value.number.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
                let place = sql.int(number);
                format!("{name} {} {place}", sign(op))
            }))
        }
        Kind::Email if !inside => {
            Ok(each(sql, op, operand, &mut |sql, op, value| on_text(sql, &name, op, &value.text.to_lowercase())))
        }
        _ => Ok(each(sql, op, operand, &mut |sql, op, value| on_text(sql, &name, op, &value.text))),
    }
}

fn flag(column: &Column, op: Op, operand: &Operand) -> std::result::Result<String, String> {
    let name = column.expression();
    match (op, operand.texts().as_slice()) {
        (Op::Eq | Op::In, ["true" | "1"]) => Ok(name),
        (Op::Eq | Op::In, ["false" | "0"]) => Ok(format!("NOT {name}")),
        _ => Err(format!("{} is true or false", column.name)),
    }
}
