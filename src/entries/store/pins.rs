//! Indexes of pinned fields.

use crate::collections::CollectionId;
use crate::db::{DbError, Pool, Tx};
use crate::entries::pin;
use crate::json::Path;
use crate::moment::Moment;

/// A field with an index of its own.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Pin {
    /// Primary key.
    pub id: i64,
    /// The collection whose entries are indexed.
    pub collection_id: CollectionId,
    /// Path of the indexed field.
    pub path: String,
    /// Created by the server, because filters on the field were slow.
    pub automatic: bool,
    /// When it was asked for.
    pub created_at: Moment,
    /// When its index was complete; `None`: it is being built.
    pub ready_at: Option<Moment>,
}

pub async fn pins(db: &Pool) -> Result<Vec<Pin>, DbError> {
    db.read("SELECT id, collection_id, path, automatic, created_at, ready_at FROM pins ORDER BY id").all().await
}

/// Notes that a field is to be pinned. A second pin of the same field is a duplicate.
pub async fn insert_pin(
    tx: &mut Tx,
    collection: CollectionId,
    path: &str,
    automatic: bool,
    now: Moment,
) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write("INSERT INTO pins (collection_id, path, automatic, created_at) VALUES ($1, $2, $3, $4) RETURNING id")
        .bind(collection)
        .bind(path)
        .bind(automatic)
        .bind(now)
        .one()
        .await?;
    Ok(id)
}

/// Builds the index of a pin and notes that it is ready. SQLite's writer is busy meanwhile; PostgreSQL builds concurrently.
pub async fn build_pin(db: &Pool, pin: &Pin, path: &Path, now: Moment) -> Result<(), DbError> {
    let create = pin::create_pin(pin.id, pin.collection_id, path, db.is_postgres());
    if db.is_postgres() {
        drop_broken(db, pin.id).await?;
        // On PostgreSQL `read` runs any single statement; a concurrent build must not be in a transaction.
        db.read(sqlx::AssertSqlSafe(create)).execute().await?;
        let mut tx = db.begin().await?;
        pin_is_ready(&mut tx, pin, now).await?;
        return tx.commit().await;
    }
    let mut tx = db.begin().await?;
    tx.write(sqlx::AssertSqlSafe(create)).execute().await?;
    pin_is_ready(&mut tx, pin, now).await?;
    tx.commit().await
}

/// A concurrent build that broke off leaves an index that PostgreSQL does not use.
async fn drop_broken(db: &Pool, pin: i64) -> Result<(), DbError> {
    let broken: Option<(bool,)> = db
        .read("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid")
        .bind(format!("pin_{pin}"))
        .optional()
        .await?;
    if broken.is_some() {
        db.read(sqlx::AssertSqlSafe(format!("DROP INDEX IF EXISTS pin_{pin}"))).execute().await?;
    }
    Ok(())
}

async fn pin_is_ready(tx: &mut Tx, pin: &Pin, now: Moment) -> Result<(), DbError> {
    tx.write("UPDATE pins SET ready_at = $2 WHERE id = $1").bind(pin.id).bind(now).execute().await.map(drop)
}

/// Removes a pin and its index.
pub async fn drop_pin(db: &Pool, pin: i64) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    tx.write("DELETE FROM pins WHERE id = $1").bind(pin).execute().await?;
    tx.write(sqlx::AssertSqlSafe(format!("DROP INDEX IF EXISTS pin_{pin}"))).execute().await?;
    tx.commit().await
}

/// Bytes of a pin's index.
pub async fn pin_size(db: &Pool, pin: i64) -> Result<i64, DbError> {
    let found: Option<(i64,)> = db
        .read("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = $1")
        .postgres("SELECT coalesce(pg_relation_size(to_regclass($1)), 0)")
        .bind(format!("pin_{pin}"))
        .optional()
        .await?;
    Ok(found.map_or(0, |(size,)| size))
}
