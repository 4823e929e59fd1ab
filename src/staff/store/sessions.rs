//! Sessions, and the browsers that an account signed in from.

use super::users::{COLUMNS, UserRow};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;
use crate::staff::account::Account;

/// A session with its account.
#[derive(sqlx::FromRow)]
struct SessionRow {
    #[sqlx(flatten)]
    user: UserRow,
    session_id: i64,
    began_at: Moment,
    last_seen_at: Moment,
}

/// The account of a session, with when it began and was last seen.
pub async fn session(db: &Pool, token_hash: &[u8]) -> Result<Option<(Account, Moment, Moment)>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS}, s.id AS session_id, s.created_at AS began_at, s.last_seen_at \
         FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1"
    );
    let row: Option<SessionRow> = db.read(sqlx::AssertSqlSafe(sql)).bind(token_hash.to_vec()).optional().await?;
    Ok(row.map(|row| {
        let account = Account { session: Some(row.session_id), ..row.user.account().0 };
        (account, row.began_at, row.last_seen_at)
    }))
}

pub async fn insert_session(
    tx: &mut Tx,
    token_hash: &[u8],
    user: i64,
    browser: &str,
    now: Moment,
) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at, browser) VALUES ($1, $2, $3, $3, $4)",
    )
    .bind(token_hash.to_vec())
    .bind(user)
    .bind(now)
    .bind(browser)
    .execute()
    .await
    .map(drop)
}

pub async fn touch_session(tx: &mut Tx, token_hash: &[u8], now: Moment) -> Result<(), DbError> {
    tx.write("UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1")
        .bind(token_hash.to_vec())
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// Sessions of an account, the last used first: id, token hash, began, last seen, browser.
pub async fn sessions(db: &Pool, user: i64) -> Result<Vec<(i64, Vec<u8>, Moment, Moment, String)>, DbError> {
    db.read(
        "SELECT id, token_hash, created_at, last_seen_at, browser FROM sessions \
         WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC",
    )
    .bind(user)
    .all()
    .await
}

pub async fn delete_session(tx: &mut Tx, token_hash: &[u8]) -> Result<(), DbError> {
    tx.write("DELETE FROM sessions WHERE token_hash = $1").bind(token_hash.to_vec()).execute().await.map(drop)
}

/// Ends a session by its number; `user`: only if it is theirs. Returns whose it was.
pub async fn delete_session_by_id(tx: &mut Tx, id: i64, user: Option<i64>) -> Result<Option<i64>, DbError> {
    let row: Option<(i64,)> = tx
        .write("DELETE FROM sessions WHERE id = $1 AND (user_id = $2 OR $2 = 0) RETURNING user_id")
        .bind(id)
        .bind(user.unwrap_or(0))
        .optional()
        .await?;
    Ok(row.map(|(user,)| user))
}

/// Ends the sessions of an account, all but one perhaps. Returns how many.
pub async fn delete_sessions_of(tx: &mut Tx, user: i64, but: &[u8]) -> Result<u64, DbError> {
    tx.write("DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2")
        .bind(user)
        .bind(but.to_vec())
        .execute()
        .await
}

pub async fn delete_old_sessions(tx: &mut Tx, began_before: Moment, seen_before: Moment) -> Result<(), DbError> {
    tx.write("DELETE FROM sessions WHERE created_at < $1 OR last_seen_at < $2")
        .bind(began_before)
        .bind(seen_before)
        .execute()
        .await
        .map(drop)
}

pub async fn insert_known_browser(tx: &mut Tx, token_hash: &[u8], user: i64, now: Moment) -> Result<(), DbError> {
    tx.write("INSERT INTO known_browsers (token_hash, user_id, created_at) VALUES ($1, $2, $3)")
        .bind(token_hash.to_vec())
        .bind(user)
        .bind(now)
        .execute()
        .await
        .map(drop)
}

/// Whether the browser that carries this has signed in as the account before.
pub async fn knows_browser(db: &Pool, token_hash: &[u8], user: i64) -> Result<bool, DbError> {
    let (count,): (i64,) = db
        .read("SELECT count(*) FROM known_browsers WHERE token_hash = $1 AND user_id = $2")
        .bind(token_hash.to_vec())
        .bind(user)
        .one()
        .await?;
    Ok(count > 0)
}

pub async fn delete_old_browsers(tx: &mut Tx, before: Moment) -> Result<(), DbError> {
    tx.write("DELETE FROM known_browsers WHERE created_at < $1").bind(before).execute().await.map(drop)
}
