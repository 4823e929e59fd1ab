//! SQL of collections, their origins and their field registry.

use super::{Collection, CollectionId, RegisteredField};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

const COLUMNS: &str = "id, name, title, publishable_key, kind, open, public_read, retention_days, daily_quota, checks, states, version, created_at, deleted_at";

pub async fn all(db: &Pool) -> Result<Vec<Collection>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM collections WHERE deleted_at IS NULL ORDER BY name")))
        .all()
        .await
}

/// The number of a collection, deleted or not.
pub async fn id_of(db: &Pool, name: &str) -> Result<Option<CollectionId>, DbError> {
    let found: Option<(CollectionId,)> =
        db.read("SELECT id FROM collections WHERE name = $1").bind(name).optional().await?;
    Ok(found.map(|(id,)| id))
}

/// Collections that are deleted and can be restored.
pub async fn deleted(db: &Pool) -> Result<Vec<Collection>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM collections WHERE deleted_at IS NOT NULL ORDER BY name"
    )))
    .all()
    .await
}

/// Deletes a collection (`at` is when), or restores it (`None`). `false`: it was so already, or is of another version.
pub async fn set_deleted(
    tx: &mut Tx,
    id: CollectionId,
    version: Option<i64>,
    at: Option<Moment>,
) -> Result<bool, DbError> {
    let changed = tx
        .write(
            "UPDATE collections SET deleted_at = $3, version = version + 1 \
             WHERE id = $1 AND version = coalesce($2, version) AND (deleted_at IS NULL) = ($3 IS NOT NULL)",
        )
        .postgres(
            "UPDATE collections SET deleted_at = $3, version = version + 1 \
             WHERE id = $1 AND version = coalesce($2, version) AND (deleted_at IS NULL) = (CAST($3 AS BIGINT) IS NOT NULL)",
        )
        .bind(id)
        .bind(version)
        .bind(at);
    Ok(changed.execute().await? == 1)
}

/// Removes a collection for good, once its entries, client ids and pins are gone.
pub async fn remove(tx: &mut Tx, id: CollectionId, name: &str) -> Result<(), DbError> {
    for table in ["fields", "allowed_origins", "refused_origins", "column_choices", "pins"] {
        let sql = format!("DELETE FROM {table} WHERE collection_id = $1");
        tx.write(sqlx::AssertSqlSafe(sql)).bind(id).execute().await?;
    }
    tx.write("DELETE FROM imports WHERE collection = $1").bind(name).execute().await?;
    tx.write("DELETE FROM collections WHERE id = $1").bind(id).execute().await.map(drop)
}

/// The collection of this name, straight from the database.
pub async fn find(db: &Pool, name: &str) -> Result<Option<Collection>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM collections WHERE name = $1 AND deleted_at IS NULL")))
        .bind(name)
        .optional()
        .await
}

pub async fn insert(tx: &mut Tx, new: &Collection) -> Result<Collection, DbError> {
    tx.write(sqlx::AssertSqlSafe(format!(
        "INSERT INTO collections (name, title, publishable_key, kind, open, public_read, retention_days, daily_quota, checks, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING {COLUMNS}"
    )))
    .bind(&new.name)
    .bind(&new.title)
    .bind(&new.publishable_key)
    .bind(&new.kind)
    .bind(new.open)
    .bind(new.public_read)
    .bind(new.retention_days)
    .bind(new.daily_quota)
    .bind(&new.checks)
    .bind(new.created_at)
    .one()
    .await
}

/// Writes everything that may change; the name may not. `false`: it is no longer of this version.
pub async fn update(tx: &mut Tx, collection: &Collection) -> Result<bool, DbError> {
    let written = tx
        .write(
            "UPDATE collections SET title = $2, publishable_key = $3, open = $4, public_read = $5, \
         retention_days = $6, daily_quota = $7, checks = $8, states = $10, version = version + 1 WHERE id = $1 AND version = $9",
        )
        .bind(collection.id)
        .bind(&collection.title)
        .bind(&collection.publishable_key)
        .bind(collection.open)
        .bind(collection.public_read)
        .bind(collection.retention_days)
        .bind(collection.daily_quota)
        .bind(&collection.checks)
        .bind(collection.version)
        .bind(&collection.states)
        .execute()
        .await?;
    Ok(written == 1)
}

pub async fn allowed_origins(db: &Pool) -> Result<Vec<(CollectionId, String)>, DbError> {
    db.read("SELECT collection_id, origin FROM allowed_origins ORDER BY origin").all().await
}

/// Allows an origin; one that is allowed already stays so.
pub async fn allow_origin(tx: &mut Tx, collection: CollectionId, origin: &str, now: Moment) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO allowed_origins (collection_id, origin, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(collection)
    .bind(origin)
    .bind(now)
    .execute()
    .await?;
    tx.write("DELETE FROM refused_origins WHERE collection_id = $1 AND origin = $2")
        .bind(collection)
        .bind(origin)
        .execute()
        .await
        .map(drop)
}

/// `false`: it was not allowed.
pub async fn remove_origin(tx: &mut Tx, collection: CollectionId, origin: &str) -> Result<bool, DbError> {
    let removed =
        tx.write("DELETE FROM allowed_origins WHERE collection_id = $1 AND origin = $2").bind(collection).bind(origin);
    Ok(removed.execute().await? == 1)
}

/// An origin that was turned away.
#[derive(Debug, sqlx::FromRow)]
pub struct RefusedOrigin {
    /// The origin.
    pub origin: String,
    /// How many of its requests were refused.
    pub times: i64,
    /// When the last of them came.
    pub last_at: Moment,
}

pub async fn refused_origins(db: &Pool, collection: CollectionId) -> Result<Vec<RefusedOrigin>, DbError> {
    db.read(
        "SELECT origin, times, last_at FROM refused_origins WHERE collection_id = $1 ORDER BY last_at DESC LIMIT 50",
    )
    .bind(collection)
    .all()
    .await
}

pub async fn note_refused(
    tx: &mut Tx,
    collection: CollectionId,
    origin: &str,
    times: i64,
    now: Moment,
) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO refused_origins (collection_id, origin, times, last_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (collection_id, origin) DO UPDATE SET times = refused_origins.times + excluded.times, last_at = excluded.last_at",
    )
    .bind(collection)
    .bind(origin)
    .bind(times)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

/// The fields of a collection in the order in which they were first seen.
pub async fn fields(db: &Pool, collection: CollectionId) -> Result<Vec<RegisteredField>, DbError> {
    db.read("SELECT * FROM fields WHERE collection_id = $1 ORDER BY id").bind(collection).all().await
}

/// Makes sure that a path is in the registry, and returns its id.
pub async fn register_field(tx: &mut Tx, collection: CollectionId, path: &str, now: Moment) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO fields (collection_id, path, strings, numbers, bools, nulls, arrays, objects, first_at, last_at) \
             VALUES ($1, $2, 0, 0, 0, 0, 0, 0, $3, $3) \
             ON CONFLICT (collection_id, path) DO UPDATE SET last_at = excluded.last_at RETURNING id",
        )
        .bind(collection)
        .bind(path)
        .bind(now)
        .one()
        .await?;
    Ok(id)
}

/// In how many entries a field held each JSON type since the last time it was stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct FieldCounts {
    /// Strings.
    pub strings: i64,
    /// Numbers.
    pub numbers: i64,
    /// `true` and `false`.
    pub bools: i64,
    /// `null`.
    pub nulls: i64,
    /// Arrays.
    pub arrays: i64,
    /// Empty objects.
    pub objects: i64,
}

/// Adds to the counts of a field. `false`: it is not in the registry any more.
pub async fn count_fields(tx: &mut Tx, field: i64, counts: FieldCounts, now: Moment) -> Result<bool, DbError> {
    tx.write(
        "UPDATE fields SET strings = strings + $1, numbers = numbers + $2, bools = bools + $3, nulls = nulls + $4, \
             arrays = arrays + $5, objects = objects + $6, last_at = $7 WHERE id = $8",
    )
    .bind(counts.strings)
    .bind(counts.numbers)
    .bind(counts.bools)
    .bind(counts.nulls)
    .bind(counts.arrays)
    .bind(counts.objects)
    .bind(now)
    .bind(field)
    .execute()
    .await
    .map(|rows| rows == 1)
}

/// Takes a field out of the registry. `false`: it was not there.
pub async fn forget_field(tx: &mut Tx, collection: CollectionId, path: &str) -> Result<bool, DbError> {
    let gone = tx.write("DELETE FROM fields WHERE collection_id = $1 AND path = $2").bind(collection).bind(path);
    Ok(gone.execute().await? == 1)
}

/// Takes out fields that were last seen before a moment; those with an index of their own stay. Returns how many.
pub async fn forget_old_fields(tx: &mut Tx, collection: CollectionId, before: Moment) -> Result<u64, DbError> {
    tx.write(
        "DELETE FROM fields WHERE collection_id = $1 AND last_at < $2 \
         AND path NOT IN (SELECT path FROM pins WHERE collection_id = $1)",
    )
    .bind(collection)
    .bind(before)
    .execute()
    .await
}
