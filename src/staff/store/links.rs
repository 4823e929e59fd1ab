//! One-time links: set-up and invitations.

use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

/// A one-time link to be made.
pub struct NewLink<'a> {
    pub token_hash: &'a [u8],
    pub purpose: &'a str,
    pub user: Option<i64>,
    pub expires: Option<Moment>,
}

/// Makes a one-time link; an older one for the same account and purpose stops working.
pub async fn insert_link(tx: &mut Tx, link: NewLink<'_>, now: Moment) -> Result<(), DbError> {
    tx.write("DELETE FROM one_time_links WHERE purpose = $1 AND COALESCE(user_id, 0) = $2")
        .bind(link.purpose)
        .bind(link.user.unwrap_or(0))
        .execute()
        .await?;
    tx.write(
        "INSERT INTO one_time_links (token_hash, purpose, created_at, user_id, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(link.token_hash.to_vec())
    .bind(link.purpose)
    .bind(now)
    .bind(link.user)
    .bind(link.expires)
    .execute()
    .await
    .map(drop)
}

/// Whether a link can still be used, and for which account it is.
pub async fn open_link(
    db: &Pool,
    token_hash: &[u8],
    purpose: &str,
    now: Moment,
) -> Result<Option<Option<i64>>, DbError> {
    let row: Option<(Option<i64>,)> = db
        .read(
            "SELECT user_id FROM one_time_links WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $3)",
        )
        .bind(token_hash.to_vec())
        .bind(purpose)
        .bind(now)
        .optional()
        .await?;
    Ok(row.map(|(user,)| user))
}

/// Uses a link up; false if it was used before.
pub async fn use_link(tx: &mut Tx, token_hash: &[u8], now: Moment) -> Result<bool, DbError> {
    let used = tx
        .write("UPDATE one_time_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL")
        .bind(token_hash.to_vec())
        .bind(now)
        .execute()
        .await?;
    Ok(used == 1)
}

/// The links of an account stop working.
pub async fn delete_links_of(tx: &mut Tx, user: i64) -> Result<(), DbError> {
    tx.write("DELETE FROM one_time_links WHERE user_id = $1").bind(user).execute().await.map(drop)
}
