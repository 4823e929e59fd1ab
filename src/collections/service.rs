//! The verbs of collections.

use super::cached::Collections;
use super::checks::parse_checks;
use super::collection::{DEFAULT_COLLECTION, KEPT_DAYS, STATES};
use super::store::RefusedOrigin;
use super::{Collection, CollectionId, CollectionName, RegisteredField, WebOrigin, store};
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::moment::DAY;
use crate::secrets::random_hex;
use crate::staff::{Author, Deed, audit};

/// What is needed to make a collection.
#[derive(Debug, Clone)]
pub struct NewCollection {
    /// Name in URLs; must be free.
    pub name: CollectionName,
    /// Name for people.
    pub title: String,
    /// Accepts entries without the key.
    pub open: bool,
    /// Anyone may read its entries.
    pub public_read: bool,
    /// What the entries are: `entries` or `readings`; 422 for anything else.
    pub kind: String,
    /// Origins that may send; empty: all.
    pub origins: Vec<WebOrigin>,
}

/// What may be changed of a collection; `None` leaves it.
#[derive(Debug, Default)]
pub struct Changes {
    /// Name for people.
    pub title: Option<String>,
    /// Accepts entries without the key.
    pub open: Option<bool>,
    /// Anyone may read its entries.
    pub public_read: Option<bool>,
    /// Days until entries are purged; `Some(None)`: never.
    pub retention_days: Option<Option<i64>>,
    /// Entries accepted each day; `Some(None)`: any number.
    pub daily_quota: Option<Option<i64>>,
    /// Checks of fields, as JSON.
    pub checks: Option<String>,
    /// Names of the states of its entries, in their order.
    pub states: Option<Vec<String>>,
    /// Create a new publishable key; the old one stops working at once.
    pub new_key: bool,
}

impl Collections {
    /// Makes a collection with a key of its own. The same name twice is a conflict.
    pub async fn create(&self, by: &Author, new: NewCollection) -> Result<Collection> {
        if !["entries", "readings"].contains(&new.kind.as_str()) {
            return Err(Error::invalid("/kind", "must be entries or readings"));
        }
        let now = self.clock.now();
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
            states: json(&STATES),
            version: 1,
            created_at: now,
            deleted_at: None,
        };
        let mut tx = self.db.begin().await?;
        let stored = match store::insert(&mut tx, &collection).await {
            Err(DbError::Duplicate) => {
                let is_there = store::find(&self.db, &collection.name).await?.is_some();
                let rest = if is_there { "already" } else { "that is deleted; restore it, or choose another name" };
                return Err(Error::Conflict(format!("There is a collection \"{}\" {rest}.", collection.name).into()));
            }
            stored => stored?,
        };
        for origin in &new.origins {
            store::allow_origin(&mut tx, stored.id, origin.as_str(), now).await?;
        }
        audit::note(&mut tx, by, Deed::new("created", "collections", &stored.name), now).await?;
        self.commit(tx).await?;
        Ok(stored)
    }

    /// Lets pages of an origin send to a collection; twice does no harm.
    pub async fn allow_origin(&self, by: &Author, collection: &Collection, origin: &WebOrigin) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        store::allow_origin(&mut tx, collection.id, origin.as_str(), now).await?;
        let deed = Deed::new("changed", "collections", &collection.name).with(format!("allowed {}", origin.as_str()));
        audit::note(&mut tx, by, deed, now).await?;
        self.commit(tx).await
    }

    /// Pages of an origin may no longer send. One that could not is 404.
    pub async fn remove_origin(&self, by: &Author, collection: &Collection, origin: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if !store::remove_origin(&mut tx, collection.id, origin).await? {
            return Err(Error::NotFound(format!("{origin} is none of the allowed origins.").into()));
        }
        let deed = Deed::new("changed", "collections", &collection.name).with(format!("removed {origin}"));
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        self.commit(tx).await
    }

    /// Changes a collection that is still of this version; otherwise 412.
    pub async fn change(&self, by: &Author, collection: &Collection, changes: Changes) -> Result<Collection> {
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
        let mut tx = self.db.begin().await?;
        if !store::update(&mut tx, &changed).await? {
            // The caller looks at what is stored now.
            self.changed();
            return Err(Error::PreconditionFailed);
        }
        let detail = if changes.new_key { "a new key" } else { "" };
        audit::note(&mut tx, by, Deed::new("changed", "collections", &collection.name).with(detail), self.clock.now())
            .await?;
        self.commit(tx).await?;
        changed.version += 1;
        Ok(changed)
    }

    /// Deletes a collection: it takes nothing more and is not listed. It can be restored for [`KEPT_DAYS`] days. `version` is the
    /// one that it must still have.
    pub async fn remove(&self, by: &Author, collection: &Collection, version: Option<i64>) -> Result<()> {
        if collection.name == DEFAULT_COLLECTION {
            return Err(Error::Conflict("The default collection stays: entries that name no other go there.".into()));
        }
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !store::set_deleted(&mut tx, collection.id, version, Some(now)).await? {
            return Err(Error::PreconditionFailed);
        }
        audit::note(&mut tx, by, Deed::new("deleted", "collections", &collection.name), now).await?;
        self.commit(tx).await
    }

    /// Brings a deleted collection back; one that is there stays. One that never was, or is gone for good, is 404.
    pub async fn restore(&self, by: &Author, name: &str) -> Result<()> {
        if store::find(&self.db, name).await?.is_some() {
            return Ok(());
        }
        let missing = || Error::NotFound(format!("There is no deleted collection \"{name}\".").into());
        let deleted = store::deleted(&self.db)
            .await?
            .into_iter()
            .find(|collection| collection.name == name)
            .ok_or_else(missing)?;
        let mut tx = self.db.begin().await?;
        if !store::set_deleted(&mut tx, deleted.id, None, None).await? {
            return Err(missing());
        }
        audit::note(&mut tx, by, Deed::new("restored", "collections", name), self.clock.now()).await?;
        self.commit(tx).await
    }

    /// Deleted collections whose time is over.
    pub async fn purgeable(&self) -> Result<Vec<Collection>> {
        let before = self.clock.now().plus(-KEPT_DAYS * DAY);
        let over = |collection: &Collection| collection.deleted_at.is_some_and(|at| at <= before);
        Ok(store::deleted(&self.db).await?.into_iter().filter(over).collect())
    }

    /// Removes a collection for good, once its entries are gone.
    pub async fn purge(&self, collection: &Collection) -> Result<()> {
        let mut tx = self.db.begin().await?;
        store::remove(&mut tx, collection.id, &collection.name).await?;
        self.commit(tx).await
    }

    /// Commits, and forgets the copy in memory.
    async fn commit(&self, tx: Tx) -> Result<()> {
        let committed = tx.commit().await;
        // Also when it failed: what stands is read anew.
        self.changed();
        Ok(committed?)
    }

    /// The number of a collection, deleted or not.
    pub async fn id_of(&self, name: &str) -> Result<Option<CollectionId>> {
        Ok(store::id_of(&self.db, name).await?)
    }

    /// Those that are deleted and can be restored.
    pub async fn deleted(&self) -> Result<Vec<Collection>> {
        Ok(store::deleted(&self.db).await?)
    }

    /// The fields of a collection in the order in which they were first seen.
    pub async fn fields(&self, collection: CollectionId) -> Result<Vec<RegisteredField>> {
        Ok(store::fields(&self.db, collection).await?)
    }

    /// The origins that were turned away last, at most 50.
    pub async fn refused_origins(&self, collection: CollectionId) -> Result<Vec<RefusedOrigin>> {
        self.flush().await?;
        Ok(store::refused_origins(&self.db, collection).await?)
    }
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

/// A publishable key: it stands in web pages and is no secret, but nobody should guess another.
fn new_key() -> Result<String> {
    Ok(format!("pk_{}", random_hex::<12>()?))
}
