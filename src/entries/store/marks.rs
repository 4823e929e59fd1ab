//! Changes of entries, one or all that match.

use futures::TryStreamExt as _;

use crate::collections::CollectionId;
use crate::db::{DbError, Query, Snapshot, Tx};
use crate::entries::entry::EntryId;
use crate::entries::sql::Filter;
use crate::moment::Moment;

/// Writes new data if the entry still has this version; false if it does not.
pub async fn update_data(tx: &mut Tx, id: EntryId, version: i64, data: &str) -> Result<bool, DbError> {
    let changed = tx
        .write("UPDATE entries SET data = $3, version = version + 1 WHERE id = $1 AND version = $2")
        .bind(id)
        .bind(version)
        .bind(data)
        .execute()
        .await?;
    Ok(changed == 1)
}

/// What staff do to many entries at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Delete,
    Restore,
    Spam,
    NotSpam,
}

impl Mark {
    /// For the audit trail.
    pub fn done(self) -> &'static str {
        match self {
            Mark::Delete => "deleted",
            Mark::Restore => "restored",
            Mark::Spam => "marked as spam",
            Mark::NotSpam => "marked as no spam",
        }
    }

    /// What is set, and which entries are left out because it would change nothing.
    fn sql(self, now: Moment) -> (String, &'static str) {
        match self {
            Mark::Delete => (format!("deleted_at = {}", now.0), "deleted_at IS NULL"),
            Mark::Restore => ("deleted_at = NULL".into(), "deleted_at IS NOT NULL"),
            Mark::Spam => (format!("flags = 'spam', flagged_at = {}", now.0), "flags IS NULL"),
            Mark::NotSpam => ("flags = NULL, flagged_at = NULL".into(), "flags IS NOT NULL"),
        }
    }
}

/// The ids of the entries of a filter that a mark would change.
pub async fn to_mark(snapshot: &mut Snapshot, filter: &Filter, mark: Mark) -> Result<Vec<i64>, DbError> {
    let (_, unless) = mark.sql(Moment(0));
    let mut sql = filter.sql.clone();
    sql.text = format!("SELECT e.id FROM entries e WHERE {} AND e.{unless} ORDER BY e.id", sql.text);
    ids(sql.query(|sql| snapshot.read(sql))).await
}

/// The ids of the entries that were marked at a moment.
pub async fn marked_at(snapshot: &mut Snapshot, mark: Mark, at: Moment) -> Result<Vec<i64>, DbError> {
    let column = if mark == Mark::Delete { "deleted_at" } else { "flagged_at" };
    let sql = format!("SELECT id FROM entries WHERE {column} = $1 ORDER BY id");
    ids(snapshot.read(sqlx::AssertSqlSafe(sql)).bind(at)).await
}

async fn ids(query: Query<'_>) -> Result<Vec<i64>, DbError> {
    query.stream::<(i64,)>().map_ok(|(id,)| id).try_collect().await
}

/// Marks these entries and returns how many changed.
pub async fn mark(tx: &mut Tx, ids: &[i64], mark: Mark, now: Moment) -> Result<u64, DbError> {
    let (set, unless) = mark.sql(now);
    update(tx, ids, &set, unless).await
}

/// Takes back that these entries were marked at a moment; those that were marked again since stay so.
pub async fn unmark(tx: &mut Tx, ids: &[i64], mark: Mark, at: Moment) -> Result<u64, DbError> {
    let (column, opposite) =
        if mark == Mark::Delete { ("deleted_at", Mark::Restore) } else { ("flagged_at", Mark::NotSpam) };
    let (set, _) = opposite.sql(at);
    update(tx, ids, &set, &format!("{column} = {}", at.0)).await
}

async fn update(tx: &mut Tx, ids: &[i64], set: &str, only: &str) -> Result<u64, DbError> {
    let change = format!("UPDATE entries SET {set}, version = version + 1 WHERE {only} AND id IN");
    tx.write(sqlx::AssertSqlSafe(format!("{change} (SELECT value FROM json_each($1))")))
        .postgres(sqlx::AssertSqlSafe(format!(
            "{change} (SELECT value::bigint FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS list(value))"
        )))
        .bind(serde_json::to_string(ids).unwrap_or_default())
        .execute()
        .await
}

/// Removes up to `limit` entries of a collection for good: those received before `before`.
/// Their client ids stay, so that a late retry cannot bring them back.
pub async fn purge(tx: &mut Tx, collection: CollectionId, before: Moment, limit: i64) -> Result<u64, DbError> {
    tx.write("DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE collection_id = $1 AND received_at < $2 LIMIT $3)")
        .bind(collection)
        .bind(before)
        .bind(limit)
        .execute()
        .await
}

/// Forgets up to `limit` client ids of a collection: nothing of it is left that a retry could bring back.
pub async fn purge_uids(tx: &mut Tx, collection: CollectionId, limit: i64) -> Result<u64, DbError> {
    tx.write(
        "DELETE FROM entry_uids WHERE collection_id = $1 \
         AND uid IN (SELECT uid FROM entry_uids WHERE collection_id = $1 LIMIT $2)",
    )
    .bind(collection)
    .bind(limit)
    .execute()
    .await
}
