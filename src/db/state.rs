//! The health of the database: whether it is ready, its size, and the space on its disk.

use std::collections::HashSet;
use std::time::Duration;

use super::disk::{Disk, disk};
use super::error::DbError;
use super::open;
use super::pool::Pool;
use crate::limits::DISK_RESERVE;

/// How long a turn at writing may be waited for.
const WRITER: Duration = Duration::from_secs(2);

/// Bytes of a write-ahead log that are worth a warning.
const LONG_LOG: u64 = 128 * 1024 * 1024;

/// Why the database cannot be worked with, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The driver's words are for the log only.
    #[error("The database does not answer.")]
    Silent(#[source] DbError),
    /// It was replaced by an older one under the running program.
    #[error("The database lacks migration {0}. Start the program again to bring it up to date.")]
    Behind(i64),
    /// Less than [`crate::limits::DISK_RESERVE`] is free.
    #[error("The disk of the database is full.")]
    Full,
    /// A disk mounted to be read only, a standby of PostgreSQL, a writer that is stuck.
    #[error("The database takes no writes.")]
    ReadOnly,
}

impl Pool {
    /// Checks that the database answers, has every migration, accepts writes and, on SQLite, has free disk space.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let applied: Vec<(i64,)> =
            self.read("SELECT version FROM _sqlx_migrations WHERE success").all().await.map_err(NotReady::Silent)?;
        let applied: HashSet<i64> = applied.into_iter().map(|(version,)| version).collect();
        let wanted = open::migrations(self).iter().map(|migration| migration.version);
        if let Some(missing) = wanted.filter(|version| !applied.contains(version)).min() {
            return Err(NotReady::Behind(missing));
        }
        if self.is_scarce() {
            // It may have room again.
            self.keep_reserve().await;
        }
        match self.disk() {
            Some(disk) if disk.read_only => return Err(NotReady::ReadOnly),
            Some(disk) if disk.free < DISK_RESERVE || self.is_scarce() => return Err(NotReady::Full),
            _ => {}
        }
        match tokio::time::timeout(WRITER, self.takes_writes()).await {
            Ok(takes) => takes.map_err(NotReady::Silent)?.then_some(()).ok_or(NotReady::ReadOnly),
            Err(_) => Err(NotReady::ReadOnly),
        }
    }

    /// Takes a turn at writing, and writes nothing. However many strangers ask, only one of them waits in the line of
    /// those who write.
    async fn takes_writes(&self) -> Result<bool, DbError> {
        let _one_at_a_time = match self {
            Pool::Sqlite { probe, .. } => Some(probe.lock().await),
            Pool::Postgres { .. } => None,
        };
        let mut tx = self.begin().await?;
        let (read_only,): (String,) =
            tx.write("SELECT 'off'").postgres("SELECT current_setting('transaction_read_only')").one().await?;
        tx.abandon().await?;
        Ok(read_only == "off")
    }

    /// Bytes of the database, the write-ahead log not counted.
    pub async fn bytes(&self) -> Result<i64, DbError> {
        let (bytes,): (i64,) = self
            .read("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            .postgres("SELECT pg_database_size(current_database())")
            .one()
            .await?;
        Ok(bytes)
    }

    /// The disk under SQLite's file; `None` for PostgreSQL, and where the system does not tell.
    pub fn disk(&self) -> Option<Disk> {
        match self {
            Pool::Sqlite { file, .. } => disk(open::folder_of(file)),
            Pool::Postgres { .. } => None,
        }
    }

    /// Bytes of SQLite's write-ahead log; `None` for PostgreSQL.
    pub fn log_bytes(&self) -> Option<u64> {
        let Pool::Sqlite { file, .. } = self else { return None };
        let mut name = file.as_os_str().to_owned();
        name.push("-wal");
        // By its name, never by a descriptor: closing one would take SQLite's locks away (sqlite.org/howtocorrupt.html, 2.2).
        Some(std::fs::metadata(name).map_or(0, |log| log.len()))
    }

    /// The disk of the database is full: only what makes room, or tells somebody to, may still write.
    pub fn is_scarce(&self) -> bool {
        matches!(self, Pool::Sqlite { reserve, .. } if reserve.is_scarce())
    }

    /// Looks whether the disk has room, and keeps some of it back. To be called now and then.
    pub async fn keep_reserve(&self) {
        let Pool::Sqlite { reserve, .. } = self else { return };
        let reserve = reserve.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || reserve.look()).await {
            tracing::error!(%error, "the disk was not looked at");
        }
        if let Some(bytes) = self.log_bytes().filter(|bytes| *bytes > LONG_LOG) {
            tracing::warn!(bytes, "SQLite's write-ahead log is long: something has been reading for a long time");
        }
    }
}
