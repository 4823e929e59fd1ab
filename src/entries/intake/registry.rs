//! The field registry: the shapes of entries that were seen, and how often.

use std::collections::HashMap;

use super::MAX_SHAPES;
use crate::collections::{self, CollectionId, FieldCounts};
use crate::db::{DbError, Pool, Tx};
use crate::entries::{NewEntry, json};
use crate::limits::MAX_FIELDS;
use crate::moment::Moment;

pub(super) async fn write_counts(
    db: &Pool,
    counts: &HashMap<i64, FieldCounts>,
    now: Moment,
) -> std::result::Result<(), DbError> {
    let mut tx = db.begin().await?;
    for (field, counts) in counts {
        collections::count_fields(&mut tx, *field, *counts, now).await?;
    }
    tx.commit().await
}

type ShapeKey = (CollectionId, u64);

/// The field registry's memory.
#[derive(Default)]
pub(super) struct Registry {
    shapes: HashMap<ShapeKey, Shape>,
    /// Ids of the paths of each collection.
    paths: HashMap<CollectionId, HashMap<String, i64>>,
}

/// Which fields of which types entries of one shape have, and how many were stored since the last write.
struct Shape {
    fields: Vec<(i64, json::Kind)>,
    uncounted: i64,
}

/// Shapes and paths that a transaction registered; remembered once it is committed.
#[derive(Default)]
pub(super) struct Learned {
    shapes: HashMap<ShapeKey, Shape>,
    pub(super) paths: Vec<(CollectionId, String, i64)>,
}

impl Registry {
    pub(super) async fn fits(&mut self, db: &Pool, entry: &NewEntry) -> std::result::Result<bool, DbError> {
        if self.shapes.contains_key(&(entry.collection, entry.shape)) {
            return Ok(true);
        }
        if let std::collections::hash_map::Entry::Vacant(e) = self.paths.entry(entry.collection) {
            let fields = collections::fields(db, entry.collection).await?;
            e.insert(fields.into_iter().map(|field| (field.path, field.id)).collect());
        }
        let known = &self.paths[&entry.collection];
        let mut unknown = 0;
        json::fields(&entry.data, &mut |path, _, _| unknown += usize::from(!known.contains_key(path)));
        Ok(unknown == 0 || known.len() + unknown <= MAX_FIELDS)
    }

    pub(super) async fn learn(
        &self,
        tx: &mut Tx,
        entries: &[&NewEntry],
        now: Moment,
    ) -> std::result::Result<Learned, DbError> {
        let mut learned = Learned::default();
        for entry in entries {
            let key = (entry.collection, entry.shape);
            if self.shapes.contains_key(&key) || learned.shapes.contains_key(&key) {
                continue;
            }
            let mut seen = Vec::new();
            json::fields(&entry.data, &mut |path, kind, _| seen.push((path.to_owned(), kind)));
            let mut fields = Vec::new();
            for (path, kind) in seen {
                let known = self.paths.get(&entry.collection).and_then(|paths| paths.get(&path)).copied();
                let id = match known.or_else(|| learned.find(entry.collection, &path)) {
                    Some(id) => id,
                    None => {
                        let id = collections::register_field(tx, entry.collection, &path, now).await?;
                        learned.paths.push((entry.collection, path, id));
                        id
                    }
                };
                fields.push((id, kind));
            }
            learned.shapes.insert(key, Shape { fields, uncounted: 0 });
        }
        Ok(learned)
    }

    pub(super) fn remember(&mut self, learned: Learned, entries: &[&NewEntry]) {
        for (collection, path, id) in learned.paths {
            self.paths.entry(collection).or_default().insert(path, id);
        }
        self.shapes.extend(learned.shapes);
        for entry in entries {
            if let Some(shape) = self.shapes.get_mut(&(entry.collection, entry.shape)) {
                shape.uncounted += 1;
            }
        }
    }

    pub(super) fn take_counts(&mut self) -> HashMap<i64, FieldCounts> {
        let mut counts: HashMap<i64, FieldCounts> = HashMap::new();
        for shape in self.shapes.values_mut().filter(|shape| shape.uncounted > 0) {
            for (field, kind) in &shape.fields {
                counts.entry(*field).or_default()[*kind as usize] += shape.uncounted;
            }
            shape.uncounted = 0;
        }
        if self.shapes.len() > MAX_SHAPES {
            self.shapes.clear();
        }
        counts
    }
}

impl Learned {
    fn find(&self, collection: CollectionId, path: &str) -> Option<i64> {
        self.paths.iter().find(|(c, p, _)| *c == collection && p == path).map(|(_, _, id)| *id)
    }
}
