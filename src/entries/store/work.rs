//! What staff do with single entries, and the changes that were made.

use crate::db::{DbError, Pool, Tx};
use crate::entries::entry::{EntryId, WorkRow};
use crate::moment::Moment;
use crate::staff::Author;

/// A change of an entry.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ChangeRow {
    pub id: i64,
    pub at: Moment,
    pub actor: String,
    /// `data`, `state`, `assignee`, `note`.
    pub what: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The changes of an entry, the newest first.
pub async fn changes(db: &Pool, entry: EntryId) -> Result<Vec<ChangeRow>, DbError> {
    db.read(
        "SELECT id, at, actor, what, before, after FROM entry_changes WHERE entry_id = $1 ORDER BY id DESC LIMIT 200",
    )
    .bind(entry)
    .all()
    .await
}

/// Writes a change down: what stood there, and what stands there now.
pub async fn note_change(
    tx: &mut Tx,
    by: &Author,
    entry: EntryId,
    what: &str,
    (before, after): (Option<&str>, Option<&str>),
    now: Moment,
) -> Result<(), DbError> {
    tx.write("INSERT INTO entry_changes (entry_id, at, user_id, actor, what, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(entry)
        .bind(now)
        .bind(by.user())
        .bind(by.name())
        .bind(what)
        .bind(before)
        .bind(after)
        .execute()
        .await
        .map(drop)
}

/// Writes how an entry is worked on, if it still has this version; false if it does not.
pub async fn update_work(tx: &mut Tx, id: EntryId, version: i64, work: &WorkRow) -> Result<bool, DbError> {
    let changed = tx
        .write(
            "UPDATE entries SET state = $3, assignee_id = $4, note = $5, version = version + 1 WHERE id = $1 AND version = $2",
        )
        .bind(id)
        .bind(version)
        .bind(&work.state)
        .bind(work.assignee)
        .bind(&work.note);
    Ok(changed.execute().await? == 1)
}

/// The number of an account by its email, if it may work on entries.
pub async fn assignee(db: &Pool, email: &str) -> Result<Option<i64>, DbError> {
    let found: Option<(i64,)> = db
        .read(
            "SELECT id FROM users WHERE email = $1 AND role <> 'viewer' AND disabled_at IS NULL AND deleted_at IS NULL",
        )
        .bind(email)
        .optional()
        .await?;
    Ok(found.map(|(id,)| id))
}

/// Emails of the accounts that may work on entries.
pub async fn assignees(db: &Pool) -> Result<Vec<(i64, String)>, DbError> {
    db.read(
        "SELECT id, email FROM users WHERE role <> 'viewer' AND disabled_at IS NULL AND deleted_at IS NULL ORDER BY email",
    )
    .all()
    .await
}

/// Whether anybody worked on an entry of these collections.
pub async fn any_worked(db: &Pool, collections: &[i64]) -> Result<bool, DbError> {
    let list = serde_json::to_string(collections).unwrap_or_default();
    let found: Option<(i64,)> = db
        .read(
            "SELECT e.id FROM entries e WHERE (e.state IS NOT NULL OR e.assignee_id IS NOT NULL OR e.note IS NOT NULL) \
             AND e.collection_id IN (SELECT value FROM json_each($1)) LIMIT 1",
        )
        .postgres(
            "SELECT e.id FROM entries e WHERE (e.state IS NOT NULL OR e.assignee_id IS NOT NULL OR e.note IS NOT NULL) \
             AND e.collection_id IN (SELECT value::bigint FROM jsonb_array_elements_text(CAST($1 AS jsonb))) LIMIT 1",
        )
        .bind(list)
        .optional()
        .await?;
    Ok(found.is_some())
}
