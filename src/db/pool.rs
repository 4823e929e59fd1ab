//! The handle of the database.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use super::error::DbError;
use super::query::Query;
use super::readers::Readers;
use super::reserve::Reserve;
use super::snapshot::Snapshot;
use super::writer::{Tx, Writer};

/// One of the two databases. Cheap to clone.
#[derive(Clone)]
pub enum Pool {
    /// `folder` is where the file is; `probe` lets one at a time ask whether the writer works.
    Sqlite {
        /// Connections for short reads.
        readers: Readers,
        /// Those for long ones: they take none from the others.
        bulk: Readers,
        /// The one connection that writes.
        writer: Writer,
        /// The database file.
        file: Arc<Path>,
        /// Room on its disk.
        reserve: Arc<Reserve>,
        /// Lets one request at a time ask whether the writer works.
        probe: Arc<tokio::sync::Mutex<()>>,
    },
    /// PostgreSQL.
    Postgres {
        /// Connections for short reads and for what is written.
        pool: PgPool,
        /// Those for long reads.
        bulk: PgPool,
    },
}

impl Pool {
    /// A query that only reads. On SQLite it runs on a query-only connection.
    pub fn read(&self, sql: impl sqlx::SqlSafeStr) -> Query<'_> {
        match self {
            Pool::Sqlite { readers, .. } => Query::on_readers(readers, sql),
            Pool::Postgres { pool, .. } => Query::on_pool(pool, sql),
        }
    }

    /// Starts a transaction. On SQLite this waits for its turn at the one writer.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        match self {
            Pool::Sqlite { writer, .. } => writer.begin().await,
            Pool::Postgres { pool, .. } => Ok(Tx::Postgres(pool.begin().await?)),
        }
    }

    /// A read-only view of one moment, for long reads and for those that take several statements; each of them may take as
    /// long as `budget`. It never holds the writer, and nothing that [`Pool::read`] needs. On SQLite the write-ahead log keeps what
    /// was written since, so nobody holds one while a client is waited for.
    pub async fn snapshot(&self, budget: Option<Duration>) -> Result<Snapshot, DbError> {
        match self {
            Pool::Sqlite { bulk, .. } => Snapshot::of_readers(bulk, budget).await,
            Pool::Postgres { pool, bulk } => Snapshot::of_pool(bulk, pool, budget).await,
        }
    }

    /// `"sqlite"` or `"postgres"`, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Pool::Sqlite { .. } => "sqlite",
            Pool::Postgres { .. } => "postgres",
        }
    }

    /// Whether this is PostgreSQL, for SQL text that differs.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Pool::Postgres { .. })
    }

    /// Waits for the last commit and closes every connection.
    pub async fn close(&self) {
        match self {
            Pool::Sqlite { readers, bulk, writer, .. } => {
                tokio::join!(readers.close(), bulk.close());
                writer.close().await;
            }
            Pool::Postgres { pool, bulk } => {
                tokio::join!(pool.close(), bulk.close());
            }
        }
    }
}
