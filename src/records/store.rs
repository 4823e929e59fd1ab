//! SQL of records. Built from the declarations of [`Resource`]s; every value is bound.

use serde_json::{Map, Value};

use super::{Bound, Kind, Record, Reference, Resource, Values};
use crate::db::{DbError, Pool, Query, Tx};
use crate::moment::Moment;

#[derive(sqlx::FromRow)]
pub struct Row {
    id: i64,
    version: i64,
    deleted_at: Option<i64>,
    body: String,
    /// JSON list of the values by which it was sorted.
    pub(super) keys: String,
}

/// `SELECT … FROM students r`, the columns gathered into one JSON text `body`.
pub fn select(resource: &'static Resource, postgres: bool, staff: bool, keys: &[String]) -> String {
    let pairs: Vec<_> =
        resource.readable(staff).map(|column| format!("'{}', {}", column.name, column.expression())).collect();
    let (object, array, cast) =
        if postgres { ("json_build_object", "json_build_array", "::text") } else { ("json_object", "json_array", "") };
    let versioned = resource.readable(true).any(|column| column.name == "version");
    let version = if versioned { "r.version" } else { "CAST(1 AS BIGINT) AS version" };
    let deleted = if resource.keeps_deleted() { "r.deleted_at" } else { "CAST(NULL AS BIGINT) AS deleted_at" };
    format!(
        "SELECT r.id, {version}, {deleted}, {object}({}){cast} AS body, {array}({}){cast} AS keys FROM {} r",
        pairs.join(", "),
        keys.join(", "),
        resource.name
    )
}

impl Row {
    /// The item, with moments, truth values and nested JSON in their own form.
    pub fn item(self, resource: &'static Resource) -> Record {
        let mut body: Map<String, Value> = serde_json::from_str(&self.body).unwrap_or_default();
        for column in resource.readable(true) {
            if let Some(value) = body.get_mut(column.name) {
                *value = shown(&column.kind, value.take());
            }
        }
        Record { id: self.id, version: self.version, deleted: self.deleted_at.is_some(), body }
    }
}

fn shown(kind: &Kind, value: Value) -> Value {
    match (kind, &value) {
        (Kind::Moment, Value::Number(ms)) => Value::String(Moment(ms.as_i64().unwrap_or(0)).to_string()),
        (Kind::Flag, Value::Number(flag)) => Value::Bool(flag.as_i64() == Some(1)),
        (Kind::Nested(_), Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        (Kind::Nested(_), Value::Null) => Value::Array(Vec::new()),
        _ => value,
    }
}

/// A record, deleted or not.
pub async fn find(db: &Pool, resource: &'static Resource, id: i64, staff: bool) -> Result<Option<Record>, DbError> {
    let sql = format!("{} WHERE r.id = $1", select(resource, db.is_postgres(), staff, &[]));
    let row: Option<Row> = db.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(row.map(|row| row.item(resource)))
}

/// The same inside a transaction; PostgreSQL holds the row until its end.
pub async fn find_for_update(tx: &mut Tx, resource: &'static Resource, id: i64) -> Result<Option<Record>, DbError> {
    let postgres = matches!(tx, Tx::Postgres(_));
    let lock = if postgres { " FOR UPDATE" } else { "" };
    let sql = format!("{} WHERE r.id = $1{lock}", select(resource, postgres, true, &[]));
    let row: Option<Row> = tx.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(row.map(|row| row.item(resource)))
}

/// Writes a new record and returns its id.
pub async fn insert(tx: &mut Tx, resource: &'static Resource, values: Values, now: Moment) -> Result<i64, DbError> {
    let names: Vec<_> = values.iter().map(|(column, _)| column.name).collect();
    let places: Vec<_> = (2..values.len() + 2).map(|n| format!("${n}")).collect();
    let sql = format!(
        "INSERT INTO {} (created_at, updated_at, {}) VALUES ($1, $1, {}) RETURNING id",
        resource.name,
        names.join(", "),
        places.join(", ")
    );
    let query = tx.write(sqlx::AssertSqlSafe(sql)).bind(now);
    let (id,): (i64,) = bind_all(query, values).one().await?;
    Ok(id)
}

/// Writes columns of a record that the transaction holds.
pub async fn update(
    tx: &mut Tx,
    resource: &'static Resource,
    id: i64,
    values: Values,
    now: Moment,
) -> Result<(), DbError> {
    let sets: Vec<_> =
        values.iter().enumerate().map(|(i, (column, _))| format!(", {} = ${}", column.name, i + 3)).collect();
    let sql =
        format!("UPDATE {} SET version = version + 1, updated_at = $1{} WHERE id = $2", resource.name, sets.concat());
    let query = tx.write(sqlx::AssertSqlSafe(sql)).bind(now).bind(id);
    bind_all(query, values).execute().await.map(drop)
}

fn bind_all(mut query: Query<'_>, values: Values) -> Query<'_> {
    for (_, value) in values {
        query = match value {
            Bound::Int(value) => query.bind(value),
            Bound::Text(value) => query.bind(value),
            Bound::Flag(value) => query.bind(value),
        };
    }
    query
}

/// Marks a record as deleted, or restores it.
pub async fn set_deleted(
    tx: &mut Tx,
    resource: &'static Resource,
    id: i64,
    deleted: Option<Moment>,
    now: Moment,
) -> Result<(), DbError> {
    let sql =
        format!("UPDATE {} SET deleted_at = $1, version = version + 1, updated_at = $2 WHERE id = $3", resource.name);
    tx.write(sqlx::AssertSqlSafe(sql)).bind(deleted).bind(now).bind(id).execute().await.map(drop)
}

/// Whether a record that is not deleted has this id.
pub async fn exists(tx: &mut Tx, resource: &Resource, id: i64) -> Result<bool, DbError> {
    // Locked on PostgreSQL, so that nobody deletes it before this transaction ends.
    let lock = if matches!(tx, Tx::Postgres(_)) { " FOR KEY SHARE" } else { "" };
    let sql = format!("SELECT id FROM {} WHERE id = $1 AND deleted_at IS NULL{lock}", resource.name);
    let found: Option<(i64,)> = tx.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(found.is_some())
}

/// The other record that is not deleted and has this value.
pub async fn holder(
    tx: &mut Tx,
    resource: &'static Resource,
    column: &'static str,
    value: &Bound,
    own: Option<i64>,
) -> Result<Option<i64>, DbError> {
    let sql =
        format!("SELECT id FROM {} WHERE {column} = $1 AND deleted_at IS NULL AND id <> $2 LIMIT 1", resource.name);
    let query = tx.read(sqlx::AssertSqlSafe(sql));
    let query = match value {
        Bound::Int(value) => query.bind(*value),
        Bound::Text(value) => query.bind(value.clone()),
        Bound::Flag(value) => query.bind(*value),
    };
    let found: Option<(i64,)> = query.bind(own.unwrap_or(0)).optional().await?;
    Ok(found.map(|(id,)| id))
}

/// Records that are not deleted and have these values, null where one is none, and nothing in the columns `none`. At most two.
pub async fn by_key(
    tx: &mut Tx,
    resource: &Resource,
    key: &[(&'static str, Bound)],
    none: &[&'static str],
) -> Result<Vec<i64>, DbError> {
    let mut conditions = vec!["deleted_at IS NULL".to_owned()];
    let mut bound = Vec::new();
    for (column, value) in key {
        if value.is_empty() {
            conditions.push(format!("{column} IS NULL"));
        } else {
            bound.push(value);
            conditions.push(format!("{column} = ${}", bound.len()));
        }
    }
    conditions.extend(none.iter().map(|column| format!("{column} IS NULL")));
    let sql = format!("SELECT id FROM {} WHERE {} ORDER BY id LIMIT 2", resource.name, conditions.join(" AND "));
    let mut query = tx.read(sqlx::AssertSqlSafe(sql));
    for value in bound {
        query = match value {
            Bound::Int(value) => query.bind(*value),
            Bound::Text(value) => query.bind(value.clone()),
            Bound::Flag(value) => query.bind(*value),
        };
    }
    let found: Vec<(i64,)> = query.all().await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Active records with their names.
pub async fn active(tx: &mut Tx, resource: &Resource) -> Result<Vec<(i64, String)>, DbError> {
    let sql = format!(
        "SELECT id, {} FROM {} WHERE deleted_at IS NULL AND status = 'active' ORDER BY id",
        resource.label, resource.name
    );
    tx.read(sqlx::AssertSqlSafe(sql)).all().await
}

/// The first record of this name that is not deleted.
pub async fn by_label(tx: &mut Tx, resource: &Resource, text: &str) -> Result<Option<i64>, DbError> {
    let sql = format!(
        "SELECT id FROM {} WHERE {} = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1",
        resource.name, resource.label
    );
    let found: Option<(i64,)> = tx.read(sqlx::AssertSqlSafe(sql)).bind(text).optional().await?;
    Ok(found.map(|(id,)| id))
}

/// How many rows refer to the record of this id.
pub async fn count_uses(tx: &mut Tx, reference: &Reference, id: i64) -> Result<i64, DbError> {
    let Reference { table, column, active, .. } = reference;
    let sql = format!("SELECT count(*) FROM {table} WHERE {column} = $1 AND {active}");
    let (count,): (i64,) = tx.read(sqlx::AssertSqlSafe(sql)).bind(id).one().await?;
    Ok(count)
}

/// Names of records, deleted ones too, by id.
pub async fn labels(db: &Pool, resource: &Resource, ids: &[i64]) -> Result<Vec<(i64, String)>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<_> = ids.iter().map(i64::to_string).collect();
    let sql = format!("SELECT id, {} FROM {} WHERE id IN ({})", resource.label, resource.name, list.join(","));
    db.read(sqlx::AssertSqlSafe(sql)).all().await
}

/// The records one may choose from in a form, by name.
pub async fn choices(db: &Pool, resource: &Resource, at_most: i64) -> Result<Vec<(i64, String)>, DbError> {
    let sql = format!(
        "SELECT id, {0} FROM {1} WHERE deleted_at IS NULL ORDER BY {0}, id LIMIT $1",
        resource.label, resource.name
    );
    db.read(sqlx::AssertSqlSafe(sql)).bind(at_most).all().await
}
