//! The health of the database: whether it is ready, its size, and the space on its disk.

use std::collections::HashSet;
use std::time::Duration;

use super::error::DbError;
use super::open;
use super::pool::Pool;
use crate::limits::DISK_RESERVE;

/// How long a turn at writing may be waited for.
const WRITER: Duration = Duration::from_secs(2);

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
        match self.disk() {
            Some(disk) if disk.read_only => return Err(NotReady::ReadOnly),
            Some(disk) if disk.free < DISK_RESERVE => return Err(NotReady::Full),
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
            Pool::Postgres(_) => None,
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
        let Pool::Sqlite { folder, .. } = self else { return None };
        let seen = rustix::fs::statvfs(&**folder).ok()?;
        // Some file systems do not say how large they are.
        let free = if seen.f_blocks == 0 { u64::MAX } else { seen.f_bavail.saturating_mul(seen.f_frsize) };
        Some(Disk { free, read_only: seen.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) })
    }
}

/// A disk as this process may use it.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Bytes.
    pub free: u64,
    /// Nothing can be written to it.
    pub read_only: bool,
}
