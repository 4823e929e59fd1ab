//! SQL of accounts, sessions, tokens and one-time links.

use super::{Account, Role, Scopes, Token};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

#[derive(sqlx::FromRow)]
struct UserRow {
    user_id: i64,
    email: String,
    name: String,
    role: String,
    password_hash: String,
    user_created_at: Moment,
    user_version: i64,
    disabled_at: Option<Moment>,
    deleted_at: Option<Moment>,
}

impl UserRow {
    fn account(self) -> (Account, String) {
        let role = Role::parse(&self.role).unwrap_or(Role::Viewer);
        let account = Account {
            id: self.user_id,
            email: self.email,
            name: self.name,
            role,
            created: self.user_created_at,
            version: self.user_version,
            disabled: self.disabled_at,
            deleted: self.deleted_at,
            invited: self.password_hash.is_empty(),
            token: None,
            session: None,
        };
        (account, self.password_hash)
    }
}

const COLUMNS: &str = "u.id AS user_id, u.email, u.name, u.role, u.password_hash, u.created_at AS user_created_at, \
     u.version AS user_version, u.disabled_at, u.deleted_at";

/// The account of an email with its password's hash, which is empty until one is chosen.
pub async fn by_email(db: &Pool, email: &str) -> Result<Option<(Account, String)>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.email = $1");
    let row: Option<UserRow> = db.read(sqlx::AssertSqlSafe(sql)).bind(email).optional().await?;
    Ok(row.map(UserRow::account))
}

pub async fn by_id(db: &Pool, id: i64) -> Result<Option<(Account, String)>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.id = $1");
    let row: Option<UserRow> = db.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(row.map(UserRow::account))
}

/// The account and its password's hash, held on PostgreSQL until the transaction ends.
pub async fn by_id_for_update(tx: &mut Tx, id: i64) -> Result<Option<(Account, String)>, DbError> {
    let lock = if matches!(tx, Tx::Postgres(_)) { " FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.id = $1{lock}");
    let row: Option<UserRow> = tx.read(sqlx::AssertSqlSafe(sql)).bind(id).optional().await?;
    Ok(row.map(UserRow::account))
}

/// Accounts that are not removed, by email.
pub async fn all(db: &Pool) -> Result<Vec<Account>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.deleted_at IS NULL ORDER BY u.email");
    let rows: Vec<UserRow> = db.read(sqlx::AssertSqlSafe(sql)).all().await?;
    Ok(rows.into_iter().map(|row| row.account().0).collect())
}

pub async fn insert(tx: &mut Tx, email: &str, name: &str, role: Role, hash: &str, now: Moment) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO users (email, name, role, password_hash, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) RETURNING id",
        )
        .bind(email)
        .bind(name)
        .bind(role.name())
        .bind(hash)
        .bind(now)
        .one()
        .await?;
    Ok(id)
}

/// Writes what may change of an account, and raises its version.
pub async fn update(tx: &mut Tx, account: &Account, now: Moment) -> Result<(), DbError> {
    tx.write(
        "UPDATE users SET email = $2, name = $3, role = $4, disabled_at = $5, deleted_at = $6, updated_at = $7, \
         version = version + 1 WHERE id = $1",
    )
    .bind(account.id)
    .bind(&account.email)
    .bind(&account.name)
    .bind(account.role.name())
    .bind(account.disabled)
    .bind(account.deleted)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

pub async fn set_password(tx: &mut Tx, id: i64, hash: &str, now: Moment) -> Result<(), DbError> {
    tx.write("UPDATE users SET password_hash = $2, updated_at = $3, version = version + 1 WHERE id = $1")
        .bind(id)
        .bind(hash)
        .bind(now)
        .execute()
        .await
        .map(drop)
}

pub async fn has_owner(db: &Pool) -> Result<bool, DbError> {
    let (count,): (i64,) = db
        .read("SELECT count(*) FROM users WHERE role = 'owner' AND disabled_at IS NULL AND deleted_at IS NULL")
        .one()
        .await?;
    Ok(count > 0)
}

/// Owners who can sign in; PostgreSQL holds them, so that two removals at once see each other.
pub async fn owners_for_update(tx: &mut Tx) -> Result<Vec<i64>, DbError> {
    let rows: Vec<(i64,)> = tx
        .read(
            "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL AND deleted_at IS NULL \
             AND password_hash <> '' ORDER BY id",
        )
        .postgres(
            "SELECT id FROM users WHERE role = 'owner' AND disabled_at IS NULL AND deleted_at IS NULL \
             AND password_hash <> '' ORDER BY id FOR UPDATE",
        )
        .all()
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

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
