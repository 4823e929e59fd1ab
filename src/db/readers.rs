//! SQLite's readers: connections that only read, so many of them for each purpose.
//!
//! A statement is one journey to a connection's thread and back: its time budget is a number that the connection looks at while it
//! works, and no statement of its own. A caller that goes away ends its statement the same way, within a fraction of a
//! millisecond, and the connection is lent again once that has happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::DbError;

/// Virtual machine instructions between two looks at the clock: about 0.2 ms.
const OPS_BETWEEN_LOOKS: i32 = 20_000;
/// How long closing waits for what still reads.
const CLOSING: Duration = Duration::from_secs(5);

/// Connections that only read. Cheap to clone; all clones share them.
#[derive(Clone)]
pub struct Readers(Arc<Shared>);

struct Shared {
    options: SqliteConnectOptions,
    most: u32,
    /// First come, first served.
    turns: Arc<Semaphore>,
    /// How long one waits for a turn.
    patience: Duration,
    idle: Mutex<Vec<Reader>>,
}

struct Reader {
    connection: SqliteConnection,
    limit: Arc<Limit>,
}

/// Until when a connection may work.
struct Limit {
    since: Instant,
    /// Nanoseconds after `since`.
    end: AtomicU64,
}

impl Limit {
    const NEVER: u64 = u64::MAX;

    fn new() -> Arc<Limit> {
        Arc::new(Limit { since: Instant::now(), end: AtomicU64::new(Limit::NEVER) })
    }

    fn set(&self, budget: Option<Duration>) {
        let end = budget.map_or(Limit::NEVER, |budget| nanoseconds(self.since.elapsed() + budget));
        self.end.store(end, Ordering::Relaxed);
    }

    fn holds(&self) -> bool {
        nanoseconds(self.since.elapsed()) < self.end.load(Ordering::Relaxed)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
}

impl Readers {
    /// At most `most` connections; who finds none free waits for `patience`. None is opened before it is needed.
    pub(super) fn new(options: SqliteConnectOptions, most: u32, patience: Duration) -> Readers {
        let turns = Arc::new(Semaphore::new(most as usize));
        Readers(Arc::new(Shared { options, most, turns, patience, idle: Mutex::default() }))
    }

    /// Lends a connection, which gives up a statement after `budget`.
    pub(super) async fn lend(&self, budget: Option<Duration>) -> Result<Lent, DbError> {
        let turn = match self.0.turns.clone().try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => self.turn().await?,
        };
        let idle = self.0.idle.lock().pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.0.options).await?,
        };
        reader.limit.set(budget);
        Ok(Lent { reader: Some(reader), turn: Some(turn), home: self.0.clone(), is_busy: false, has_moment: false })
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, DbError> {
        match tokio::time::timeout(self.0.patience, self.0.turns.clone().acquire_owned()).await {
            Ok(turn) => turn.map_err(|_| DbError::Unavailable("the database was closed".into())),
            Err(_) => Err(DbError::Crowded),
        }
    }

    /// Waits for what still reads, and closes every connection.
    pub(super) async fn close(&self) {
        let all = tokio::time::timeout(CLOSING, self.0.turns.acquire_many(self.0.most)).await;
        self.0.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle.lock());
        for reader in idle {
            reader.connection.close().await.ok();
        }
    }
}

impl Reader {
    async fn open(options: &SqliteConnectOptions) -> Result<Reader, DbError> {
        let mut connection = options.connect().await?;
        let limit = Limit::new();
        let looks = limit.clone();
        connection.lock_handle().await?.set_progress_handler(OPS_BETWEEN_LOOKS, move || looks.holds());
        Ok(Reader { connection, limit })
    }
}

/// A connection for as long as somebody needs it. Dropped in the middle of a statement, it ends that.
pub struct Lent {
    reader: Option<Reader>,
    turn: Option<OwnedSemaphorePermit>,
    home: Arc<Shared>,
    /// A statement was begun, and nobody has said that it is done.
    is_busy: bool,
    /// A transaction was begun: all it reads is of one moment.
    has_moment: bool,
}

impl Lent {
    /// The connection, for one statement. [`Lent::done`] follows it.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.is_busy = true;
        &mut self.reader.as_mut().expect("it is taken only when this is dropped").connection
    }

    /// Until when the next statement may work.
    pub(super) fn limit(&self, budget: Option<Duration>) {
        if let Some(reader) = &self.reader {
            reader.limit.set(budget);
        }
    }

    /// The statement has ended, well or not.
    pub(super) fn done<T>(&mut self, result: &Result<T, sqlx::Error>) {
        // Whatever is no word of the database's own leaves a connection that nobody should be lent.
        self.is_busy = !matches!(result, Ok(_) | Err(sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. }));
    }

    /// Begins a transaction: from the first statement on, all is read of one moment.
    pub(super) async fn begin(&mut self) -> Result<(), DbError> {
        self.has_moment = true;
        let begun = self.connection().execute("BEGIN").await;
        self.done(&begun);
        Ok(begun.map(drop)?)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(mut reader), Some(turn)) = (self.reader.take(), self.turn.take()) else { return };
        if !self.is_busy && !self.has_moment {
            self.home.idle.lock().push(reader);
            return;
        }
        // What still runs ends at its next look.
        reader.limit.set(Some(Duration::ZERO));
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (home, has_moment) = (self.home.clone(), self.has_moment);
        runtime.spawn(async move {
            let is_free = reader.connection.ping().await;
            reader.limit.set(None);
            let is_free = match has_moment {
                true => is_free.and(reader.connection.execute("ROLLBACK").await.map(drop)),
                false => is_free,
            };
            if is_free.is_ok() && !home.turns.is_closed() {
                home.idle.lock().push(reader);
            }
            drop(turn);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts to a number that nobody waits for.
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    fn one_reader(folder: &tempfile::TempDir) -> Readers {
        let options = SqliteConnectOptions::new().filename(folder.path().join("r.db")).create_if_missing(true);
        Readers::new(options, 1, Duration::from_secs(20))
    }

    async fn answer(readers: &Readers) -> i64 {
        let mut lent = readers.lend(None).await.unwrap();
        let found = sqlx::query_scalar("SELECT 42").fetch_one(lent.connection()).await;
        lent.done(&found);
        found.unwrap()
    }

    #[tokio::test]
    async fn a_statement_ends_with_its_budget() {
        let folder = tempfile::tempdir().unwrap();
        let readers = one_reader(&folder);
        let mut lent = readers.lend(Some(Duration::from_millis(20))).await.unwrap();
        let found: Result<i64, _> = sqlx::query_scalar(ENDLESS).fetch_one(lent.connection()).await;
        lent.done(&found);
        assert!(matches!(DbError::from(found.unwrap_err()), DbError::OverBudget));
        drop(lent);
        assert_eq!(answer(&readers).await, 42);
    }

    #[tokio::test]
    async fn a_statement_ends_when_its_caller_goes_and_the_next_one_gets_the_connection() {
        let folder = tempfile::tempdir().unwrap();
        let readers = one_reader(&folder);
        for has_moment in [false, true] {
            let mut lent = readers.lend(None).await.unwrap();
            if has_moment {
                lent.begin().await.unwrap();
            }
            let endless = sqlx::query_scalar::<_, i64>(ENDLESS).fetch_one(lent.connection());
            tokio::time::timeout(Duration::from_millis(50), endless).await.expect_err("it never ends by itself");
            drop(lent);
            assert_eq!(answer(&readers).await, 42);
        }
        assert_eq!(readers.0.idle.lock().len(), 1, "one connection served all");
        readers.close().await;
        assert!(readers.lend(None).await.is_err());
    }
}
