//! Saved views, and the columns somebody chose.

use crate::collections::CollectionId;
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

/// A filter with a name.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SavedView {
    /// Primary key.
    pub id: i64,
    /// What staff called it.
    pub name: String,
    /// The query string that it stands for.
    pub query: String,
}

pub async fn saved_views(db: &Pool) -> Result<Vec<SavedView>, DbError> {
    db.read("SELECT id, name, query FROM saved_views ORDER BY name").all().await
}

/// Saves a view under a name; an old one of that name is replaced.
pub async fn save_view(tx: &mut Tx, name: &str, query: &str, by: Option<i64>, now: Moment) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO saved_views (name, query, created_by, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET query = excluded.query, created_by = excluded.created_by, created_at = excluded.created_at",
    )
    .bind(name)
    .bind(query)
    .bind(by)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

pub async fn remove_view(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    tx.write("DELETE FROM saved_views WHERE id = $1").bind(id).execute().await.map(drop)
}

/// The columns that a person chose for a collection.
pub async fn column_choice(db: &Pool, user: i64, collection: CollectionId) -> Result<Option<String>, DbError> {
    let found: Option<(String,)> = db
        .read("SELECT columns FROM column_choices WHERE user_id = $1 AND collection_id = $2")
        .bind(user)
        .bind(collection)
        .optional()
        .await?;
    Ok(found.map(|(columns,)| columns))
}

pub async fn choose_columns(tx: &mut Tx, user: i64, collection: CollectionId, columns: &str) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO column_choices (user_id, collection_id, columns) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, collection_id) DO UPDATE SET columns = excluded.columns",
    )
    .bind(user)
    .bind(collection)
    .bind(columns)
    .execute()
    .await
    .map(drop)
}
