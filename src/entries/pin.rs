//! Pins: indexes on fields, and how a query finds its way along one.

use super::path_sql;
use super::scope::Scope;
use crate::collections::CollectionId;
use crate::filter::{Condition, Field, Group, Op, Operand, Query, Sql, Value, repeats};
use crate::json::Path;

/// The key of a pin's index: a text under which every value that can equal an operand is found.
/// Equal keys are candidates; the condition itself decides. `doc` is the column, with its alias.
fn pin_key(path: &Path, doc: &str, postgres: bool) -> String {
    if postgres {
        let p = path_sql::postgres(path);
        return format!(
            "(CASE jsonb_typeof({doc} #> {p}) WHEN 'string' THEN left({doc} #>> {p}, {KEY_LENGTH}) WHEN 'boolean' THEN {doc} #>> {p} \
             WHEN 'number' THEN left(trunc(({doc} #>> {p})::numeric)::text, {KEY_LENGTH}) WHEN 'array' THEN {ARRAY_KEY} END)"
        );
    }
    let p = path_sql::sqlite(path, doc);
    format!(
        "(CASE json_type({doc}, {p}) WHEN 'text' THEN substr({doc} ->> {p}, 1, {KEY_LENGTH}) WHEN 'true' THEN 'true' \
         WHEN 'false' THEN 'false' WHEN 'integer' THEN CAST(CAST({doc} ->> {p} AS INTEGER) AS TEXT) \
         WHEN 'real' THEN CAST(CAST({doc} ->> {p} AS INTEGER) AS TEXT) WHEN 'array' THEN {ARRAY_KEY} END)"
    )
}

const KEY_LENGTH: usize = 100;
const ARRAY_KEY: &str = "'[array]'";
/// More collections than this and sorting is as good.
const MAX_WALKS: usize = 200;
/// More arms than this and a scan is as good.
const MAX_ARMS: usize = 12;

/// The ways to walk the entries of a query, one or several together.
pub(super) struct Walks {
    pub walks: Vec<Walk>,
    /// Parameters whose conditions hold for whatever a walk that decides finds.
    pub decided: Vec<usize>,
    /// The first field compared for equality without an index.
    pub unpinned: Option<Path>,
}

/// A stretch of an index.
pub(super) struct Walk {
    /// What the index is asked for, as ` AND …`; empty if none helps.
    pub along: String,
    /// Whatever is there has the value that is asked for: it need not be looked at again.
    pub decides: bool,
}

impl Walk {
    fn along(condition: String) -> Walk {
        Walk { along: condition, decides: false }
    }
}

/// Picks the condition that an index answers, and the keys to look under.
pub(super) fn walks(sql: &mut Sql, query: &Query, scope: &Scope<'_>) -> Walks {
    let [(collection, _)] = scope.collections else {
        return Walks { walks: one_by_one(scope), decided: Vec::new(), unpinned: first_unpinned(query, &[]) };
    };
    let pinned: Vec<_> = scope.pins.iter().filter(|(id, _)| id == collection).map(|(_, path)| path).collect();
    let all: Vec<&Condition> = query.conditions.iter().collect();
    for condition in query.conditions.iter().filter(|c| c.group == Group::And && matches!(c.op, Op::Eq | Op::In)) {
        let Field::Data(path) = &condition.field else { continue };
        let values: Vec<&Value> = repeats(&all, condition)
            .flat_map(|c| match &c.operand {
                Operand::One(value) => std::slice::from_ref(value),
                Operand::Many(values) => values.as_slice(),
                _ => &[],
            })
            .collect();
        let keys = keys(&values);
        if pinned.contains(&path) && keys.len() < MAX_ARMS {
            let column = pin_key(path, if sql.postgres { "e.doc" } else { "e.data" }, sql.postgres);
            // PostgreSQL wants every bound value to be used in a statement.
            let is_exact = !sql.postgres && values.iter().all(|value| is_exact(value));
            let mut walks: Vec<_> = keys
                .iter()
                .map(|key| Walk { along: format!(" AND {column} = {}", sql.text(key)), decides: is_exact })
                .collect();
            walks.push(Walk::along(format!(" AND {column} = {ARRAY_KEY}")));
            let decided = repeats(&all, condition).map(|c| c.param).collect();
            return Walks { walks, decided, unpinned: None };
        }
    }
    Walks { walks: vec![Walk::along(String::new())], decided: Vec::new(), unpinned: first_unpinned(query, &pinned) }
}

/// Whether the value's key is that of nothing else: of no number, and of no truth value that is not asked for.
fn is_exact(value: &Value) -> bool {
    let like_a_number = value.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let like_a_truth = matches!(value.text.as_str(), "true" | "false");
    value.number.is_none()
        && !like_a_number
        && like_a_truth == value.truth.is_some()
        && value.text.chars().count() < KEY_LENGTH
}

/// Each collection has its newest entries in one index, so many collections are as many walks.
fn one_by_one(scope: &Scope<'_>) -> Vec<Walk> {
    match scope.collections.len() {
        0 | MAX_WALKS.. => vec![Walk::along(String::new())],
        _ => {
            let ids = scope.collections.iter().map(|(id, _)| id.0);
            ids.map(|id| Walk::along(format!(" AND e.collection_id = {id}"))).collect()
        }
    }
}

fn first_unpinned(query: &Query, pinned: &[&Path]) -> Option<Path> {
    query.conditions.iter().find_map(|c| match &c.field {
        Field::Data(path) if c.group == Group::And && matches!(c.op, Op::Eq | Op::In) && !pinned.contains(&path) => {
            Some(path.clone())
        }
        _ => None,
    })
}

fn keys(values: &[&Value]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for value in values {
        keys.push(value.text.chars().take(KEY_LENGTH).collect());
        if let Some(number) = &value.number {
            let whole = number.split('.').next().unwrap_or("0");
            // SQLite's cast of a double to an integer stops at the ends of 64 bits.
            let clamped = whole.parse::<i64>().map_or_else(|_| saturated(whole), |n| n.to_string());
            keys.push(if whole == "-0" { "0".into() } else { clamped });
            keys.push(whole.chars().take(KEY_LENGTH).collect());
        }
    }
    keys.retain(|key| key != &ARRAY_KEY[1..ARRAY_KEY.len() - 1]);
    keys.sort();
    keys.dedup();
    keys
}

fn saturated(whole: &str) -> String {
    if whole.starts_with('-') { i64::MIN.to_string() } else { i64::MAX.to_string() }
}

/// The statement that makes the index of a pin.
pub fn create_pin(pin: i64, collection: CollectionId, path: &Path, postgres: bool) -> String {
    let (concurrently, tie) = if postgres { ("CONCURRENTLY ", ", id") } else { ("", "") };
    format!(
        "CREATE INDEX {concurrently}IF NOT EXISTS pin_{pin} ON entries ({}, received_at{tie}) WHERE collection_id = {}",
        pin_key(path, if postgres { "doc" } else { "data" }, postgres),
        collection.0
    )
}
