//! One SQL text for two drivers, with `$1` placeholders, which both bind by number.

use std::time::Duration;

use futures::TryStreamExt as _;
use futures::stream::{BoxStream, StreamExt};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteQueryResult, SqliteRow};
use sqlx::{
    Arguments, Either, Encode, Executor, FromRow, PgConnection, PgPool, Postgres, SqlSafeStr, SqlStr, Sqlite,
    SqliteConnection, Type,
};

use super::error::{DbError, loses_transaction};
use super::readers::{Lent, Readers};
use super::stage::Stage;

/// A value that can be bound on both databases.
pub trait Param<'t>: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres> + Send {}
impl<'t, T> Param<'t> for T where T: Encode<'t, Sqlite> + Type<Sqlite> + Encode<'t, Postgres> + Type<Postgres> + Send {}

/// A row that can be read from both databases; `#[derive(sqlx::FromRow)]` gives it.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// Where a query runs.
enum On<'c> {
    /// SQLite's readers.
    Readers(&'c Readers),
    /// One of them that is kept for more than one statement.
    Lent(&'c mut Lent),
    /// PostgreSQL's connections.
    Pool(&'c PgPool),
    /// SQLite's writer.
    Sqlite(&'c mut SqliteConnection, &'c mut Stage),
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
    pub(super) fn on_readers(readers: &'c Readers, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Readers(readers), sql)
    }

    pub(super) fn on_lent(lent: &'c mut Lent, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Lent(lent), sql)
    }

    pub(super) fn on_pool(pool: &'c PgPool, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Pool(pool), sql)
    }

    pub(super) fn on_sqlite(connection: &'c mut SqliteConnection, stage: &'c mut Stage, sql: impl SqlSafeStr) -> Self {
        Query::new(On::Sqlite(connection, stage), sql)
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

    /// Gives up after `time` with [`DbError::OverBudget`]. In a transaction of one's own only what [`Pool::snapshot`] was given holds.
    ///
    /// [`Pool::snapshot`]: super::Pool::snapshot
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    /// Runs an insert and returns the id that SQLite gave to its last row.
    pub(super) async fn insert(self) -> Result<Option<i64>, DbError> {
        self.check()?;
        match (self.on, self.args) {
            (On::Sqlite(connection, stage), Args::Sqlite(args)) => {
                Ok(Some(write(connection, stage, self.sql, args).await?.last_insert_rowid()))
            }
            _ => unreachable!("only SQLite's bulk insert asks for it"),
        }
    }

    /// Runs the statement and returns the number of rows it changed.
    pub async fn execute(self) -> Result<u64, DbError> {
        self.check()?;
        match (self.on, self.args) {
            (On::Readers(readers), Args::Sqlite(args)) => {
                let mut lent = readers.lend(self.within).await?;
                let done = lent.connection().execute(sqlx::query_with(self.sql, args)).await;
                lent.done(&done);
                Ok(done?.rows_affected())
            }
            (On::Pool(pool), Args::Postgres(args)) => {
                Ok(pool.execute(sqlx::query_with(self.sql, args)).await?.rows_affected())
            }
            (On::Sqlite(connection, stage), Args::Sqlite(args)) => {
                Ok(write(connection, stage, self.sql, args).await?.rows_affected())
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
            (On::Readers(readers), Args::Sqlite(args), within) => {
                let mut lent = readers.lend(within).await?;
                let rows = sqlx::query_as_with(self.sql, args).fetch_all(lent.connection()).await;
                lent.done(&rows);
                Ok(rows?)
            }
            (On::Lent(lent), Args::Sqlite(args), _) => {
                let rows = sqlx::query_as_with(self.sql, args).fetch_all(lent.connection()).await;
                lent.done(&rows);
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
            (On::Sqlite(connection, stage), Args::Sqlite(args), _) => {
                let sql = entered(stage, self.sql);
                Ok(noting(stage, sqlx::query_as_with(sql, args).fetch_all(connection).await)?)
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

    /// The rows one by one, for results that must not be gathered. Only in a snapshot.
    pub fn stream<T: Record + 'c>(self) -> BoxStream<'c, Result<T, DbError>> {
        match (self.on, self.args) {
            (On::Lent(lent), Args::Sqlite(args)) => {
                // Nobody says that it is done: dropping the connection makes sure of that.
                let rows = sqlx::query_as_with(self.sql, args).fetch(lent.connection());
                rows.map(|row| row.map_err(DbError::from)).boxed()
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

/// Runs a statement of a transaction on SQLite's writer. What comes back is that statement's, not that of what stands before it.
async fn write(
    connection: &mut SqliteConnection,
    stage: &mut Stage,
    sql: SqlStr,
    args: SqliteArguments,
) -> Result<SqliteQueryResult, sqlx::Error> {
    let sql = entered(stage, sql);
    let mut steps = connection.fetch_many(sqlx::query_with::<Sqlite, _>(sql, args));
    let mut last = SqliteQueryResult::default();
    while let Some(step) = noting(stage, steps.try_next().await)? {
        if let Either::Left(done) = step {
            last = done;
        }
    }
    Ok(last)
}

/// A statement with what opens its transaction before it, if that was not done yet: one journey to SQLite's thread for both.
fn entered(stage: &mut Stage, sql: SqlStr) -> SqlStr {
    match stage.enter() {
        "" => sql,
        opening => sqlx::AssertSqlSafe(format!("{opening}{}", sql.as_str())).into_sql_str(),
    }
}

fn noting<T>(stage: &mut Stage, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
    if let Err(error) = &result {
        stage.lost |= loses_transaction(error);
    }
    result
}
