//! `Accounts`, the service that routes hold, and the state that its clones share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::account::Account;
use super::attempts::Attempts;
use super::audit::{self, Author, Deed};
use super::scopes::Scopes;
use crate::db::{Pool, Tx};
use crate::error::Result;
use crate::moment::Clock;

/// Who may sign in, and who is signed in. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

impl std::ops::Deref for Accounts {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of [`Accounts`] share.
pub struct Shared {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pub(super) limits: SessionLimits,
    pub(super) attempts: Attempts,
    pub(super) recent: Recent,
    /// Signalled whenever rights were reduced, so that open streams check theirs again.
    pub(super) endings: watch::Sender<()>,
}

/// A cache of the credentials recognised within the last second, so that a page and its assets query once.
/// What ends elsewhere ends here a second later at most; what ends here ends at once.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<Vec<u8>, Recognised>>);

type Recognised = (Instant, Account, Option<Scopes>);

const RECENT: Duration = Duration::from_secs(1);

impl Recent {
    pub(super) fn get(&self, hash: &[u8]) -> Option<(Account, Option<Scopes>)> {
        let mut recent = self.0.lock();
        recent.retain(|_, (at, ..)| at.elapsed() < RECENT);
        recent.get(hash).map(|(_, account, scopes)| (account.clone(), scopes.clone()))
    }

    pub(super) fn put(&self, hash: Vec<u8>, account: Account, scopes: Option<Scopes>) {
        let known = (Instant::now(), account, scopes);
        self.0.lock().insert(hash, known);
    }

    fn forget(&self) {
        self.0.lock().clear();
    }
}

/// How long sessions last, in days.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Days without a request after which a session ends.
    pub idle: i64,
    /// Days after which every session ends.
    pub absolute: i64,
}

impl Accounts {
    /// A service with an empty cache.
    pub fn new(db: Pool, clock: Clock, limits: SessionLimits) -> Accounts {
        let (attempts, recent, endings) = (Attempts::default(), Recent::default(), watch::Sender::new(()));
        Accounts(Arc::new(Shared { db, clock, limits, attempts, recent, endings }))
    }
}

impl Shared {
    /// Empties the cache of recognised credentials and makes open streams check their rights again.
    pub(super) fn look_again(&self) {
        self.recent.forget();
        self.endings.send_replace(());
    }

    /// Writes the line of a deed and ends the transaction.
    pub(super) async fn noted(&self, mut tx: Tx, by: &Author, deed: Deed<'_>) -> Result<()> {
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}
