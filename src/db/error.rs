//! What can go wrong with a database, by what it means.

/// A failure of the database, by what it means to the caller.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A unique index already holds the value.
    #[error("already there")]
    Duplicate,
    /// The statement took longer than the time it was given with [`Query::within`].
    #[error("took longer than it may")]
    OverBudget,
    /// Everybody else reads: trying again later can help.
    #[error("all connections for reading are lent")]
    Crowded,
    /// The database is full, busy or gone: trying again later can help.
    #[error("the database cannot take this now: {0}")]
    Unavailable(String),
    /// Anything else: a fault of ours.
    #[error(transparent)]
    Other(sqlx::Error),
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names neither database.
    #[error("the database URL must begin with sqlite: or postgres://")]
    UnknownScheme,
    /// The SQLite that the program is linked with is too old.
    #[error("SQLite {found} is older than 3.51.3, which corrects a corruption of the write-ahead log")]
    SqliteTooOld {
        /// Its version.
        found: String,
    },
    /// The server is too old.
    #[error("PostgreSQL {found} is older than 13")]
    PostgresTooOld {
        /// Its `server_version_num`.
        found: i64,
    },
    /// The database refused the connection or a statement.
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    /// The migrations do not fit this database.
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The folder for SQLite's file cannot be created.
    #[error("cannot make the folder of the database: {0}")]
    Folder(std::io::Error),
}

/// SQLite's primary result codes after which the whole transaction may be gone:
/// busy, out of memory, interrupted, I/O error, corrupt, full, cannot open.
const SQLITE_LOST: [i64; 7] = [5, 7, 9, 10, 11, 13, 14];
const SQLITE_INTERRUPT: i64 = 9;

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(inner) = &error {
            if inner.is_unique_violation() {
                return DbError::Duplicate;
            }
            match inner.code().as_deref() {
                // query_canceled: our own statement_timeout
                Some("57014") => return DbError::OverBudget,
                Some(code) => {
                    if is_unavailable(code) {
                        return DbError::Unavailable(inner.message().to_owned());
                    }
                    if primary(code) == Some(SQLITE_INTERRUPT) {
                        return DbError::OverBudget;
                    }
                }
                None => {}
            }
        }
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                DbError::Unavailable(error.to_string())
            }
            other => DbError::Other(other),
        }
    }
}

/// SQLite's extended code reduced to its primary one; PostgreSQL's five-letter codes give `None`.
fn primary(code: &str) -> Option<i64> {
    if code.len() == 5 {
        return None;
    }
    code.parse::<i64>().ok().map(|n| n & 0xff)
}

/// Codes of a database that is full, busy, read-only, or shutting down.
fn is_unavailable(code: &str) -> bool {
    match primary(code) {
        Some(n) => n != SQLITE_INTERRUPT && (SQLITE_LOST.contains(&n) || n == 8),
        // classes: connection, insufficient resources, operator intervention, system error; deadlock, serialization
        None => ["08", "53", "57", "58", "40"].iter().any(|class| code.starts_with(class)),
    }
}

/// Whether a failed statement may have taken the SQLite transaction with it.
pub(super) fn loses_transaction(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(inner) => {
            inner.code().as_deref().and_then(primary).is_some_and(|n| SQLITE_LOST.contains(&n))
        }
        sqlx::Error::RowNotFound | sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnDecode { .. } => false,
        _ => true,
    }
}
