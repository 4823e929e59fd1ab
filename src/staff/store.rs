//! SQL of accounts, sessions and one-time links.

use super::{Account, Role};
use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;

#[derive(sqlx::FromRow)]
struct UserRow {
    id: i64,
    email: String,
    name: String,
    role: String,
    password_hash: String,
    created_at: Moment,
    disabled_at: Option<Moment>,
}

impl UserRow {
    fn account(self) -> (Account, String) {
        let role = Role::parse(&self.role).unwrap_or(Role::Viewer);
        let account = Account {
            id: self.id,
            email: self.email,
            name: self.name,
            role,
            created: self.created_at,
            disabled: self.disabled_at,
        };
        (account, self.password_hash)
    }
}

const COLUMNS: &str = "u.id, u.email, u.name, u.role, u.password_hash, u.created_at, u.disabled_at";

/// The account of an email with its password's hash.
pub async fn by_email(db: &Pool, email: &str) -> Result<Option<(Account, String)>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.email = $1");
    let row: Option<UserRow> = db.read(sqlx::AssertSqlSafe(sql)).bind(email).optional().await?;
    Ok(row.map(UserRow::account))
}

pub async fn all(db: &Pool) -> Result<Vec<Account>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM users u ORDER BY u.email");
    let rows: Vec<UserRow> = db.read(sqlx::AssertSqlSafe(sql)).all().await?;
    Ok(rows.into_iter().map(|row| row.account().0).collect())
}

pub async fn insert(tx: &mut Tx, email: &str, name: &str, role: Role, hash: &str, now: Moment) -> Result<i64, DbError> {
    let (id,): (i64,) = tx
        .write(
            "INSERT INTO users (email, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
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

pub async fn has_owner(db: &Pool) -> Result<bool, DbError> {
    let (count,): (i64,) =
        db.read("SELECT count(*) FROM users WHERE role = 'owner' AND disabled_at IS NULL").one().await?;
    Ok(count > 0)
}

/// The account of a session, with when it began and was last seen.
pub async fn session(db: &Pool, token_hash: &[u8]) -> Result<Option<(Account, Moment, Moment)>, DbError> {
    #[derive(sqlx::FromRow)]
    struct Row {
        #[sqlx(flatten)]
        user: UserRow,
        began_at: Moment,
        last_seen_at: Moment,
    }
    let sql = format!(
        "SELECT {COLUMNS}, s.created_at AS began_at, s.last_seen_at FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1"
    );
    let row: Option<Row> = db.read(sqlx::AssertSqlSafe(sql)).bind(token_hash.to_vec()).optional().await?;
    Ok(row.map(|row| (row.user.account().0, row.began_at, row.last_seen_at)))
}

pub async fn insert_session(tx: &mut Tx, token_hash: &[u8], user: i64, now: Moment) -> Result<(), DbError> {
    tx.write("INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at) VALUES ($1, $2, $3, $3)")
        .bind(token_hash.to_vec())
        .bind(user)
        .bind(now)
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

pub async fn delete_session(tx: &mut Tx, token_hash: &[u8]) -> Result<(), DbError> {
    tx.write("DELETE FROM sessions WHERE token_hash = $1").bind(token_hash.to_vec()).execute().await.map(drop)
}

pub async fn delete_old_sessions(tx: &mut Tx, began_before: Moment, seen_before: Moment) -> Result<(), DbError> {
    tx.write("DELETE FROM sessions WHERE created_at < $1 OR last_seen_at < $2")
        .bind(began_before)
        .bind(seen_before)
        .execute()
        .await
        .map(drop)
}

/// Makes a one-time link; an older one for the same purpose stops working.
pub async fn insert_link(tx: &mut Tx, token_hash: &[u8], purpose: &str, now: Moment) -> Result<(), DbError> {
    tx.write("DELETE FROM one_time_links WHERE purpose = $1").bind(purpose).execute().await?;
    tx.write("INSERT INTO one_time_links (token_hash, purpose, created_at) VALUES ($1, $2, $3)")
        .bind(token_hash.to_vec())
        .bind(purpose)
        .bind(now)
        .execute()
        .await
        .map(drop)
}

pub async fn link_is_open(db: &Pool, token_hash: &[u8], purpose: &str) -> Result<bool, DbError> {
    let (count,): (i64,) = db
        .read("SELECT count(*) FROM one_time_links WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL")
        .bind(token_hash.to_vec())
        .bind(purpose)
        .one()
        .await?;
    Ok(count > 0)
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
