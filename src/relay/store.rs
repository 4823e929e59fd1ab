//! SQL of relays and their editions.

use super::stored::{Edition, Relay};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

const COLUMNS: &str = "id, name, relay_key, definition, secrets, version, created_at, updated_at, deleted_at";

/// Editions that are kept of a relay.
const KEPT_EDITIONS: i64 = 100;

pub async fn all(db: &Pool) -> Result<Vec<Relay>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM relays WHERE deleted_at IS NULL ORDER BY name")))
        .all()
        .await
}

pub async fn deleted(db: &Pool) -> Result<Vec<Relay>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM relays WHERE deleted_at IS NOT NULL ORDER BY name")))
        .all()
        .await
}

/// Deleted or not.
pub async fn find(db: &Pool, name: &str) -> Result<Option<Relay>, DbError> {
    db.read(sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM relays WHERE name = $1"))).bind(name).optional().await
}

pub async fn insert(tx: &mut Tx, new: &Relay) -> Result<Relay, DbError> {
    tx.write(sqlx::AssertSqlSafe(format!(
        "INSERT INTO relays (name, relay_key, definition, secrets, version, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 1, $5, $5) RETURNING {COLUMNS}"
    )))
    .bind(&new.name)
    .bind(&new.relay_key)
    .bind(&new.definition)
    .bind(&new.secrets)
    .bind(new.created_at)
    .one()
    .await
}

/// Writes everything that may change. `false`: it is no longer of this version, or deleted.
pub async fn update(tx: &mut Tx, relay: &Relay, now: Moment) -> Result<bool, DbError> {
    let written = tx
        .write(
            "UPDATE relays SET relay_key = $2, definition = $3, secrets = $4, updated_at = $5, version = version + 1 \
             WHERE id = $1 AND version = $6 AND deleted_at IS NULL",
        )
        .bind(relay.id)
        .bind(&relay.relay_key)
        .bind(&relay.definition)
        .bind(&relay.secrets)
        .bind(now)
        .bind(relay.version);
    Ok(written.execute().await? == 1)
}

/// Deletes (`at` is when) or restores (`None`). `false`: it is no longer of this version.
pub async fn set_deleted(tx: &mut Tx, relay: &Relay, at: Option<Moment>) -> Result<bool, DbError> {
    let changed = tx
        .write("UPDATE relays SET deleted_at = $3, version = version + 1 WHERE id = $1 AND version = $2")
        .bind(relay.id)
        .bind(relay.version)
        .bind(at);
    Ok(changed.execute().await? == 1)
}

/// Stores a definition under its version, and forgets the oldest ones.
pub async fn note_edition(tx: &mut Tx, relay: i64, edition: &Edition) -> Result<(), DbError> {
    tx.write("INSERT INTO relay_editions (relay_id, version, definition, author, at) VALUES ($1, $2, $3, $4, $5)")
        .bind(relay)
        .bind(edition.version)
        .bind(&edition.definition)
        .bind(&edition.author)
        .bind(edition.at)
        .execute()
        .await?;
    tx.write("DELETE FROM relay_editions WHERE relay_id = $1 AND version <= $2")
        .bind(relay)
        .bind(edition.version - KEPT_EDITIONS)
        .execute()
        .await
        .map(drop)
}

/// The definitions that a relay had, the newest first.
pub async fn editions(db: &Pool, relay: i64) -> Result<Vec<Edition>, DbError> {
    db.read("SELECT version, definition, author, at FROM relay_editions WHERE relay_id = $1 ORDER BY version DESC")
        .bind(relay)
        .all()
        .await
}
