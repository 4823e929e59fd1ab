//! API tokens.

use super::users::{COLUMNS, UserRow};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;
use crate::staff::account::Account;
use crate::staff::scopes::Scopes;
use crate::staff::session::Token;

/// An API token to be stored.
pub struct TokenRow<'a> {
    pub hash: &'a [u8],
    pub user: i64,
    pub name: &'a str,
    pub scopes: String,
    pub hint: &'a str,
    pub expires: Option<Moment>,
}

pub async fn insert_token(tx: &mut Tx, token: TokenRow<'_>, now: Moment) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO tokens (token_hash, user_id, name, scopes, hint, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        )
        .bind(token.hash.to_vec())
        .bind(token.user)
        .bind(token.name)
        .bind(token.scopes)
        .bind(token.hint)
        .bind(now)
        .bind(token.expires)
        .one()
        .await?;
    Ok(id)
}

/// A token that works, with its account.
#[derive(sqlx::FromRow)]
struct BearerRow {
    #[sqlx(flatten)]
    user: UserRow,
    token_id: i64,
    scopes: String,
    last_used_at: Option<Moment>,
}

/// The account of a token that is neither revoked nor over, its scopes as stored, and when it was last used.
pub async fn token(db: &Pool, hash: &[u8], now: Moment) -> Result<Option<(Account, String, Option<Moment>)>, DbError> {
    let sql = format!(
        "SELECT {COLUMNS}, t.id AS token_id, t.scopes, t.last_used_at \
         FROM tokens t JOIN users u ON u.id = t.user_id \
         WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)"
    );
    let row: Option<BearerRow> = db.read(sqlx::AssertSqlSafe(sql)).bind(hash.to_vec()).bind(now).optional().await?;
    Ok(row.map(|row| {
        let account = Account { token: Some(row.token_id), ..row.user.account().0 };
        (account, row.scopes, row.last_used_at)
    }))
}

/// Tokens that work, of one account or of all.
pub async fn tokens(db: &Pool, user: Option<i64>, now: Moment) -> Result<Vec<Token>, DbError> {
    type Row = (i64, String, String, String, String, Option<Moment>, Option<Moment>);
    let rows: Vec<Row> = db
        .read(
            "SELECT t.id, u.email, t.name, t.scopes, t.hint, t.expires_at, t.last_used_at \
             FROM tokens t JOIN users u ON u.id = t.user_id \
             WHERE t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $1) AND (t.user_id = $2 OR $2 = 0) \
             ORDER BY t.id",
        )
        .bind(now)
        .bind(user.unwrap_or(0))
        .all()
        .await?;
    let token = |(id, email, name, scopes, hint, expires, used): Row| Token {
        id,
        email,
        name,
        scopes: Scopes::from_stored(&scopes),
        hint,
        expires,
        used,
    };
    Ok(rows.into_iter().map(token).collect())
}

pub async fn touch_token(tx: &mut Tx, id: i64, now: Moment) -> Result<(), DbError> {
    tx.write("UPDATE tokens SET last_used_at = $2 WHERE id = $1").bind(id).bind(now).execute().await.map(drop)
}

/// Revokes a token; `user`: only if it is theirs. `None`: there is none, or it was revoked before.
pub async fn revoke_token(tx: &mut Tx, id: i64, user: Option<i64>, now: Moment) -> Result<Option<String>, DbError> {
    let row: Option<(String,)> = tx
        .write(
            "UPDATE tokens SET revoked_at = $3, version = version + 1 \
             WHERE id = $1 AND (user_id = $2 OR $2 = 0) AND revoked_at IS NULL RETURNING name",
        )
        .bind(id)
        .bind(user.unwrap_or(0))
        .bind(now)
        .optional()
        .await?;
    Ok(row.map(|(name,)| name))
}

/// The tokens of an account stop working.
pub async fn revoke_tokens_of(tx: &mut Tx, user: i64, now: Moment) -> Result<u64, DbError> {
    tx.write("UPDATE tokens SET revoked_at = $2, version = version + 1 WHERE user_id = $1 AND revoked_at IS NULL")
        .bind(user)
        .bind(now)
        .execute()
        .await
}
