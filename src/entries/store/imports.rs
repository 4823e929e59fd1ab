//! Imports and the client ids of their rows.

use std::num::NonZeroI64;

use futures::TryStreamExt as _;

use crate::collections::CollectionId;
use crate::db::{DbError, Pool, Tx};
use crate::entries::entry::EntryId;
use crate::moment::Moment;

/// An import as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImportRow {
    pub id: i64,
    pub collection: String,
    pub file_name: String,
    pub upload: Option<String>,
    pub options: String,
    pub digest: Option<Vec<u8>>,
    pub rule: String,
    pub state: String,
    pub total: i64,
    pub handled: i64,
    pub report: String,
    pub user_id: Option<i64>,
    pub created_at: Moment,
    pub seen_at: Moment,
}

/// A file that waits to be imported, or is about to be.
pub struct NewImport<'n> {
    pub collection: &'n str,
    pub file_name: &'n str,
    pub upload: Option<&'n str>,
    pub options: &'n str,
    pub user: Option<i64>,
}

pub async fn insert_import(tx: &mut Tx, new: &NewImport<'_>, now: Moment) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO imports (collection, file_name, upload, options, rule, state, total, handled, report, user_id, created_at, seen_at) \
             VALUES ($1, $2, $3, $4, '', 'uploaded', 0, 0, '{}', $5, $6, $6) RETURNING id",
        )
        .bind(new.collection)
        .bind(new.file_name)
        .bind(new.upload)
        .bind(new.options)
        .bind(new.user)
        .bind(now)
        .one()
        .await?;
    Ok(id)
}

pub async fn find_import(db: &Pool, id: i64) -> Result<Option<ImportRow>, DbError> {
    db.read("SELECT * FROM imports WHERE id = $1").bind(id).optional().await
}

/// Imports into a collection of these states, the newest first.
pub async fn imports_of(db: &Pool, collection: &str, at_most: i64) -> Result<Vec<ImportRow>, DbError> {
    db.read(
        "SELECT * FROM imports WHERE collection = $1 AND state IN ('done', 'running', 'updating', 'failed') ORDER BY id DESC LIMIT $2",
    )
    .bind(collection)
    .bind(at_most)
    .all()
    .await
}

/// Imports of one file into a collection that were not cancelled, the newest first.
pub async fn imports_of_digest(db: &Pool, collection: &str, digest: &[u8]) -> Result<Vec<ImportRow>, DbError> {
    db.read(
        "SELECT * FROM imports WHERE collection = $1 AND state IN ('done', 'running', 'updating', 'failed') AND digest = $2 \
         ORDER BY id DESC LIMIT 20",
    )
    .bind(collection)
    .bind(digest.to_vec())
    .all()
    .await
}

/// How many imports into a collection are done.
pub async fn imports_done(db: &Pool, collection: &str) -> Result<i64, DbError> {
    let count = db.read("SELECT COUNT(*) FROM imports WHERE collection = $1 AND state = 'done'").bind(collection);
    let (count,): (i64,) = count.one().await?;
    Ok(count)
}

/// The newest imports.
pub async fn recent_imports(db: &Pool, at_most: i64) -> Result<Vec<ImportRow>, DbError> {
    db.read("SELECT * FROM imports ORDER BY id DESC LIMIT $1").bind(at_most).all().await
}

/// Keeps how an import is to be read.
pub async fn import_options(tx: &mut Tx, id: i64, options: &str) -> Result<(), DbError> {
    tx.write("UPDATE imports SET options = $2 WHERE id = $1").bind(id).bind(options).execute().await.map(drop)
}

/// Imports that nobody confirmed since a moment, and those that are over and still have their file.
pub async fn imports_with_old_files(db: &Pool, before: Moment) -> Result<Vec<ImportRow>, DbError> {
    db.read("SELECT * FROM imports WHERE upload IS NOT NULL AND (state IN ('done', 'cancelled') OR seen_at < $1)")
        .bind(before)
        .all()
        .await
}

/// Imports that were cancelled and may have left something behind.
pub async fn imports_being_cancelled(db: &Pool) -> Result<Vec<ImportRow>, DbError> {
    db.read("SELECT * FROM imports WHERE state = 'cancelling'").all().await
}

/// Begins an import, or goes on with one that broke off; if somebody else still runs it, every row is stored once all
/// the same. `false`: it is over.
pub async fn begin_import(
    tx: &mut Tx,
    id: i64,
    digest: &[u8],
    rule: &str,
    total: i64,
    now: Moment,
) -> Result<bool, DbError> {
    let begun = tx
        .write(
            "UPDATE imports SET state = 'running', digest = $2, rule = $3, total = $4, seen_at = $5 \
             WHERE id = $1 AND state IN ('uploaded', 'failed', 'running', 'updating')",
        )
        .bind(id)
        .bind(digest.to_vec())
        .bind(rule)
        .bind(total)
        .bind(now);
    Ok(begun.execute().await? == 1)
}

/// Says how far it is. `false`: it is not running any more, somebody cancelled it.
pub async fn note_import(tx: &mut Tx, id: i64, handled: i64, report: &str, now: Moment) -> Result<bool, DbError> {
    let noted = tx
        .write("UPDATE imports SET handled = $2, report = $3, seen_at = $4 WHERE id = $1 AND state = 'running'")
        .bind(id)
        .bind(handled)
        .bind(report)
        .bind(now);
    Ok(noted.execute().await? == 1)
}

/// Stores the final report of an import.
pub async fn finish_import(tx: &mut Tx, id: i64, handled: i64, report: &str) -> Result<(), DbError> {
    tx.write("UPDATE imports SET handled = $2, report = $3 WHERE id = $1")
        .bind(id)
        .bind(handled)
        .bind(report)
        .execute()
        .await
        .map(drop)
}

/// Puts an import into another state, if it is in one of these. `false`: it is not.
pub async fn move_import(tx: &mut Tx, id: i64, from: [&str; 3], to: &str, now: Moment) -> Result<bool, DbError> {
    let moved = tx
        .write("UPDATE imports SET state = $5, seen_at = $6 WHERE id = $1 AND state IN ($2, $3, $4)")
        .bind(id)
        .bind(from[0])
        .bind(from[1])
        .bind(from[2])
        .bind(to)
        .bind(now);
    Ok(moved.execute().await? == 1)
}

/// The upload of an import is gone.
pub async fn forget_upload(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    tx.write("UPDATE imports SET upload = NULL WHERE id = $1").bind(id).execute().await.map(drop)
}

/// A row of an earlier file: the digest of its content, and the entry that it is; none that is deleted or purged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EarlierRow {
    pub digest: i64,
    pub entry: Option<NonZeroI64>,
}

/// The rows of an import by their client ids, sorted. There may be millions: none is held twice.
pub async fn rows_of_import(
    db: &Pool,
    collection: CollectionId,
    import: &ImportRow,
) -> Result<Vec<EarlierRow>, DbError> {
    let mut rows = Vec::with_capacity(usize::try_from(import.total).unwrap_or(0));
    let mut snapshot = db.snapshot(None).await?;
    for prefix in ["import", "known"] {
        let mut found = snapshot
            .read(
                "SELECT u.digest, e.id FROM entry_uids u \
                 LEFT JOIN entries e ON e.id = u.entry_id AND e.deleted_at IS NULL \
                 WHERE u.collection_id = $1 AND u.uid >= $2 AND u.uid < $3",
            )
            .bind(collection)
            .bind(format!("{prefix}:{}:", import.id))
            .bind(format!("{prefix}:{};", import.id))
            .stream::<(i64, Option<i64>)>();
        while let Some((digest, entry)) = found.try_next().await? {
            rows.push(EarlierRow { digest, entry: entry.and_then(NonZeroI64::new) });
        }
    }
    rows.sort_unstable();
    Ok(rows)
}

/// Removes up to `limit` entries that an import stored, for good, with their client ids. `false`: there were none. Two may
/// do so at once: what the other one is removing is not gone before that is committed.
pub async fn remove_stored(tx: &mut Tx, collection: CollectionId, id: i64, limit: i64) -> Result<bool, DbError> {
    let found: Vec<(String, i64)> = tx
        .read("SELECT uid, entry_id FROM entry_uids WHERE collection_id = $1 AND uid >= $2 AND uid < $3 ORDER BY uid LIMIT $4")
        .bind(collection)
        .bind(format!("import:{id}:"))
        .bind(format!("import:{id};"))
        .bind(limit)
        .all()
        .await?;
    let Some((last, _)) = found.last() else { return Ok(false) };
    tx.write(
        "DELETE FROM entries WHERE id IN (SELECT entry_id FROM entry_uids WHERE collection_id = $1 AND uid >= $2 AND uid <= $3)",
    )
    .bind(collection)
    .bind(format!("import:{id}:"))
    .bind(last)
    .execute()
    .await?;
    tx.write("DELETE FROM entry_uids WHERE collection_id = $1 AND uid >= $2 AND uid <= $3")
        .bind(collection)
        .bind(format!("import:{id}:"))
        .bind(last)
        .execute()
        .await?;
    Ok(true)
}

/// Forgets which earlier entries an import found.
pub async fn forget_known(tx: &mut Tx, collection: CollectionId, id: i64) -> Result<(), DbError> {
    tx.write("DELETE FROM entry_uids WHERE collection_id = $1 AND uid >= $2 AND uid < $3")
        .bind(collection)
        .bind(format!("known:{id}:"))
        .bind(format!("known:{id};"))
        .execute()
        .await
        .map(drop)
}

/// An entry that is there under an id that an export names.
#[derive(sqlx::FromRow)]
pub struct PresentEntry {
    pub id: EntryId,
    pub received_at: Moment,
    pub deleted_at: Option<Moment>,
    pub data: String,
}

/// Those of `wanted` that are in a collection.
pub async fn present_entries(
    db: &Pool,
    collection: CollectionId,
    wanted: &[i64],
) -> Result<Vec<PresentEntry>, DbError> {
    let list = serde_json::to_string(wanted).unwrap_or_default();
    db.read(
        "SELECT e.id, e.received_at, e.deleted_at, e.data FROM json_each($2) AS wanted CROSS JOIN entries e \
         WHERE e.id = wanted.value AND e.collection_id = $1",
    )
    .postgres(
        "SELECT e.id, e.received_at, e.deleted_at, e.data FROM jsonb_array_elements(CAST($2 AS jsonb)) AS wanted(value) \
         JOIN entries e ON e.id = wanted.value::bigint AND e.collection_id = $1",
    )
    .bind(collection)
    .bind(list)
    .all()
    .await
}

/// Puts an entry back: with this data, and not deleted.
pub async fn restore_with(tx: &mut Tx, id: EntryId, data: &str) -> Result<(), DbError> {
    tx.write("UPDATE entries SET data = $2, deleted_at = NULL, version = version + 1 WHERE id = $1")
        .bind(id)
        .bind(data)
        .execute()
        .await
        .map(drop)
}
