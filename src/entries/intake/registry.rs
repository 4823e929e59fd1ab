//! The field registry: the shapes of entries that were seen, and how often.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::collections::{self, CollectionId, FieldCounts};
use crate::db::{DbError, Pool, Tx};
use crate::entries::entry::NewEntry;
use crate::json;
use crate::limits::{MAX_FIELDS, MAX_NEW_FIELDS};
use crate::moment::{HOUR, Moment};

/// Adds to the counts of fields, in their order, as everybody does who locks several of them. `false`: one of them is not in the registry any more.
pub(super) async fn write_counts(
    db: &Pool,
    counts: &BTreeMap<i64, FieldCounts>,
    now: Moment,
) -> std::result::Result<bool, DbError> {
    let mut tx = db.begin().await?;
    let mut all = true;
    for (field, counts) in counts {
        all &= collections::count_fields(&mut tx, *field, *counts, now).await?;
    }
    tx.commit().await?;
    Ok(all)
}

/// Shapes remembered before the memory starts anew.
const MAX_SHAPES: usize = 20_000;

type ShapeKey = (CollectionId, u64);

/// The field registry's memory.
#[derive(Default)]
pub(super) struct Registry {
    shapes: HashMap<ShapeKey, Shape>,
    /// Ids of the paths of each collection.
    paths: HashMap<CollectionId, HashMap<String, i64>>,
    newcomers: Newcomers,
}

/// Which fields of which types entries of one shape have, and how many were stored since the last write.
struct Shape {
    fields: Vec<(i64, json::Kind)>,
    uncounted: i64,
    /// Some of its names were not registered, so it is looked at again.
    partial: bool,
}

/// Shapes and paths that a transaction registered; remembered once it is committed.
#[derive(Default)]
pub(super) struct Learned {
    shapes: HashMap<ShapeKey, Shape>,
    pub(super) paths: Vec<(CollectionId, String, i64)>,
    newcomers: Vec<(IpAddr, CollectionId)>,
}

impl Registry {
    /// Registers what is new in these entries. A name beyond what a collection remembers, or beyond what its sender
    /// may bring, is not registered: the entry is stored all the same, and the name is not listed.
    pub(super) async fn learn(
        &mut self,
        db: &Pool,
        tx: &mut Tx,
        entries: &[&NewEntry],
        now: Moment,
    ) -> std::result::Result<Learned, DbError> {
        let mut learned = Learned::default();
        for entry in entries {
            let key = (entry.collection, entry.shape);
            let known = self.shapes.get(&key).or_else(|| learned.shapes.get(&key));
            if known.is_some_and(|shape| !shape.partial) {
                continue;
            }
            self.load(db, entry.collection).await?;
            let mut seen = Vec::new();
            json::fields(&entry.data, &mut |path, kind, _| seen.push((path.to_owned(), kind)));
            let mut shape = Shape { fields: Vec::new(), uncounted: 0, partial: false };
            for (path, kind) in seen {
                match self.register(tx, &mut learned, entry, path, now).await? {
                    Some(id) => shape.fields.push((id, kind)),
                    None => shape.partial = true,
                }
            }
            learned.shapes.insert(key, shape);
        }
        Ok(learned)
    }

    /// The id of a path; `None` if there is no room for a new one.
    async fn register(
        &self,
        tx: &mut Tx,
        learned: &mut Learned,
        entry: &NewEntry,
        path: String,
        now: Moment,
    ) -> std::result::Result<Option<i64>, DbError> {
        let paths = &self.paths[&entry.collection];
        if let Some(id) = paths.get(&path).copied().or_else(|| learned.find(entry.collection, &path)) {
            return Ok(Some(id));
        }
        let new = learned.paths.iter().filter(|(collection, ..)| *collection == entry.collection).count();
        if paths.len() + new >= MAX_FIELDS || !self.newcomers.has_room(learned, entry, now) {
            return Ok(None);
        }
        let id = collections::register_field(tx, entry.collection, &path, now).await?;
        learned.paths.push((entry.collection, path, id));
        learned.newcomers.extend(entry.address.map(|address| (address, entry.collection)));
        Ok(Some(id))
    }

    async fn load(&mut self, db: &Pool, collection: CollectionId) -> std::result::Result<(), DbError> {
        if let std::collections::hash_map::Entry::Vacant(e) = self.paths.entry(collection) {
            let fields = collections::fields(db, collection).await?;
            e.insert(fields.into_iter().map(|field| (field.path, field.id)).collect());
        }
        Ok(())
    }

    pub(super) fn remember(&mut self, learned: Learned, entries: &[&NewEntry], now: Moment) {
        for (collection, path, id) in learned.paths {
            self.paths.entry(collection).or_default().insert(path, id);
        }
        self.newcomers.count(learned.newcomers, now);
        for (key, mut shape) in learned.shapes {
            shape.uncounted = self.shapes.get(&key).map_or(0, |before| before.uncounted);
            self.shapes.insert(key, shape);
        }
        for entry in entries {
            if let Some(shape) = self.shapes.get_mut(&(entry.collection, entry.shape)) {
                shape.uncounted += 1;
            }
        }
    }

    pub(super) fn take_counts(&mut self) -> BTreeMap<i64, FieldCounts> {
        let mut counts: BTreeMap<i64, FieldCounts> = BTreeMap::new();
        for shape in self.shapes.values_mut().filter(|shape| shape.uncounted > 0) {
            for (field, kind) in &shape.fields {
                *count_of(counts.entry(*field).or_default(), *kind) += shape.uncounted;
            }
            shape.uncounted = 0;
        }
        if self.shapes.len() > MAX_SHAPES {
            self.shapes.clear();
        }
        counts
    }

    /// Forgets what is remembered of a collection: somebody took fields out of its registry.
    pub(super) fn forget(&mut self, collection: CollectionId) {
        self.paths.remove(&collection);
        self.shapes.retain(|(known, _), _| *known != collection);
    }

    /// Forgets everything: fields that were counted are no longer there. Another process took them out.
    pub(super) fn forget_all(&mut self) {
        self.paths.clear();
        self.shapes.clear();
    }
}

impl Learned {
    fn find(&self, collection: CollectionId, path: &str) -> Option<i64> {
        self.paths.iter().find(|(c, p, _)| *c == collection && p == path).map(|(_, _, id)| *id)
    }
}

fn count_of(counts: &mut FieldCounts, kind: json::Kind) -> &mut i64 {
    match kind {
        json::Kind::String => &mut counts.strings,
        json::Kind::Number => &mut counts.numbers,
        json::Kind::Bool => &mut counts.bools,
        json::Kind::Null => &mut counts.nulls,
        json::Kind::Array => &mut counts.arrays,
        json::Kind::Object => &mut counts.objects,
    }
}

/// How many new names each address brought to a collection within the hour. Anybody who knows the publishable key could
/// otherwise fill a registry by a few requests.
#[derive(Default)]
struct Newcomers {
    hour: i64,
    counts: HashMap<(u128, CollectionId), usize>,
}

/// Addresses that are remembered within an hour; beyond them all others share one count.
const MAX_ADDRESSES: usize = 10_000;

impl Newcomers {
    fn has_room(&self, learned: &Learned, entry: &NewEntry, now: Moment) -> bool {
        let Some(address) = entry.address else { return true };
        let key = self.key(address, entry.collection);
        let before = if self.hour == now.0.div_euclid(HOUR) { self.counts.get(&key).copied().unwrap_or(0) } else { 0 };
        let now =
            learned.newcomers.iter().filter(|(address, collection)| self.key(*address, *collection) == key).count();
        before + now < MAX_NEW_FIELDS
    }

    fn key(&self, address: IpAddr, collection: CollectionId) -> (u128, CollectionId) {
        let key = (crate::rate::bucket(address), collection);
        let is_full = self.counts.len() >= MAX_ADDRESSES && !self.counts.contains_key(&key);
        if is_full { (0, collection) } else { key }
    }

    fn count(&mut self, names: Vec<(IpAddr, CollectionId)>, now: Moment) {
        let hour = now.0.div_euclid(HOUR);
        if self.hour != hour {
            (self.hour, self.counts) = (hour, HashMap::new());
        }
        for (address, collection) in names {
            *self.counts.entry(self.key(address, collection)).or_default() += 1;
        }
    }
}
