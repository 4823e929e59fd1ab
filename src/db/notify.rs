//! PostgreSQL's `NOTIFY`, as a wake-up between the nodes that share one database. It has no payload: tables hold
//! what happened. With SQLite there is one node only, and nothing to notify.

use sqlx::postgres::PgListener;

use super::error::DbError;
use super::pool::Pool;

/// A subscription to a channel.
pub struct Listener(PgListener);

impl Pool {
    /// Wakes the other nodes. Does nothing on SQLite.
    pub async fn notify(&self, channel: &str) -> Result<(), DbError> {
        let Pool::Postgres { pool, .. } = self else { return Ok(()) };
        sqlx::query("SELECT pg_notify($1, '')").bind(channel).execute(pool).await?;
        Ok(())
    }

    /// Listens on a channel; `None` on SQLite.
    pub async fn listen(&self, channel: &str) -> Result<Option<Listener>, DbError> {
        let Pool::Postgres { pool, .. } = self else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(channel).await?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// Waits until somebody notifies. An error: the connection broke.
    pub async fn heard(&mut self) -> Result<(), DbError> {
        self.0.recv().await?;
        Ok(())
    }
}
