//! Accounts.

use crate::db::{DbError, Pool, Tx};
use crate::moment::Moment;
use crate::staff::account::{Account, Role};

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
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
    pub(super) fn account(self) -> (Account, String) {
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

pub(super) const COLUMNS: &str = "u.id AS user_id, u.email, u.name, u.role, u.password_hash, u.created_at AS user_created_at, \
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
