//! SQLite's one writer, with group commit.
//!
//! `begin` takes the connection in turn (a first in, first out mutex). The first statement opens a savepoint, in the same
//! text, which saves a journey to SQLite's thread and back; so does releasing the savepoint before it. The first
//! transaction of a group needs none, for it is alone. `commit` hands the connection on and waits. A committer task
//! queues for the mutex like anyone else, so what waited before it gets into the group; then one `COMMIT`, that is one
//! fsync, answers every caller of the group. A failed statement rolls back its own savepoint only;
//! a failed commit fails every caller in it.

use std::sync::Arc;

use sqlx::{Connection, Executor, Postgres, SqlSafeStr, SqliteConnection};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, oneshot};

use super::error::{DbError, loses_transaction};
use super::query::Query;
use super::reserve::Reserve;
use super::stage::{Stage, Unfinished};

/// The writer. Cheap to clone; all clones share the one connection.
#[derive(Clone)]
pub struct Writer(Arc<Shared>);

struct Shared {
    group: Arc<Mutex<Group>>,
    finished: Notify,
}

/// The connection and the group of transactions that waits for the next commit.
struct Group {
    connection: Option<SqliteConnection>,
    stage: Stage,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
    /// Looked at when something fails: it may be that the disk is full.
    reserve: Arc<Reserve>,
}

/// A transaction. Dropped without [`Tx::commit`], it never happened.
pub enum Tx {
    /// Part of SQLite's present group of transactions.
    Sqlite(SqliteTx),
    /// A transaction of its own.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// The turn at the SQLite writer.
pub struct SqliteTx {
    group: OwnedMutexGuard<Group>,
    shared: Arc<Shared>,
}

impl Writer {
    /// Takes the connection over and starts the committer, which ends when the last clone is dropped.
    pub(super) fn start(connection: SqliteConnection, reserve: Arc<Reserve>) -> Writer {
        let group = Group { connection: Some(connection), stage: Stage::default(), waiting: Vec::new(), reserve };
        let shared = Arc::new(Shared { group: Arc::new(Mutex::new(group)), finished: Notify::new() });
        tokio::spawn(commit_groups(Arc::downgrade(&shared)));
        Writer(shared)
    }

    pub(super) async fn begin(&self) -> Result<Tx, DbError> {
        let mut group = self.0.group.clone().lock_owned().await;
        group.tidy().await?;
        group.connection()?;
        group.stage.fresh = true;
        Ok(Tx::Sqlite(SqliteTx { group, shared: self.0.clone() }))
    }

    pub(super) async fn close(&self) {
        let mut group = self.0.group.lock().await;
        group.commit().await;
        if let Some(connection) = group.connection.take() {
            connection.close().await.ok();
        }
    }
}

impl Drop for SqliteTx {
    // The committer also tidies up after a caller that went away, so that its locks do not linger.
    fn drop(&mut self) {
        self.shared.finished.notify_one();
    }
}

impl Tx {
    /// A statement of this transaction that changes something. It may return rows (`RETURNING`).
    pub fn write(&mut self, sql: impl SqlSafeStr) -> Query<'_> {
        match self {
            Tx::Sqlite(tx) => {
                let Group { connection, stage, .. } = &mut *tx.group;
                let connection = connection.as_mut().expect("`begin` refuses when the writer is closed");
                Query::on_sqlite(connection, stage, sql)
            }
            Tx::Postgres(tx) => Query::on_postgres(tx, sql),
        }
    }

    /// A statement of this transaction that only reads; it sees what the transaction wrote.
    pub fn read(&mut self, sql: impl SqlSafeStr) -> Query<'_> {
        self.write(sql)
    }

    /// Makes the transaction durable. `Ok` means it is on disk; any error means that none of it happened,
    /// or, when PostgreSQL's connection broke in the middle, that nobody knows.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => Ok(tx.commit().await?),
        }
    }
}

impl Tx {
    /// Undoes what the transaction wrote, and waits until what it read is on disk: on SQLite it sees the
    /// transactions before it in the same group, and a response based on them must not precede their commit.
    pub async fn abandon(self) -> Result<(), DbError> {
        match self {
            Tx::Sqlite(tx) => tx.abandon().await,
            Tx::Postgres(tx) => Ok(tx.rollback().await?),
        }
    }
}

impl SqliteTx {
    async fn abandon(mut self) -> Result<(), DbError> {
        match self.group.stage.unfinished {
            // It has seen nothing, or nobody was before it.
            Unfinished::Nothing | Unfinished::All => self.group.tidy().await,
            Unfinished::Savepoint => {
                self.group.tidy().await?;
                if !self.group.stage.open {
                    return Err(DbError::Unavailable("an earlier write of the same commit failed".into()));
                }
                self.commit().await
            }
        }
    }

    async fn commit(mut self) -> Result<(), DbError> {
        self.group.leave()?;
        let (sender, receiver) = oneshot::channel();
        self.group.waiting.push(sender);
        drop(self);
        match receiver.await {
            Ok(result) => result.map_err(DbError::Unavailable),
            Err(_) => Err(DbError::Unavailable("the database was closed".into())),
        }
    }
}

impl Group {
    fn connection(&mut self) -> Result<&mut SqliteConnection, DbError> {
        self.connection.as_mut().ok_or_else(|| DbError::Unavailable("the database is closed".into()))
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), DbError> {
        let result = self.connection()?.execute(sql).await;
        if let Err(error) = &result {
            self.stage.lost |= loses_transaction(error);
        }
        Ok(result.map(drop)?)
    }

    /// Undoes what a caller left behind, and a transaction that SQLite may have lost.
    async fn tidy(&mut self) -> Result<(), DbError> {
        let unfinished = std::mem::take(&mut self.stage.unfinished);
        self.stage.fresh = false;
        match unfinished {
            _ if self.stage.lost => self.give_up("an earlier write of the same commit failed").await,
            Unfinished::Nothing => {}
            Unfinished::All => {
                self.stage.open = false;
                self.run("ROLLBACK").await?;
            }
            Unfinished::Savepoint => self.run("ROLLBACK TO one; RELEASE one").await?,
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), DbError> {
        if self.stage.lost {
            return Err(DbError::Unavailable("an earlier statement of this transaction failed".into()));
        }
        self.stage.kept |= self.stage.unfinished == Unfinished::Savepoint;
        self.stage.unfinished = Unfinished::Nothing;
        Ok(())
    }

    /// One fsync for everybody who waits.
    async fn commit(&mut self) {
        self.tidy().await.ok();
        if !self.stage.open {
            // Whoever waits has sent no statement.
            return self.answer(Ok(()));
        }
        match self.run("COMMIT").await {
            Ok(()) => {
                self.stage = Stage::default();
                self.answer(Ok(()));
            }
            Err(error) => self.give_up(&error.to_string()).await,
        }
    }

    async fn give_up(&mut self, reason: &str) {
        tracing::error!(reason, "a group of writes was rolled back");
        self.reserve.look();
        // Fails when SQLite has rolled back by itself: that is what is wanted.
        if let Some(connection) = &mut self.connection {
            connection.execute("ROLLBACK").await.ok();
        }
        self.stage = Stage::default();
        self.answer(Err(reason.to_owned()));
    }

    fn answer(&mut self, result: Result<(), String>) {
        for caller in self.waiting.drain(..) {
            // A caller that went away has no use for the answer.
            caller.send(result.clone()).ok();
        }
    }
}

async fn commit_groups(shared: std::sync::Weak<Shared>) {
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let finished = strong.finished.notified();
        tokio::select! {
            () = finished => strong.group.lock().await.commit().await,
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
        }
    }
}
