//! One SQL text for two drivers, with `$1` placeholders, which both bind by number.

use std::time::{Duration, Instant};

use futures::stream::{BoxStream, StreamExt};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments, Encode, Executor, FromRow, PgConnection, PgPool, Postgres, SqlSafeStr, SqlStr, Sqlite, SqliteConnection,
    SqlitePool, Type,
};

use super::error::{DbError, loses_transaction};

/// A value that can be bound on both databases.
pub trait Param<'t>: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres> + Send {}
impl<'t, T> Param<'t> for T where T: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres> + Send {}

/// A row that can be read from both databases; `#[derive(sqlx::FromRow)]` gives it.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// Where a query runs.
enum On<'c> {
    /// SQLite's readers.
    Readers(&'c SqlitePool),
    /// PostgreSQL's connections.
    Pool(&'c PgPool),
    Sqlite(&'c mut SqliteConnection, Option<&'c mut bool>),
    Postgres(&'c mut PgConnection),
}

enum Args {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

/// A query builder. Nothing is sent before one of these is awaited:
/// `execute`, `one`, `optional`, `all`.
pub struct Query<'c> {
    on: On<'c>,
    sql: SqlStr,
    args: Args,
    within: Option<Duration>,
    failed: Option<sqlx::error::BoxDynError>,
}

impl<'c> Query<'c> {
    pub(super) fn on_readers(readers: &'c SqlitePool, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Readers(readers), sql)
    }

    pub(super) fn on_pool(pool: &'c PgPool, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Pool(pool), sql)
    }

    /// `lost` is set when a failure may have ended the whole transaction.
    pub(super) fn on_sqlite(
        connection: &'c mut SqliteConnection,
        lost: Option<&'c mut bool>,
        sql: impl SqlSafeStr,
    ) -> Self {
        Query::new(On::Sqlite(connection, lost), sql)
    }

    pub(super) fn on_postgres(connection: &'c mut PgConnection, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Postgres(connection), sql)
    }

    fn new(on: On<'c>, sql: impl SqlSafeStr) -> Self {
        let args = match &on {
            On::Pool(_) | On::Postgres(_) => Args::Postgres(PgArguments::default()),
            _ => Args::Sqlite(SqliteArguments::default()),
        };
        Query { on, sql: sql.into_sql_str(), args, within: None, failed: None }
    }

    /// Replaces the SQL text on PostgreSQL, where it must differ.
    pub fn postgres(mut self, sql: impl SqlSafeStr) -> Self {
        if matches!(self.args, Args::Postgres(_)) {
            self.sql = sql.into_sql_str();
        }
        self
    }

    /// Binds the next `$n`.
    pub fn bind<'t>(mut self, value: impl Param<'t>) -> Self {
        let added = match &mut self.args {
            Args::Sqlite(args) => args.add(value),
            Args::Postgres(args) => args.add(value),
        };
        if let Err(error) = added {
            self.failed = Some(error);
        }
        self
    }

    /// Gives up after `time` with [`DbError::OverBudget`].
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Runs an insert and returns the id that SQLite gave to its last row.
    pub(super) async fn insert(self) -> Result<Option<i64>, DbError> {
        self.check()?;
        match (self.on, self.args) {
            (On::Sqlite(connection, lost), Args::Sqlite(args)) => {
                let done = connection.execute(sqlx::query_with(self.sql, args)).await;
                Ok(Some(noting(lost, done)?.last_insert_rowid()))
            }
            _ => unreachable!("only SQLite's bulk insert asks for it"),
        }
    }

    /// Runs the statement and returns the number of rows it changed.
    pub async fn execute(self) -> Result<u64, DbError> {
        self.check()?;
        match (self.on, self.args) {
            (On::Readers(readers), Args::Sqlite(args)) => {
                let done = readers.execute(sqlx::query_with(self.sql, args)).await?;
                Ok(done.rows_affected())
            }
            (On::Pool(pool), Args::Postgres(args)) => {
                Ok(pool.execute(sqlx::query_with(self.sql, args)).await?.rows_affected())
            }
            (On::Sqlite(connection, lost), Args::Sqlite(args)) => {
                let done = connection.execute(sqlx::query_with(self.sql, args)).await;
                Ok(noting(lost, done)?.rows_affected())
            }
            (On::Postgres(connection), Args::Postgres(args)) => {
                Ok(connection.execute(sqlx::query_with(self.sql, args)).await?.rows_affected())
            }
            _ => unreachable!("arguments are made for the connection in `new`"),
        }
    }

    /// All rows.
    pub async fn all<T: Record>(self) -> Result<Vec<T>, DbError> {
        self.check()?;
        match (self.on, self.args, self.within) {
            (On::Readers(readers), Args::Sqlite(args), None) => {
                Ok(sqlx::query_as_with(self.sql, args).fetch_all(readers).await?)
            }
            (On::Readers(readers), Args::Sqlite(args), Some(time)) => {
                let mut connection = readers.acquire().await?;
                set_deadline(&mut connection, time).await?;
                // If the caller goes away in the middle, the deadline must not stay behind for the next one.
                let mut connection = scopeguard::guard(connection, |mut connection| connection.close_on_drop());
                let rows = sqlx::query_as_with(self.sql, args).fetch_all(&mut **connection).await;
                let mut connection = scopeguard::ScopeGuard::into_inner(connection);
                connection.lock_handle().await?.remove_progress_handler();
                Ok(rows?)
            }
            (On::Pool(pool), Args::Postgres(args), None) => {
                Ok(sqlx::query_as_with(self.sql, args).fetch_all(pool).await?)
            }
            (On::Pool(pool), Args::Postgres(args), Some(time)) => {
                let mut tx = pool.begin().await?;
                let limit = format!("SET LOCAL statement_timeout = {}", time.as_millis());
                tx.execute(sqlx::AssertSqlSafe(limit)).await?;
                let rows = sqlx::query_as_with(self.sql, args).fetch_all(&mut *tx).await?;
                tx.commit().await?;
                Ok(rows)
            }
            (On::Sqlite(connection, lost), Args::Sqlite(args), _) => {
                Ok(noting(lost, sqlx::query_as_with(self.sql, args).fetch_all(connection).await)?)
            }
            (On::Postgres(connection), Args::Postgres(args), _) => {
                Ok(sqlx::query_as_with(self.sql, args).fetch_all(connection).await?)
            }
            _ => unreachable!("arguments are made for the connection in `new`"),
        }
    }

    /// The first row, if there is one.
    pub async fn optional<T: Record>(self) -> Result<Option<T>, DbError> {
        Ok(self.all().await?.into_iter().next())
    }

    /// The first row of a query that always has one.
    pub async fn one<T: Record>(self) -> Result<T, DbError> {
        self.optional().await?.ok_or(DbError::Other(sqlx::Error::RowNotFound))
    }

    /// The rows one by one, for results that must not be gathered. Only on a [`Snapshot`].
    pub fn stream<T: Record + 'c>(self) -> BoxStream<'c, Result<T, DbError>> {
        match (self.on, self.args) {
            (On::Sqlite(connection, _), Args::Sqlite(args)) => {
                sqlx::query_as_with(self.sql, args).fetch(connection).map(|row| row.map_err(DbError::from)).boxed()
            }
            (On::Postgres(connection), Args::Postgres(args)) => {
                sqlx::query_as_with(self.sql, args).fetch(connection).map(|row| row.map_err(DbError::from)).boxed()
            }
            _ => unreachable!("a stream is read from a snapshot"),
        }
    }

    fn check(&self) -> Result<(), DbError> {
        match &self.failed {
            Some(error) => Err(DbError::Other(sqlx::Error::Protocol(error.to_string()))),
            None => Ok(()),
        }
    }
}

fn noting<T>(lost: Option<&mut bool>, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
    if let (Some(lost), Err(error)) = (lost, &result) {
        *lost |= loses_transaction(error);
    }
    result
}

/// Virtual machine instructions between two looks at the clock: about 0.2 ms.
const OPS_BETWEEN_LOOKS: i32 = 20_000;

/// Interrupts whatever the connection runs once `time` has passed.
async fn set_deadline(connection: &mut SqliteConnection, time: Duration) -> Result<(), sqlx::Error> {
    let end = Instant::now() + time;
    connection.lock_handle().await?.set_progress_handler(OPS_BETWEEN_LOOKS, move || Instant::now() < end);
    Ok(())
}

/// A read-only transaction: every read sees the same moment. Ends when dropped.
pub enum Snapshot {
    /// On SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// On PostgreSQL, `REPEATABLE READ`.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Snapshot {
    pub(super) async fn of_readers(readers: &SqlitePool) -> Result<Snapshot, DbError> {
        Ok(Snapshot::Sqlite(readers.begin().await?))
    }

    pub(super) async fn of_pool(pool: &PgPool) -> Result<Snapshot, DbError> {
        let mut tx = pool.begin().await?;
        tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(Snapshot::Postgres(tx))
    }

    /// A query at the snapshot's moment.
    pub fn read(&mut self, sql: impl SqlSafeStr) -> Query<'_> {
        match self {
            Snapshot::Sqlite(tx) => Query::on_sqlite(tx, None, sql),
            Snapshot::Postgres(tx) => Query::on_postgres(tx, sql),
        }
    }
}
