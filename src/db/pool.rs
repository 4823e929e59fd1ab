//! The handle of the database.

use std::path::Path;
use std::sync::Arc;

use sqlx::{PgPool, SqlitePool};

use super::error::DbError;
use super::query::{Query, Snapshot};
use super::writer::{Tx, Writer};

/// One of the two databases. Cheap to clone.
#[derive(Clone)]
pub enum Pool {
    /// `folder` is where the file is; `probe` lets one at a time ask whether the writer works.
    Sqlite {
        /// Connections that only read.
        readers: SqlitePool,
        /// The one connection that writes.
        writer: Writer,
        /// Where the database file is.
        folder: Arc<Path>,
        /// Lets one request at a time ask whether the writer works.
        probe: Arc<tokio::sync::Mutex<()>>,
    },
    /// Connections to PostgreSQL.
    Postgres(PgPool),
}

impl Pool {
    /// A query that only reads. On SQLite it runs on a query-only connection.
    pub fn read(&self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        match self {
            Pool::Sqlite { readers, .. } => Query::on_readers(readers, sql),
            Pool::Postgres(pool) => Query::on_pool(pool, sql),
        }
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
        match self {
            Pool::Sqlite { readers, .. } => Snapshot::of_readers(readers).await,
            Pool::Postgres(pool) => Snapshot::of_pool(pool).await,
        }
    }

    /// `"sqlite"` or `"postgres"`, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres(_) => "postgres",
        }
    }

    /// Whether this is PostgreSQL, for SQL text that differs.
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
