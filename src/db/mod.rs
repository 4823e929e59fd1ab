//! The database: SQLite in one file, or PostgreSQL, behind one handle.
//!
//! `pool.read(sql)` reads. `pool.begin()`, `tx.write(sql)`, `tx.commit()` write, and a commit that
//! returned `Ok` is on disk. There is no other way in: stores never see a driver.

mod bulk;
mod disk;
mod error;
mod notify;
mod open;
mod pool;
mod query;
mod readers;
mod reserve;
mod snapshot;
mod stage;
mod state;
mod writer;

use rocket_db_pools::Database;

use open::DEFAULT_CONNECTIONS;

pub use bulk::{Bulk, BulkColumn};
pub use disk::Disk;
pub use error::{DbError, OpenError};
pub use notify::Listener;
pub use open::make_private_folder;
pub use pool::Pool;
pub use query::{Param, Query, Record};
pub use snapshot::Snapshot;
pub use state::NotReady;
pub use writer::Tx;

/// The request guard and fairing around [`Pool`], configured by `databases.frontdesk.url`.
#[derive(Database)]
#[database("frontdesk")]
pub struct Db(Pool);

#[rocket::async_trait]
impl rocket_db_pools::Pool for Pool {
    type Connection = Tx;
    type Error = rocket_db_pools::Error<OpenError, DbError>;

    async fn init(figment: &rocket::figment::Figment) -> Result<Self, Self::Error> {
        let url: String = figment.extract_inner("url")?;
        let connections = figment.extract_inner("connections").unwrap_or(DEFAULT_CONNECTIONS);
        Pool::open_with(&url, connections).await.map_err(rocket_db_pools::Error::Init)
    }

    async fn get(&self) -> Result<Tx, Self::Error> {
        self.begin().await.map_err(rocket_db_pools::Error::Get)
    }

    async fn close(&self) {
        Pool::close(self).await;
    }
}
