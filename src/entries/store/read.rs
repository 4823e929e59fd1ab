//! Pages, counts, facets.

use std::time::Duration;

use super::rows::{Batch, EntryRef, RECORD, row};
use crate::collections::CollectionId;
use crate::db::{DbError, Pool, Snapshot};
use crate::entries::entry::{Entry, EntryId};
use crate::entries::sql::{self, Filter};
use crate::filter::{OrderColumn, Sql, after, order_by};
use crate::json::Path;
use crate::moment::Moment;

/// Which stretch of a filter's entries is wanted.
pub struct Stretch<'a> {
    pub order: &'a [OrderColumn],
    /// Values of the last entry before the stretch, one per column of the order.
    pub after: Option<&'a [String]>,
    /// From the far end towards the near one.
    pub reversed: bool,
    pub limit: u32,
}

/// The statement that reads a stretch as one text, see [`Batch::iter`].
/// Each arm is a walk along an index that stops at the limit; the union is sorted once more.
pub fn statement(filter: &Filter, stretch: &Stretch<'_>) -> Sql {
    let mut sql = filter.sql.clone();
    let after = stretch.after.map_or(String::new(), |values| after(&mut sql, stretch.order, values, stretch.reversed));
    let by = order_by(stretch.order, stretch.reversed);
    let limit = stretch.limit;
    let arm = |what: &str, arm: &String| format!("SELECT {what} FROM entries e WHERE {arm}{after}{by} LIMIT {limit}");
    let inner = match filter.arms.as_slice() {
        [one] => arm(&format!("{} AS entry", row()), one),
        arms => {
            let arms: Vec<_> = arms.iter().map(|one| format!("SELECT * FROM ({}) AS arm", arm("e.*", one))).collect();
            format!("SELECT {} AS entry FROM ({}) AS e{by} LIMIT {limit}", row(), arms.join(" UNION ALL "))
        }
    };
    // Both databases aggregate in the order of a sorted subquery; `tests/it/grammar.rs` would see another one.
    sql.text = format!("SELECT coalesce(string_agg(entry, '{RECORD}'), '') FROM ({inner}) AS entries");
    sql
}

/// A stretch of the entries of a filter, in the order's direction of walking.
pub async fn page(db: &Pool, filter: &Filter, stretch: &Stretch<'_>, budget: Duration) -> Result<Batch, DbError> {
    let found: (String,) = statement(filter, stretch).query(|sql| db.read(sql)).within(budget).one().await?;
    Ok(Batch(found.0))
}

/// The database's plan for a stretch, line by line.
pub async fn explain(db: &Pool, filter: &Filter, stretch: &Stretch<'_>) -> Result<String, DbError> {
    let mut sql = statement(filter, stretch);
    if db.is_postgres() {
        sql.text = format!("EXPLAIN {}", sql.text);
        let lines: Vec<(String,)> = sql.query(|sql| db.read(sql)).all().await?;
        return Ok(lines.into_iter().map(|(line,)| line + "\n").collect());
    }
    sql.text = format!("EXPLAIN QUERY PLAN {}", sql.text);
    let lines: Vec<(i64, i64, i64, String)> = sql.query(|sql| db.read(sql)).all().await?;
    Ok(lines.into_iter().map(|(_, _, _, line)| line + "\n").collect())
}

/// The same from a snapshot, for exports.
pub async fn batch(snapshot: &mut Snapshot, filter: &Filter, stretch: &Stretch<'_>) -> Result<Batch, DbError> {
    let found: (String,) = statement(filter, stretch).query(|sql| snapshot.read(sql)).one().await?;
    Ok(Batch(found.0))
}

/// The statement that gives the ids of all entries of a filter, for orders that no index gives.
pub fn ids_in_order(filter: &Filter, order: &[OrderColumn], limit: Option<u32>) -> Sql {
    let mut sql = filter.sql.clone();
    let limit = limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
    sql.text = format!("SELECT e.id FROM entries e WHERE {}{}{limit}", sql.text, order_by(order, false));
    sql
}

/// Those of these ids that a filter still has, in their order.
pub async fn of_ids(snapshot: &mut Snapshot, filter: &Filter, ids: &[i64]) -> Result<Batch, DbError> {
    let mut sql = filter.sql.clone();
    let condition = std::mem::take(&mut sql.text);
    let list = sql.text(&serde_json::to_string(ids).unwrap_or_default());
    let inner = if sql.postgres {
        format!(
            "SELECT {} AS entry FROM jsonb_array_elements(CAST({list} AS jsonb)) WITH ORDINALITY AS wanted(value, place) \
             JOIN entries e ON e.id = wanted.value::bigint WHERE {condition} ORDER BY wanted.place",
            row()
        )
    } else {
        format!(
            "SELECT {} AS entry FROM json_each({list}) AS wanted CROSS JOIN entries e \
             WHERE e.id = wanted.value AND {condition} ORDER BY wanted.key",
            row()
        )
    };
    sql.text = format!("SELECT coalesce(string_agg(entry, '{RECORD}'), '') FROM ({inner}) AS entries");
    let found: (String,) = sql.query(|sql| snapshot.read(sql)).one().await?;
    Ok(Batch(found.0))
}

/// The id of the newest entry; 0 if there is none.
pub async fn newest(snapshot: &mut Snapshot) -> Result<EntryId, DbError> {
    let (id,): (EntryId,) = snapshot.read("SELECT coalesce(max(id), 0) FROM entries").one().await?;
    Ok(id)
}

/// How many entries a filter has, counting to `at_most`.
pub async fn count(db: &Pool, filter: &Filter, at_most: Option<u32>, budget: Duration) -> Result<i64, DbError> {
    let mut sql = filter.sql.clone();
    let arms: Vec<_> = filter.arms.iter().map(|arm| format!("SELECT e.id FROM entries e WHERE {arm}")).collect();
    // An entry is found under one key only, so nothing is counted twice.
    let limit = at_most.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
    sql.text = format!("SELECT count(*) FROM (SELECT id FROM ({}) AS arms{limit}) AS found", arms.join(" UNION ALL "));
    let (count,): (i64,) = sql.query(|sql| db.read(sql)).within(budget).one().await?;
    Ok(count)
}

/// A value of a facet.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FacetValue {
    pub value: String,
    /// The value is a text, not a number or a truth value.
    pub is_text: bool,
    pub times: i64,
}

pub async fn facet(db: &Pool, filter: &Filter, path: &Path, budget: Duration) -> Result<Vec<FacetValue>, DbError> {
    sql::facet(filter, path).query(|sql| db.read(sql)).within(budget).all().await
}

/// Entries per day: days since 1970 in a zone `offset` milliseconds ahead of UTC, and how many.
pub async fn per_day(
    db: &Pool,
    filter: &Filter,
    from: Moment,
    offset: i64,
    budget: Duration,
) -> Result<Vec<(i64, i64)>, DbError> {
    let mut sql = filter.sql.clone();
    sql.text = format!(
        "SELECT (e.received_at + {offset}) / 86400000 AS day, count(*) FROM entries e WHERE {} AND e.received_at >= {} GROUP BY 1 ORDER BY 1",
        sql.text, from.0
    );
    sql.query(|sql| db.read(sql)).within(budget).all().await
}

/// One entry, deleted or not.
pub async fn find(db: &Pool, id: EntryId) -> Result<Option<Entry>, DbError> {
    let sql = format!("SELECT {} FROM entries e WHERE e.id = $1", row());
    let found: Option<(String,)> = db.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(found.and_then(|(text,)| EntryRef::read(&text).map(EntryRef::to_entry)))
}

/// Other entries of the same browser session, newest first.
pub async fn of_session(db: &Pool, entry: &Entry, session: &str) -> Result<Batch, DbError> {
    let sql = format!(
        "SELECT coalesce(string_agg(entry, '{RECORD}'), '') FROM (SELECT {} AS entry FROM entries e WHERE e.session = $1 \
         AND e.collection_id = $2 AND e.id <> $3 AND e.deleted_at IS NULL ORDER BY e.id DESC LIMIT 20) AS entries",
        row()
    );
    let found: (String,) =
        db.read(sqlx::AssertSqlSafe(sql)).bind(session).bind(entry.collection).bind(entry.id).one().await?;
    Ok(Batch(found.0))
}

/// The collections of these entries.
pub async fn collections_of(db: &Pool, ids: &[i64]) -> Result<Vec<CollectionId>, DbError> {
    let list = serde_json::to_string(ids).unwrap_or_default();
    let found: Vec<(CollectionId,)> = db
        .read("SELECT DISTINCT e.collection_id FROM json_each($1) AS wanted CROSS JOIN entries e WHERE e.id = wanted.value")
        .postgres(
            "SELECT DISTINCT e.collection_id FROM jsonb_array_elements(CAST($1 AS jsonb)) AS wanted(value) \
             JOIN entries e ON e.id = wanted.value::bigint",
        )
        .bind(list)
        .all()
        .await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
