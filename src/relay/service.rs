//! The verbs of relays.

use std::collections::BTreeMap;

use super::cached::Relays;
use super::check::check;
use super::definition::Definition;
use super::store;
use super::stored::{Edition, Relay, RelayName};
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::secrets::random_hex;
use crate::staff::{Author, Deed, audit};

impl Relays {
    /// Makes a relay with a key of its own. The same name twice is a conflict.
    pub async fn create(&self, by: &Author, name: &RelayName, definition: Definition) -> Result<Relay> {
        check(&definition, self.own())?;
        let now = self.now();
        let (definition, secrets) = self.sealed(definition, &BTreeMap::new())?;
        let relay = Relay {
            id: 0,
            name: name.as_str().to_owned(),
            relay_key: new_key()?,
            definition,
            secrets,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let mut tx = self.db().begin().await?;
        let stored = match store::insert(&mut tx, &relay).await {
            Err(DbError::Duplicate) => {
                let detail =
                    format!("There is a relay \"{}\" already, or a deleted one that can be restored.", relay.name);
                return Err(Error::Conflict(detail.into()));
            }
            stored => stored?,
        };
        note_edition(&mut tx, by, &stored).await?;
        audit::note(&mut tx, by, Deed::new("created", "relays", &stored.name), now).await?;
        self.commit(tx).await?;
        Ok(stored)
    }

    /// Replaces the definition of a relay that is still of this version; otherwise 412.
    pub async fn change(&self, by: &Author, relay: &Relay, definition: Definition) -> Result<Relay> {
        check(&definition, self.own())?;
        let (definition, secrets) = self.sealed(definition, &relay.secrets())?;
        self.write(by, Relay { definition, secrets, ..relay.clone() }, String::new()).await
    }

    /// Gives a relay a new key; the old one stops working at once.
    pub async fn renew_key(&self, by: &Author, relay: &Relay) -> Result<Relay> {
        self.write(by, Relay { relay_key: new_key()?, ..relay.clone() }, "a new key".into()).await
    }

    /// Takes the definition of an earlier version again. Secret headers keep the values they have now; 422 if one has none.
    pub async fn undo(&self, by: &Author, relay: &Relay, version: i64) -> Result<Relay> {
        let missing = || Error::NotFound("There is no such edition of this relay.".into());
        let edition = self.editions(relay).await?.into_iter().find(|edition| edition.version == version);
        let definition = edition.ok_or_else(missing)?.parsed()?;
        check(&definition, self.own())?;
        let (definition, secrets) = self.sealed(definition, &relay.secrets())?;
        self.write(by, Relay { definition, secrets, ..relay.clone() }, format!("as in version {version}")).await
    }

    async fn write(&self, by: &Author, changed: Relay, detail: String) -> Result<Relay> {
        let now = self.now();
        let mut tx = self.db().begin().await?;
        if !store::update(&mut tx, &changed, now).await? {
            self.forget();
            return Err(Error::PreconditionFailed);
        }
        let changed = Relay { version: changed.version + 1, updated_at: now, ..changed };
        note_edition(&mut tx, by, &changed).await?;
        audit::note(&mut tx, by, Deed::new("changed", "relays", &changed.name).with(detail), now).await?;
        self.commit(tx).await?;
        Ok(changed)
    }

    /// Deletes a relay: its address answers nothing more. It can be restored.
    pub async fn remove(&self, by: &Author, relay: &Relay) -> Result<()> {
        let now = self.now();
        let mut tx = self.db().begin().await?;
        if !store::set_deleted(&mut tx, relay, Some(now)).await? {
            return Err(Error::PreconditionFailed);
        }
        audit::note(&mut tx, by, Deed::new("deleted", "relays", &relay.name), now).await?;
        self.commit(tx).await
    }

    /// Brings a deleted relay back; one that is there stays.
    pub async fn restore(&self, by: &Author, name: &str) -> Result<()> {
        let missing = || Error::NotFound(format!("There is no deleted relay \"{name}\".").into());
        let relay = store::find(self.db(), name).await?.ok_or_else(missing)?;
        if relay.deleted_at.is_none() {
            return Ok(());
        }
        let mut tx = self.db().begin().await?;
        if !store::set_deleted(&mut tx, &relay, None).await? {
            return Err(Error::PreconditionFailed);
        }
        audit::note(&mut tx, by, Deed::new("restored", "relays", name), self.now()).await?;
        self.commit(tx).await
    }

    /// The definitions that a relay had, the newest first.
    pub async fn editions(&self, relay: &Relay) -> Result<Vec<Edition>> {
        Ok(store::editions(self.db(), relay.id).await?)
    }

    /// Those that are deleted and can be restored.
    pub async fn deleted(&self) -> Result<Vec<Relay>> {
        Ok(store::deleted(self.db()).await?)
    }

    /// Commits, and forgets the copy in memory.
    async fn commit(&self, tx: Tx) -> Result<()> {
        let committed = tx.commit().await;
        self.forget();
        Ok(committed?)
    }

    /// The definition as it is stored, and the values of its secret headers, sealed. One without a value keeps what it has.
    fn sealed(&self, mut definition: Definition, known: &BTreeMap<String, String>) -> Result<(String, String)> {
        let mut secrets = BTreeMap::new();
        for (i, header) in definition.secret_headers.iter_mut().enumerate() {
            let sealed = match (header.value.take(), known.get(&header.name)) {
                (Some(value), _) => self.seal().close(&value)?,
                (None, Some(sealed)) => sealed.clone(),
                (None, None) => return Err(Error::invalid(format!("/secret_headers/{i}/value"), "is required")),
            };
            secrets.insert(header.name.clone(), sealed);
        }
        let text = |value: serde_json::Result<String>| value.map_err(|error| Error::Internal(Box::new(error)));
        Ok((text(serde_json::to_string(&definition))?, text(serde_json::to_string(&secrets))?))
    }
}

async fn note_edition(tx: &mut Tx, by: &Author, relay: &Relay) -> Result<()> {
    let edition = Edition {
        version: relay.version,
        definition: relay.definition.clone(),
        author: by.name().to_owned(),
        at: relay.updated_at,
    };
    Ok(store::note_edition(tx, relay.id, &edition).await?)
}

fn new_key() -> Result<String> {
    Ok(format!("rk_{}", random_hex::<16>()?))
}
