//! All collections in memory: every `/add` asks for one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::checks::{Check, parse_checks};
use super::{Collection, CollectionId, CollectionName, WebOrigin, store};
use crate::db::Pool;
use crate::error::{Error, Result};
use crate::moment::Clock;

/// A collection with the origins that may send to it.
#[derive(Debug, Clone)]
pub struct CachedCollection {
    /// The collection itself.
    pub collection: Collection,
    /// Empty: every origin may.
    pub origins: Vec<String>,
    /// The checks of its fields, by path.
    pub checks: Vec<(String, Check)>,
}

/// All collections, as they were at most a second ago. Cheap to clone.
#[derive(Clone)]
pub struct Collections {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    loaded: Arc<RwLock<Option<Loaded>>>,
    refused: Arc<Mutex<HashMap<(CollectionId, String), i64>>>,
}

type Loaded = (Instant, Arc<All>);

#[derive(Default)]
struct All {
    by_name: HashMap<String, Arc<CachedCollection>>,
    by_key: HashMap<String, Arc<CachedCollection>>,
}

/// A change that another process made is seen after this time at the latest.
const FRESH: Duration = Duration::from_secs(1);
/// Origins that are remembered between two writes; strangers could make up any number.
const MAX_REFUSED: usize = 200;

impl Collections {
    /// Nothing is read yet.
    pub fn new(db: Pool, clock: Clock) -> Collections {
        Collections { db, clock, loaded: Arc::default(), refused: Arc::default() }
    }

    /// The collection of this name. One that was made just now by another process is found too.
    pub async fn by_name(&self, name: &str) -> Result<Option<Arc<CachedCollection>>> {
        if let Some(known) = self.all().await?.by_name.get(name) {
            return Ok(Some(known.clone()));
        }
        if CollectionName::parse(name).is_err() {
            return Ok(None);
        }
        Ok(Box::pin(self.reload()).await?.by_name.get(name).cloned())
    }

    /// The collection of this name; without it 404.
    pub async fn get(&self, name: &str) -> Result<Arc<CachedCollection>> {
        let shown = || name.chars().take(80).collect::<String>();
        let missing = || Error::NotFound(format!("There is no collection \"{}\".", shown()).into());
        self.by_name(name).await?.ok_or_else(missing)
    }

    /// The collection whose publishable key this is.
    pub async fn by_key(&self, key: &str) -> Result<Option<Arc<CachedCollection>>> {
        Ok(self.all().await?.by_key.get(key).cloned())
    }

    /// Every collection by name.
    pub async fn list(&self) -> Result<Vec<Arc<CachedCollection>>> {
        let mut all: Vec<_> = self.all().await?.by_name.values().cloned().collect();
        all.sort_by(|a, b| a.collection.name.cmp(&b.collection.name));
        Ok(all)
    }

    /// Notes that an origin was turned away, to be shown to staff. Written down by [`Collections::flush`].
    pub fn note_refused(&self, collection: CollectionId, origin: &str) {
        let mut refused = self.refused.lock();
        let key = (collection, origin.chars().take(200).collect());
        if refused.len() < MAX_REFUSED || refused.contains_key(&key) {
            *refused.entry(key).or_default() += 1;
        }
    }

    /// Writes down the refused origins.
    pub async fn flush(&self) -> Result<()> {
        let now = self.clock.now();
        let refused = std::mem::take(&mut *self.refused.lock());
        if refused.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for ((collection, origin), times) in refused {
            store::note_refused(&mut tx, collection, &origin, times, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets the copy: a change was made here.
    pub(super) fn changed(&self) {
        *self.loaded.write() = None;
    }

    async fn all(&self) -> Result<Arc<All>> {
        {
            let loaded = self.loaded.read();
            if let Some((at, all)) = &*loaded
                && at.elapsed() < FRESH
            {
                return Ok(all.clone());
            }
        }
        // Boxed: what happens once a second must not make the future of every request large.
        Box::pin(self.reload()).await
    }

    async fn reload(&self) -> Result<Arc<All>> {
        let mut origins: HashMap<CollectionId, Vec<String>> = HashMap::new();
        for (collection, origin) in store::allowed_origins(&self.db).await? {
            origins.entry(collection).or_default().push(origin);
        }
        let mut all = All::default();
        for collection in store::all(&self.db).await? {
            let origins = origins.remove(&collection.id).unwrap_or_default();
            let checks = parse_checks(&collection.checks)?;
            let known = Arc::new(CachedCollection { collection, origins, checks });
            all.by_key.insert(known.collection.publishable_key.clone(), known.clone());
            all.by_name.insert(known.collection.name.clone(), known);
        }
        let all = Arc::new(all);
        *self.loaded.write() = Some((Instant::now(), all.clone()));
        Ok(all)
    }
}

impl CachedCollection {
    /// Whether pages of this origin may send here.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.is_empty() || WebOrigin::parse(origin).is_ok_and(|o| self.origins.iter().any(|a| a == o.as_str()))
    }
}
