//! The verbs of collections, and a copy of them in memory: every `/add` asks for one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use super::{Check, Collection, CollectionId, CollectionName, WebOrigin, store};
use crate::db::Pool;
use crate::error::{Error, Result};
use crate::moment::{DAY, Moment};
use crate::staff::{Author, Deed, audit};

/// A collection with the origins that may send to it.
#[derive(Debug, Clone)]
pub struct Known {
    pub collection: Collection,
    /// Empty: every origin may.
    pub origins: Vec<String>,
    pub checks: Vec<(String, Check)>,
}

/// All collections, as they were at most a second ago. Cheap to clone.
#[derive(Clone)]
pub struct Collections {
    db: Pool,
    loaded: Arc<RwLock<Option<Loaded>>>,
    refused: Arc<Mutex<HashMap<(CollectionId, String), i64>>>,
}

type Loaded = (Instant, Arc<All>);

#[derive(Default)]
struct All {
    by_name: HashMap<String, Arc<Known>>,
    by_key: HashMap<String, Arc<Known>>,
}

/// A change that another process made is seen after this time at the latest.
const FRESH: Duration = Duration::from_secs(1);
/// Origins that are remembered between two writes; strangers could make up any number.
const MAX_REFUSED: usize = 200;

impl Collections {
    pub fn new(db: Pool) -> Collections {
        Collections { db, loaded: Arc::default(), refused: Arc::default() }
    }

    /// The collection of this name. One that was made just now by another process is found too.
    pub async fn by_name(&self, name: &str) -> Result<Option<Arc<Known>>> {
        if let Some(known) = self.all().await?.by_name.get(name) {
            return Ok(Some(known.clone()));
        }
        if CollectionName::parse(name).is_err() {
            return Ok(None);
        }
        Ok(Box::pin(self.reload()).await?.by_name.get(name).cloned())
    }

    pub async fn by_key(&self, key: &str) -> Result<Option<Arc<Known>>> {
        Ok(self.all().await?.by_key.get(key).cloned())
    }

    /// Every collection by name.
    pub async fn list(&self) -> Result<Vec<Arc<Known>>> {
        let mut all: Vec<_> = self.all().await?.by_name.values().cloned().collect();
        all.sort_by(|a, b| a.collection.name.cmp(&b.collection.name));
        Ok(all)
    }

    /// Notes that an origin was turned away, to be shown to staff. Written down by [`Collections::flush`].
    pub fn note_refused(&self, collection: CollectionId, origin: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (collection, origin.chars().take(200).collect());
        if refused.len() < MAX_REFUSED || refused.contains_key(&key) {
            *refused.entry(key).or_default() += 1;
        }
    }

    /// Writes down the refused origins.
    pub async fn flush(&self, now: Moment) -> Result<()> {
        let refused = std::mem::take(&mut *self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
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
    pub fn changed(&self) {
        *self.loaded.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    async fn all(&self) -> Result<Arc<All>> {
        {
            let loaded = self.loaded.read().unwrap_or_else(std::sync::PoisonError::into_inner);
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
            let known = Arc::new(Known { collection, origins, checks });
            all.by_key.insert(known.collection.publishable_key.clone(), known.clone());
            all.by_name.insert(known.collection.name.clone(), known);
        }
        let all = Arc::new(all);
        *self.loaded.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((Instant::now(), all.clone()));
        Ok(all)
    }
}

impl Known {
    /// Whether pages of this origin may send here.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.is_empty() || WebOrigin::parse(origin).is_ok_and(|o| self.origins.iter().any(|a| a == o.as_str()))
    }
}

fn parse_checks(text: &str) -> Result<Vec<(String, Check)>> {
    let checks: std::collections::BTreeMap<String, Check> = serde_json::from_str(text).map_err(|error| {
        Error::invalid(
            "/checks",
            format!("must be an object like {{\"age\": {{\"type\": \"number\", \"mode\": \"warn\"}}}}: {error}"),
        )
    })?;
    for check in checks.values() {
        if !["string", "number", "bool", "array", "object"].contains(&check.r#type.as_str()) {
            return Err(Error::invalid(
                "/checks",
                format!("\"{}\" is none of string, number, bool, array, object", check.r#type),
            ));
        }
    }
    Ok(checks.into_iter().collect())
}

/// What is needed to make a collection.
#[derive(Debug, Clone)]
pub struct NewCollection {
    pub name: CollectionName,
    pub title: String,
    pub open: bool,
    pub public_read: bool,
    pub kind: String,
    pub origins: Vec<WebOrigin>,
}

/// Makes a collection with a key of its own. The same name twice is a conflict.
pub async fn create(db: &Pool, by: &Author, new: NewCollection, now: Moment) -> Result<Collection> {
    if !["entries", "readings"].contains(&new.kind.as_str()) {
        return Err(Error::invalid("/kind", "must be entries or readings"));
    }
    let name = new.name.as_str().to_owned();
    let title = Some(new.title.trim().to_owned()).filter(|title| !title.is_empty()).unwrap_or_else(|| name.clone());
    let collection = Collection {
        id: CollectionId(0),
        name,
        title,
        publishable_key: new_key()?,
        kind: new.kind,
        open: new.open,
        public_read: new.public_read,
        retention_days: None,
        daily_quota: None,
        checks: "{}".into(),
        states: json(&super::STATES),
        version: 1,
        created_at: now,
        deleted_at: None,
    };
    let mut tx = db.begin().await?;
    let stored = match store::insert(&mut tx, &collection).await {
        Err(crate::db::DbError::Duplicate) => {
            let is_there = store::find(db, &collection.name).await?.is_some();
            let rest = if is_there { "already" } else { "that is deleted; restore it, or choose another name" };
            return Err(Error::Conflict(format!("There is a collection \"{}\" {rest}.", collection.name).into()));
        }
        stored => stored?,
    };
    for origin in &new.origins {
        store::allow_origin(&mut tx, stored.id, origin.as_str(), now).await?;
    }
    audit::note(&mut tx, by, Deed::new("made", "collections", &stored.name), now).await?;
    tx.commit().await?;
    Ok(stored)
}

/// Lets pages of an origin send to a collection; twice does no harm.
pub async fn allow_origin(
    db: &Pool,
    by: &Author,
    collection: &Collection,
    origin: &WebOrigin,
    now: Moment,
) -> Result<()> {
    let mut tx = db.begin().await?;
    store::allow_origin(&mut tx, collection.id, origin.as_str(), now).await?;
    let deed = Deed::new("changed", "collections", &collection.name).with(format!("allowed {}", origin.as_str()));
    audit::note(&mut tx, by, deed, now).await?;
    Ok(tx.commit().await?)
}

/// Pages of an origin may no longer send. One that could not is 404.
pub async fn remove_origin(db: &Pool, by: &Author, collection: &Collection, origin: &str, now: Moment) -> Result<()> {
    let mut tx = db.begin().await?;
    if !store::remove_origin(&mut tx, collection.id, origin).await? {
        return Err(Error::NotFound(format!("{origin} is none of the allowed origins.").into()));
    }
    let deed = Deed::new("changed", "collections", &collection.name).with(format!("removed {origin}"));
    audit::note(&mut tx, by, deed, now).await?;
    Ok(tx.commit().await?)
}

/// What may be changed of a collection; `None` leaves it.
#[derive(Debug, Default)]
pub struct Changes {
    pub title: Option<String>,
    pub open: Option<bool>,
    pub public_read: Option<bool>,
    pub retention_days: Option<Option<i64>>,
    pub daily_quota: Option<Option<i64>>,
    pub checks: Option<String>,
    /// Names of the states of its entries, in their order.
    pub states: Option<Vec<String>>,
    /// Make a new publishable key; the old one stops working at once.
    pub new_key: bool,
}

/// Changes a collection that is still of this version; otherwise 412.
pub async fn change(
    db: &Pool,
    by: &Author,
    collection: &Collection,
    changes: Changes,
    now: Moment,
) -> Result<Collection> {
    let mut changed = collection.clone();
    if let Some(title) = changes.title {
        if title.trim().is_empty() || title.chars().count() > 200 {
            return Err(Error::invalid("/title", "must be 1 to 200 characters"));
        }
        changed.title = title.trim().to_owned();
    }
    if let Some(checks) = changes.checks {
        parse_checks(&checks)?;
        changed.checks = checks;
    }
    if let Some(states) = changes.states {
        changed.states = json(&checked_states(states)?);
    }
    changed.open = changes.open.unwrap_or(changed.open);
    changed.public_read = changes.public_read.unwrap_or(changed.public_read);
    changed.retention_days = positive("/retention_days", changes.retention_days, changed.retention_days)?;
    changed.daily_quota = positive("/daily_quota", changes.daily_quota, changed.daily_quota)?;
    if changes.new_key {
        changed.publishable_key = new_key()?;
    }
    let mut tx = db.begin().await?;
    if !store::update(&mut tx, &changed).await? {
        return Err(Error::PreconditionFailed);
    }
    let detail = if changes.new_key { "a new key" } else { "" };
    audit::note(&mut tx, by, Deed::new("changed", "collections", &collection.name).with(detail), now).await?;
    tx.commit().await?;
    changed.version += 1;
    Ok(changed)
}

/// Deletes a collection: it takes nothing more and is not listed. It can be restored for [`super::KEPT_DAYS`] days. `version` is the
/// one that it must still have.
pub async fn delete(db: &Pool, by: &Author, collection: &Collection, version: Option<i64>, now: Moment) -> Result<()> {
    if collection.name == super::DEFAULT_COLLECTION {
        return Err(Error::Conflict("The default collection stays: entries that name no other go there.".into()));
    }
    let mut tx = db.begin().await?;
    if !store::set_deleted(&mut tx, collection.id, version, Some(now)).await? {
        return Err(Error::PreconditionFailed);
    }
    audit::note(&mut tx, by, Deed::new("deleted", "collections", &collection.name), now).await?;
    Ok(tx.commit().await?)
}

/// Brings a deleted collection back; one that is there stays. One that never was, or is gone for good, is 404.
pub async fn restore(db: &Pool, by: &Author, name: &str, now: Moment) -> Result<()> {
    if store::find(db, name).await?.is_some() {
        return Ok(());
    }
    let missing = || Error::NotFound(format!("There is no deleted collection \"{name}\".").into());
    let deleted =
        store::deleted(db).await?.into_iter().find(|collection| collection.name == name).ok_or_else(missing)?;
    let mut tx = db.begin().await?;
    if !store::set_deleted(&mut tx, deleted.id, None, None).await? {
        return Err(missing());
    }
    audit::note(&mut tx, by, Deed::new("restored", "collections", name), now).await?;
    Ok(tx.commit().await?)
}

/// Deleted collections whose time is over.
pub async fn purgeable(db: &Pool, now: Moment) -> Result<Vec<Collection>> {
    let before = now.plus(-super::KEPT_DAYS * DAY);
    let over = |collection: &Collection| collection.deleted_at.is_some_and(|at| at <= before);
    Ok(store::deleted(db).await?.into_iter().filter(over).collect())
}

/// Removes a collection for good, once its entries are gone.
pub async fn remove(db: &Pool, collection: &Collection) -> Result<()> {
    let mut tx = db.begin().await?;
    store::remove(&mut tx, collection.id, &collection.name).await?;
    Ok(tx.commit().await?)
}

fn json(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&names).unwrap_or_default()
}

/// 1 to 20 different names of at most 40 characters.
fn checked_states(states: Vec<String>) -> Result<Vec<String>> {
    let states: Vec<_> = states.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let is_name = |name: &String| name.chars().count() <= 40 && !name.chars().any(char::is_control);
    let twice = states.iter().enumerate().any(|(i, name)| states[..i].contains(name));
    if states.is_empty() || states.len() > 20 || twice || !states.iter().all(is_name) {
        return Err(Error::invalid("/states", "must be 1 to 20 different names of at most 40 characters"));
    }
    Ok(states)
}

fn positive(pointer: &str, change: Option<Option<i64>>, current: Option<i64>) -> Result<Option<i64>> {
    match change {
        None => Ok(current),
        Some(Some(number)) if !(1..=1_000_000_000).contains(&number) => {
            Err(Error::invalid(pointer, "must be a number from 1 to 1,000,000,000, or empty"))
        }
        Some(new) => Ok(new),
    }
}

fn new_key() -> Result<String> {
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(format!("pk_{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()))
}
