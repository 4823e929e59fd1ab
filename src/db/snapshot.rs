//! Reading several statements of one moment.

use std::time::Duration;

use sqlx::{Executor as _, PgPool, Postgres, SqlSafeStr};

use super::error::DbError;
use super::query::Query;
use super::readers::{Lent, Readers};

/// A read-only transaction: every read sees the same moment. Ends when dropped, and with it the statement that it is busy with.
pub enum Snapshot {
    /// On SQLite.
    Sqlite {
        /// Its connection.
        lent: Lent,
        /// What each statement may take.
        budget: Option<Duration>,
    },
    /// On PostgreSQL, `REPEATABLE READ`.
    Postgres(Held),
}

impl Snapshot {
    pub(super) async fn of_readers(readers: &Readers, budget: Option<Duration>) -> Result<Snapshot, DbError> {
        let mut lent = readers.lend(None).await?;
        lent.begin().await?;
        Ok(Snapshot::Sqlite { lent, budget })
    }

    /// On a connection of `bulk`; what ends its statement goes through `short`, which has one when `bulk` has none left.
    pub(super) async fn of_pool(bulk: &PgPool, short: &PgPool, budget: Option<Duration>) -> Result<Snapshot, DbError> {
        let mut tx = bulk.begin().await?;
        // Zero: no limit.
        let limit = budget.map_or(0, |budget| budget.as_millis());
        let settings =
            format!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {limit}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(&mut *tx).await?;
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *tx).await?;
        Ok(Snapshot::Postgres(Held { tx: Some(tx), pid, short: short.clone() }))
    }

    /// A query at the snapshot's moment.
    pub fn read(&mut self, sql: impl SqlSafeStr) -> Query<'_> {
        match self {
            Snapshot::Sqlite { lent, budget } => {
                lent.limit(*budget);
                Query::on_lent(lent, sql)
            }
            Snapshot::Postgres(held) => {
                Query::on_postgres(held.tx.as_mut().expect("it is taken only when this is dropped"), sql)
            }
        }
    }
}

/// A transaction on PostgreSQL whose statement does not outlive it.
pub struct Held {
    tx: Option<sqlx::Transaction<'static, Postgres>>,
    pid: i32,
    short: PgPool,
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(tx), Ok(runtime)) = (self.tx.take(), tokio::runtime::Handle::try_current()) else { return };
        let (pid, short) = (self.pid, self.short.clone());
        runtime.spawn(async move {
            // Of no effect when nothing runs. The connection is nobody else's until this is done.
            let asked = sqlx::query("SELECT pg_cancel_backend($1)").bind(pid);
            if let Err(error) = short.execute(asked).await {
                tracing::debug!(%error, "a statement that nobody waits for was not cancelled");
            }
            drop(tx);
        });
    }
}
