//! The verbs of records: find, create, replace, merge, remove, restore.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::input::{self, Absent};
use super::{Bound, Kind, Record, Reference, Resource, Values, store};
use crate::db::{Pool, Tx};
use crate::error::{Error, FieldError, Result};
use crate::moment::Clock;
use crate::staff::{Author, Deed, audit, is_active_account};

/// All records, whatever their resource. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pub(super) cursor_key: Arc<[u8; 32]>,
    writes: Arc<AtomicU64>,
    references: Arc<[Reference]>,
}

impl Records {
    /// `cursor_key` signs cursors.
    pub fn new(db: Pool, clock: Clock, cursor_key: [u8; 32]) -> Records {
        Records { db, clock, cursor_key: Arc::new(cursor_key), writes: Arc::default(), references: Arc::default() }
    }

    /// The same, refusing to remove what these refer to.
    pub fn with_references(mut self, references: Vec<Reference>) -> Records {
        self.references = references.into();
        self
    }

    /// What the time is.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Number of writes by this process: whoever caches records compares it to learn that the cache is outdated.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    pub(super) async fn commit(&self, tx: Tx) -> Result<()> {
        tx.commit().await?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// A record that is not deleted.
    pub async fn find(&self, resource: &'static Resource, id: i64, staff: bool) -> Result<Record> {
        self.find_any(resource, id, staff).await?.filter(|item| !item.deleted).ok_or_else(|| resource.missing())
    }

    /// A record, deleted or not.
    pub async fn find_any(&self, resource: &'static Resource, id: i64, staff: bool) -> Result<Option<Record>> {
        Ok(store::find(&self.db, resource, id, staff).await?)
    }

    /// Makes a record.
    pub async fn create(&self, by: &Author, resource: &'static Resource, body: &Map<String, Value>) -> Result<Record> {
        let mut tx = self.db.begin().await?;
        let id = self.create_in(&mut tx, resource, body).await?;
        audit::note(&mut tx, by, Deed::new("created", resource.name, id), self.clock.now()).await?;
        self.commit(tx).await?;
        self.find(resource, id, true).await
    }

    /// Makes a record inside a transaction and returns its id.
    pub async fn create_in(&self, tx: &mut Tx, resource: &'static Resource, body: &Map<String, Value>) -> Result<i64> {
        let values = input::read(resource, body, Absent::Empty)?;
        check(tx, resource, &values, None).await?;
        Ok(store::insert(tx, resource, values, self.clock.now()).await?)
    }

    /// Replaces a record: what the body leaves out becomes empty. `version`: only if it is still this one.
    pub async fn replace(
        &self,
        by: &Author,
        resource: &'static Resource,
        id: i64,
        version: Option<i64>,
        body: Map<String, Value>,
    ) -> Result<Record> {
        self.write(by, resource, id, version, body, Absent::Empty).await
    }

    /// Changes what the body names (RFC 7396).
    pub async fn merge(
        &self,
        by: &Author,
        resource: &'static Resource,
        id: i64,
        version: Option<i64>,
        body: Map<String, Value>,
    ) -> Result<Record> {
        self.write(by, resource, id, version, body, Absent::Kept).await
    }

    /// Changes what the body names, inside a transaction.
    pub async fn merge_in(
        &self,
        tx: &mut Tx,
        resource: &'static Resource,
        id: i64,
        body: &Map<String, Value>,
    ) -> Result<()> {
        let values = input::read(resource, body, Absent::Kept)?;
        check(tx, resource, &values, Some(id)).await?;
        Ok(store::update(tx, resource, id, values, self.clock.now()).await?)
    }

    async fn write(
        &self,
        by: &Author,
        resource: &'static Resource,
        id: i64,
        version: Option<i64>,
        mut body: Map<String, Value>,
        absent: Absent,
    ) -> Result<Record> {
        let mut tx = self.db.begin().await?;
        let present = lock(&mut tx, resource, id, version).await?.filter(|item| !item.deleted);
        let present = present.ok_or_else(|| resource.missing())?;
        input::read_only_unchanged(resource, &mut body, &present);
        let values = input::read(resource, &body, absent)?;
        check(&mut tx, resource, &values, Some(id)).await?;
        let deed = Deed::new("changed", resource.name, id).with(names(&values));
        store::update(&mut tx, resource, id, values, self.clock.now()).await?;
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        self.commit(tx).await?;
        self.find(resource, id, true).await
    }

    /// Marks a record as deleted. 404 if it is deleted already, 409 if others refer to it, 412 if `version` is not its
    /// version.
    pub async fn remove(&self, by: &Author, resource: &'static Resource, id: i64, version: Option<i64>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let present = lock(&mut tx, resource, id, version).await?.ok_or_else(|| resource.missing())?;
        if present.deleted {
            return Err(resource.missing());
        }
        let mut uses = Vec::new();
        for reference in self.references.iter().filter(|reference| reference.to == resource.name) {
            match store::count_uses(&mut tx, reference, id).await? {
                0 => {}
                count => uses.push(format!("{} ({count})", reference.rows)),
            }
        }
        if !uses.is_empty() {
            return Err(Error::Conflict(format!("This {} is in use: {}.", resource.one, uses.join(", ")).into()));
        }
        let now = self.clock.now();
        store::set_deleted(&mut tx, resource, id, Some(now), now).await?;
        audit::note(&mut tx, by, Deed::new("deleted", resource.name, id), now).await?;
        self.commit(tx).await
    }

    /// Takes the mark of deletion away. A record that has none stays as it is.
    pub async fn restore(&self, by: &Author, resource: &'static Resource, id: i64) -> Result<Record> {
        let mut tx = self.db.begin().await?;
        let present = lock(&mut tx, resource, id, None).await?.ok_or_else(|| resource.missing())?;
        if present.deleted {
            let own: Map<_, _> = resource
                .writable()
                .filter_map(|c| Some((c.name.to_owned(), present.body.get(c.name)?.clone())))
                .collect();
            let values = input::read(resource, &own, Absent::Kept)?;
            check(&mut tx, resource, &values, Some(id)).await?;
            store::set_deleted(&mut tx, resource, id, None, self.clock.now()).await.map_err(|error| match error {
                crate::db::DbError::Duplicate => {
                    Error::Conflict(format!("Another {} has taken its place meanwhile.", resource.one).into())
                }
                other => other.into(),
            })?;
            audit::note(&mut tx, by, Deed::new("restored", resource.name, id), self.clock.now()).await?;
            self.commit(tx).await?;
        }
        self.find(resource, id, true).await
    }

    /// Names of records by id, for people.
    pub async fn labels(&self, resource: &'static Resource, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        Ok(store::labels(&self.db, resource, ids).await?)
    }

    /// What one may choose from in a form: the first 500 by name.
    pub async fn choices(&self, resource: &'static Resource) -> Result<Vec<(i64, String)>> {
        Ok(store::choices(&self.db, resource, 500).await?)
    }
}

/// Which columns are written, for the audit trail; their values may be personal.
fn names(values: &Values) -> String {
    values.iter().map(|(column, _)| column.name).collect::<Vec<_>>().join(", ")
}

async fn lock(tx: &mut Tx, resource: &'static Resource, id: i64, version: Option<i64>) -> Result<Option<Record>> {
    let item = store::find_for_update(tx, resource, id).await?;
    match (&item, version) {
        (Some(item), Some(version)) if item.version != version => Err(Error::PreconditionFailed),
        _ => Ok(item),
    }
}

/// What only the database knows: references lead somewhere, unique values are nobody else's.
async fn check(tx: &mut Tx, resource: &'static Resource, values: &Values, own: Option<i64>) -> Result<()> {
    let mut errors = Vec::new();
    for (column, value) in values {
        let pointer = format!("/{}", column.name);
        if let Bound::Int(Some(id)) = value {
            let missing = match &column.kind {
                Kind::Reference(other) if !store::exists(tx, other, *id).await? => Some(other.one),
                Kind::Account if !is_active_account(tx, *id).await? => Some("account"),
                _ => None,
            };
            errors.extend(missing.map(|one| FieldError::at(pointer.clone(), format!("there is no {one} {id}"))));
        }
        let is_empty = matches!(value, Bound::Int(None) | Bound::Text(None));
        if column.unique && !is_empty && store::holder(tx, resource, column.name, value, own).await?.is_some() {
            errors.push(FieldError::at(pointer, format!("belongs to another {} already", resource.one)));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}
