//! All relays at work, in memory: every request asks for one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::check::OwnPlaces;
use super::live::{LiveRelay, RelayMemory};
use super::seal::Seal;
use super::store;
use super::stored::Relay;
use super::upload::Sending;
use crate::db::Pool;
use crate::error::{Error, Result};
use crate::moment::{Clock, Moment};
use crate::outgoing::Outgoing;
use crate::secrets::sha256;

/// All relays, as they were at most a second ago. Cheap to clone.
#[derive(Clone)]
pub struct Relays(Arc<Inner>);

struct Inner {
    db: Pool,
    clock: Clock,
    seal: Seal,
    via: String,
    outgoing: Outgoing<Sending>,
    own: OwnPlaces,
    limited: bool,
    loaded: RwLock<Option<Loaded>>,
    /// Raised by every change here: what was read before one is old.
    changes: AtomicU64,
    memories: Mutex<HashMap<i64, Arc<RelayMemory>>>,
}

#[derive(Clone)]
struct Loaded {
    at: Instant,
    /// The number of changes that it knows.
    changes: u64,
    all: All,
}

type All = Arc<HashMap<String, Arc<LiveRelay>>>;

/// A change that another process made counts after this time at the latest.
const FRESH: Duration = Duration::from_secs(1);

impl Relays {
    /// Nothing is read yet. `own`: where this server is reached; `limited`: rates count.
    pub fn new(db: Pool, clock: Clock, secret: &[u8; 32], own: OwnPlaces, limited: bool) -> Relays {
        let digest = sha256(&format!("via {secret:?}"));
        let via = format!("frontdesk-{}", digest[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        Relays(Arc::new(Inner {
            db,
            clock,
            seal: Seal::new(secret),
            via,
            outgoing: Outgoing::new(),
            own,
            limited,
            loaded: RwLock::default(),
            changes: AtomicU64::new(0),
            memories: Mutex::default(),
        }))
    }

    /// The relay of this name at work.
    pub async fn by_name(&self, name: &str) -> Result<Option<Arc<LiveRelay>>> {
        Ok(self.all().await?.get(name).cloned())
    }

    /// The relay of this name; without it 404.
    pub async fn get(&self, name: &str) -> Result<Arc<LiveRelay>> {
        let shown: String = name.chars().take(80).collect();
        let missing = || Error::NotFound(format!("There is no relay \"{shown}\".").into());
        self.by_name(name).await?.ok_or_else(missing)
    }

    /// Every relay by name.
    pub async fn list(&self) -> Result<Vec<Arc<LiveRelay>>> {
        let mut all: Vec<_> = self.all().await?.values().cloned().collect();
        all.sort_by(|a, b| a.relay.name.cmp(&b.relay.name));
        Ok(all)
    }

    /// What the time is.
    pub fn now(&self) -> Moment {
        self.0.clock.now()
    }

    /// Our name in `Via`.
    pub fn via(&self) -> &str {
        &self.0.via
    }

    pub(super) fn outgoing(&self) -> &Outgoing<Sending> {
        &self.0.outgoing
    }

    pub(super) fn db(&self) -> &Pool {
        &self.0.db
    }

    pub(super) fn own(&self) -> &OwnPlaces {
        &self.0.own
    }

    pub(super) fn seal(&self) -> &Seal {
        &self.0.seal
    }

    /// Forgets the copy: a change was made here.
    pub(super) fn forget(&self) {
        self.0.changes.fetch_add(1, Ordering::SeqCst);
    }

    async fn all(&self) -> Result<All> {
        let known = self.0.loaded.read().clone();
        let Some(known) = known else { return Box::pin(self.reload(None)).await };
        let is_fresh = known.at.elapsed() < FRESH && known.changes == self.0.changes.load(Ordering::SeqCst);
        if is_fresh {
            return Ok(known.all);
        }
        match Box::pin(self.reload(Some(&known.all))).await {
            Ok(all) => Ok(all),
            // Without the database requests go the way that is known.
            Err(error) => {
                tracing::warn!(?error, "relays could not be read; the last ones known are used");
                Ok(known.all)
            }
        }
    }

    async fn reload(&self, known: Option<&All>) -> Result<All> {
        let (at, changes) = (Instant::now(), self.0.changes.load(Ordering::SeqCst));
        let relays = store::all(&self.0.db).await?;
        self.0.memories.lock().retain(|id, _| relays.iter().any(|relay| relay.id == *id));
        let mut all = HashMap::new();
        for relay in relays {
            let same = known.and_then(|all| all.get(&relay.name));
            let same = same.filter(|live| live.relay.id == relay.id && live.relay.version == relay.version);
            match same.map_or_else(|| self.live(relay), |live| Ok(live.clone())) {
                Ok(live) => drop(all.insert(live.relay.name.clone(), live)),
                Err(error) => tracing::error!(?error, "a relay cannot be read and is left out"),
            }
        }
        let all = Arc::new(all);
        *self.0.loaded.write() = Some(Loaded { at, changes, all: all.clone() });
        Ok(all)
    }

    fn live(&self, relay: Relay) -> Result<Arc<LiveRelay>> {
        let definition = relay.parsed()?;
        let memory = self.0.memories.lock().entry(relay.id).or_default().clone();
        Ok(Arc::new(LiveRelay::new(relay, definition, memory, &self.0.seal, self.0.limited)))
    }
}
