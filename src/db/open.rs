//! Opening: driver by URL, settings, version checks, migrations.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};

use super::bulk::MAX_ROWS;
use super::error::OpenError;
use super::pool::Pool;
use super::readers::Readers;
use super::reserve::Reserve;
use super::writer::Writer;

/// The first SQLite release without the WAL-reset corruption (sqlite.org/wal.html, "The WAL-reset bug").
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const OLDEST_POSTGRES: i64 = 130_000;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Time that a query waits for a connection before it gives up.
const ACQUIRE: Duration = Duration::from_secs(5);
/// The same for long reads: whoever waits is in the middle of one, or was told beforehand how long it may take.
const ACQUIRE_BULK: Duration = Duration::from_secs(60);
/// Connections to PostgreSQL if nobody says otherwise.
pub(super) const DEFAULT_CONNECTIONS: u32 = 16;
/// Long reads at once.
const BULK: u32 = 4;

/// What a database must have been brought through.
pub(super) fn migrations(pool: &Pool) -> &'static [Migration] {
    match pool {
        Pool::Sqlite { .. } => &SQLITE.migrations,
        Pool::Postgres { .. } => &POSTGRES.migrations,
    }
}

/// Readers are short; each is a thread with a page cache of its own, and more than the cores only take turns.
fn readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(2).clamp(4, 16)
}

impl Pool {
    /// Opens the database named by `url` (`sqlite:PATH` or `postgres://…`), creating the SQLite file
    /// if it is missing, and brings its schema up to date.
    pub async fn open(url: &str) -> Result<Pool, OpenError> {
        Pool::open_with(url, DEFAULT_CONNECTIONS).await
    }

    /// The same with so many connections to PostgreSQL for short reads and writes; it keeps at least two.
    pub async fn open_with(url: &str, connections: u32) -> Result<Pool, OpenError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => open_sqlite(url).await,
            Some("postgres" | "postgresql") => open_postgres(url, connections.max(2)).await,
            _ => Err(OpenError::UnknownScheme),
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Pool, OpenError> {
    let options = sqlite_options(url)?;
    let file: Arc<Path> = options.get_filename().into();
    make_folder(folder_of(&file), &file)?;
    let reserve = Arc::new(Reserve::in_folder(folder_of(&file)));
    let one = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    check_sqlite(&one).await?;
    SQLITE.run(&one).await?;
    let connection = one.acquire().await?.detach();
    let read_only = options.read_only(true).create_if_missing(false).pragma("query_only", "on");
    Ok(Pool::Sqlite {
        readers: Readers::new(read_only.clone(), readers(), ACQUIRE),
        bulk: Readers::new(read_only, BULK, ACQUIRE_BULK),
        writer: Writer::start(connection, reserve.clone()),
        file,
        reserve,
        probe: Arc::default(),
    })
}

/// Every setting here is a promise or a defence:
/// FULL makes a commit wait for the disk; mmap off turns an I/O error into an error instead of a signal.
fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, OpenError> {
    Ok(SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "off")
        .pragma("mmap_size", "0")
        .pragma("journal_size_limit", "67108864")
        .pragma("temp_store", "file")
        .statement_cache_capacity(4 * MAX_ROWS)
        .with_regexp())
}

pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn make_folder(folder: &Path, file: &Path) -> Result<(), OpenError> {
    make_private_folder(folder).map_err(OpenError::Folder)?;
    // Made here, for nobody else to read; what SQLite makes beside it gets the same mode.
    let made = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file);
    made.map(drop).map_err(OpenError::Folder)
}

/// A folder for its owner only, if it is not there yet.
pub fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

async fn check_sqlite(pool: &SqlitePool) -> Result<(), OpenError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    if version(&found) < OLDEST_SQLITE {
        return Err(OpenError::SqliteTooOld { found });
    }
    Ok(())
}

fn version(text: &str) -> (u32, u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

async fn open_postgres(url: &str, connections: u32) -> Result<Pool, OpenError> {
    let options = PgConnectOptions::from_str(url)?;
    let pool: PgPool = postgres_pool(connections, ACQUIRE).connect_with(options.clone()).await?;
    let found: i64 =
        sqlx::query_scalar("SELECT current_setting('server_version_num')::bigint").fetch_one(&pool).await?;
    if found < OLDEST_POSTGRES {
        return Err(OpenError::PostgresTooOld { found });
    }
    POSTGRES.run(&pool).await?;
    let bulk = postgres_pool(BULK, ACQUIRE_BULK).connect_lazy_with(options);
    Ok(Pool::Postgres { pool, bulk })
}

fn postgres_pool(most: u32, wait: Duration) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(most).acquire_timeout(wait).test_before_acquire(false)
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_SQLITE, version};

    #[test]
    fn versions_compare_as_numbers() {
        for (text, old) in [("3.51.2", true), ("3.9.99", true), ("3.51.3", false), ("3.60.0", false), ("4.0.0", false)]
        {
            assert_eq!(version(text) < OLDEST_SQLITE, old, "{text}");
        }
    }
}
