//! The database: SQLite in one file, or PostgreSQL, behind one handle.
//!
//! `pool.read(sql)` reads. `pool.begin()`, `tx.write(sql)`, `tx.commit()` write, and a commit that
//! returned `Ok` is on disk. There is no other way in: stores never see a driver.

mod bulk;
mod notify;
mod open;
mod query;
mod state;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rocket_db_pools::Database;
use sqlx::{PgPool, SqlitePool};

pub use bulk::{Bulk, Column};
pub use notify::Listener;
pub use open::make_private_folder;
pub use query::{Param, Query, Record, Snapshot};
pub use state::{Disk, NotReady};
pub use writer::Tx;

/// A failure of the database, by what it means to the caller.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A unique index already holds the value.
    #[error("already there")]
    Duplicate,
    /// The statement took longer than the time it was given with [`Query::within`].
    #[error("took longer than it may")]
    OverBudget,
    /// The database is full, busy or gone: trying again later can help.
    #[error("the database cannot take this now: {0}")]
    Unavailable(String),
    /// Anything else: a fault of ours.
    #[error(transparent)]
    Other(sqlx::Error),
}

/// One of the two databases. Cheap to clone.
#[derive(Clone)]
pub enum Pool {
    /// `folder` is where the file is; `probe` lets one at a time ask whether the writer works.
    Sqlite {
        readers: SqlitePool,
        writer: writer::Writer,
        folder: Arc<Path>,
        probe: Arc<tokio::sync::Mutex<()>>,
    },
    Postgres(PgPool),
}

/// The request guard and fairing around [`Pool`], configured by `databases.frontdesk.url`.
#[derive(Database)]
#[database("frontdesk")]
pub struct Db(Pool);

impl Pool {
    /// Opens the database named by `url` (`sqlite:PATH` or `postgres://…`), creating the SQLite file
    /// if it is missing, and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Pool, OpenError> {
        open::open(url).await
    }

    /// A query that only reads. On SQLite it runs on a query-only connection.
    pub fn read(&self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        Query::on_pool(self, sql)
    }

    /// Starts a transaction. On SQLite this waits for its turn at the one writer.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        match self {
            Pool::Sqlite { writer, .. } => writer.begin().await,
            Pool::Postgres(pool) => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }

    /// A read-only view of one moment, for reads that take several statements. It never holds the writer.
    pub async fn snapshot(&self) -> Result<Snapshot, DbError> {
        query::snapshot(self).await
    }

    /// `"sqlite"` or `"postgres"`, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// Whether the words of a query are read by PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Pool::Postgres(_))
    }

    /// Waits for the last commit and closes every connection.
    pub async fn close(&self) {
        match self {
            Pool::Sqlite { readers, writer, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

#[rocket::async_trait]
impl rocket_db_pools::Pool for Pool {
    type Connection = Tx;
    type Error = rocket_db_pools::Error<OpenError, DbError>;

    async fn init(figment: &rocket::figment::Figment) -> Result<Self, Self::Error> {
        let url: String = figment.extract_inner("url")?;
        Pool::open(&url).await.map_err(rocket_db_pools::Error::Init)
    }

    async fn get(&self) -> Result<Tx, Self::Error> {
        self.begin().await.map_err(rocket_db_pools::Error::Get)
    }

    async fn close(&self) {
        Pool::close(self).await;
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database URL must begin with sqlite: or postgres://")]
    UnknownScheme,
    #[error("SQLite {found} is older than 3.51.3, which corrects a corruption of the write-ahead log")]
    SqliteTooOld { found: String },
    #[error("PostgreSQL {found} is older than 13")]
    PostgresTooOld { found: i64 },
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("cannot make the folder of the database: {0}")]
    Folder(std::io::Error),
}

/// Time that a query waits for a connection before it gives up.
const ACQUIRE: Duration = Duration::from_secs(5);

/// SQLite's primary result codes after which the whole transaction may be gone:
/// busy, out of memory, interrupted, I/O error, corrupt, full, cannot open.
const SQLITE_LOST: [i64; 7] = [5, 7, 9, 10, 11, 13, 14];
const SQLITE_INTERRUPT: i64 = 9;

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(inner) = &error {
            if inner.is_unique_violation() {
                return DbError::Duplicate;
            }
            match inner.code().as_deref() {
                // query_canceled: our own statement_timeout
                Some("57014") => return DbError::OverBudget,
                Some(code) => {
                    if is_unavailable(code) {
                        return DbError::Unavailable(inner.message().to_owned());
                    }
                    if primary(code) == Some(SQLITE_INTERRUPT) {
                        return DbError::OverBudget;
                    }
                }
                None => {}
            }
        }
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                DbError::Unavailable(error.to_string())
            }
            other => DbError::Other(other),
        }
    }
}

/// SQLite's extended code reduced to its primary one; PostgreSQL's five-letter codes give `None`.
fn primary(code: &str) -> Option<i64> {
    if code.len() == 5 {
        return None;
    }
    code.parse::<i64>().ok().map(|n| n & 0xff)
}

/// Codes of a database that is full, busy, read-only, or shutting down.
fn is_unavailable(code: &str) -> bool {
    match primary(code) {
        Some(n) => n != SQLITE_INTERRUPT && (SQLITE_LOST.contains(&n) || n == 8),
        // classes: connection, insufficient resources, operator intervention, system error; deadlock, serialization
        None => ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class)),
    }
}

/// Whether a failed statement may have taken the SQLite transaction with it.
fn loses_transaction(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(inner) => {
            inner.code().as_deref().and_then(primary).is_some_and(|n| SQLITE_LOST.contains(&n))
        }
        sqlx::Error::RowNotFound | sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } => false,
        _ => true,
    }
}
