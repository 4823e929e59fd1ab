//! The way in: entries of many requests are stored together, one fsync for all that arrived during the last.
//!
//! One task per process takes whatever waits, stores it in one transaction and then answers every request.
//! The same task keeps the field registry: the shape of an entry is known by a hash, and only a shape that
//! was never seen costs more than a counter.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::{EntryId, NewEntry, Outcome, json, store};
use crate::collections::{self, CollectionId, FieldCounts};
use crate::db::{DbError, Pool, Tx};
use crate::error::{Error, Result};
use crate::limits::MAX_FIELDS;
use crate::moment::{Clock, Moment};

/// Requests that may wait; one more is told to come back.
const QUEUE: usize = 4096;
/// Entries stored by one transaction.
const GROUP: usize = 1000;
/// Shapes remembered before the memory starts anew.
const MAX_SHAPES: usize = 20_000;

/// Hands entries to the task that stores them. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Message>,
    seed: RandomState,
    tally: Arc<Tally>,
}

/// How many entries came to which end since the program started.
#[derive(Default)]
pub struct Tally {
    pub stored: AtomicU64,
    pub flagged: AtomicU64,
    pub duplicate: AtomicU64,
    pub rejected: AtomicU64,
}

impl Tally {
    fn note(&self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let count = match outcome {
                Outcome::Stored(_) => &self.stored,
                Outcome::Flagged(_) => &self.flagged,
                Outcome::Duplicate(_) => &self.duplicate,
                Outcome::Conflict(_) | Outcome::Rejected(_) => &self.rejected,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

enum Message {
    Store(Batch),
    /// Write the counts down, then answer.
    Flush(oneshot::Sender<()>),
}

struct Batch {
    entries: Vec<NewEntry>,
    answer: oneshot::Sender<std::result::Result<Vec<Outcome>, Failure>>,
}

/// Why a batch was not stored, in a form that many callers can be told.
#[derive(Clone)]
enum Failure {
    Unavailable(String),
    Internal(String),
}

impl Intake {
    /// Starts the task; it ends when the last clone is dropped.
    pub fn start(db: Pool, clock: Clock) -> Intake {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(Task { db, clock, registry: Registry::default() }.run(waiting));
        Intake { queue, seed: RandomState::new(), tally: Arc::default() }
    }

    /// What shapes are hashed with.
    pub fn seed(&self) -> &RandomState {
        &self.seed
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Stores entries as one transaction. `Ok` means that what its outcomes call stored is on disk.
    pub async fn submit(&self, entries: Vec<NewEntry>) -> Result<Vec<Outcome>> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Message::Store(Batch { entries, answer })).map_err(|_| Error::Unavailable {
            detail: "More arrives than can be stored right now.".into(),
            retry_after: 1,
        })?;
        match answered.await {
            Ok(Ok(outcomes)) => {
                self.tally.note(&outcomes);
                Ok(outcomes)
            }
            Ok(Err(Failure::Unavailable(reason))) => Err(DbError::Unavailable(reason).into()),
            Ok(Err(Failure::Internal(reason))) => Err(Error::Internal(reason.into())),
            Err(_) => Err(DbError::Unavailable("the intake has ended".into()).into()),
        }
    }

    /// Writes the registry's counts down. Nothing is lost without it but counts.
    pub async fn flush(&self) {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Message::Flush(answer)).await.is_ok() {
            answered.await.ok();
        }
    }
}

struct Task {
    db: Pool,
    clock: Clock,
    registry: Registry,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Message>) {
        while let Some(message) = waiting.recv().await {
            match message {
                Message::Store(first) => self.group(first, &mut waiting).await,
                Message::Flush(answer) => {
                    self.flush().await;
                    answer.send(()).ok();
                }
            }
        }
    }

    async fn group(&mut self, first: Batch, waiting: &mut mpsc::Receiver<Message>) {
        let mut batches = vec![first];
        // While this waits for its turn at the writer, more arrive.
        let tx = self.db.begin().await;
        let mut flushes = Vec::new();
        let mut entries = batches[0].entries.len();
        while entries < GROUP {
            match waiting.try_recv() {
                Ok(Message::Store(batch)) => {
                    entries += batch.entries.len();
                    batches.push(batch);
                }
                Ok(Message::Flush(answer)) => flushes.push(answer),
                Err(_) => break,
            }
        }
        let (mut callers, mut lists) = (Vec::new(), Vec::new());
        for Batch { entries, answer } in batches {
            callers.push(answer);
            lists.push(entries);
        }
        match self.store(tx, &lists).await {
            Ok(outcomes) => answer_all(callers, outcomes),
            Err(error) => self.one_by_one(error, callers, lists).await,
        }
        for answer in flushes {
            answer.send(()).ok();
        }
    }

    /// A group failed. One of its batches may be the reason, and the others must not suffer for it.
    async fn one_by_one(&mut self, error: DbError, callers: Vec<Answer>, lists: Vec<Vec<NewEntry>>) {
        let hopeless = matches!(error, DbError::Unavailable(_));
        for (caller, entries) in callers.into_iter().zip(lists) {
            let result = if hopeless {
                Err(failure(&error))
            } else {
                let tx = self.db.begin().await;
                let stored = self.store(tx, std::slice::from_ref(&entries)).await;
                stored.map(|mut all| all.pop().unwrap_or_default()).map_err(|error| failure(&error))
            };
            caller.send(result).ok();
        }
    }

    async fn store(
        &mut self,
        tx: std::result::Result<Tx, DbError>,
        lists: &[Vec<NewEntry>],
    ) -> std::result::Result<Vec<Vec<Outcome>>, DbError> {
        let now = self.clock.now();
        let mut tx = tx?;
        let mut group = Group::new(lists);
        group.refuse_too_many_fields(&mut self.registry, &self.db).await?;
        group.find_duplicates(&mut tx).await?;
        group.insert(&mut tx, now).await?;
        let learned = self.registry.learn(&mut tx, &group.new_entries(), now).await?;
        tx.commit().await?;
        let is_new = !learned.paths.is_empty();
        self.registry.remember(learned, &group.new_entries());
        if is_new {
            // Whoever looks now sees the new column and its type.
            self.flush().await;
        }
        Ok(group.outcomes())
    }

    async fn flush(&mut self) {
        let counts = self.registry.take_counts();
        if counts.is_empty() {
            return;
        }
        if let Err(error) = write_counts(&self.db, &counts, self.clock.now()).await {
            tracing::warn!(%error, "the counts of the field registry were not written");
        }
    }
}

type Answer = oneshot::Sender<std::result::Result<Vec<Outcome>, Failure>>;

fn answer_all(callers: Vec<Answer>, outcomes: Vec<Vec<Outcome>>) {
    for (caller, outcomes) in callers.into_iter().zip(outcomes) {
        // A caller that went away will send again, and be told "duplicate".
        caller.send(Ok(outcomes)).ok();
    }
}

fn failure(error: &DbError) -> Failure {
    match error {
        DbError::Unavailable(reason) => Failure::Unavailable(reason.clone()),
        // On PostgreSQL another node stored the same client id in the same moment.
        DbError::Duplicate => Failure::Unavailable("the same _uid is being stored elsewhere".into()),
        other => Failure::Internal(other.to_string()),
    }
}

async fn write_counts(db: &Pool, counts: &HashMap<i64, FieldCounts>, now: Moment) -> std::result::Result<(), DbError> {
    let mut tx = db.begin().await?;
    for (field, counts) in counts {
        collections::count_fields(&mut tx, *field, *counts, now).await?;
    }
    tx.commit().await
}

/// The entries of one transaction, and what becomes of each.
struct Group<'a> {
    lists: &'a [Vec<NewEntry>],
    entries: Vec<&'a NewEntry>,
    decided: Vec<Option<Outcome>>,
    digests: Vec<i64>,
    /// Entries that repeat an earlier one of the same group.
    repeats: Vec<(usize, usize)>,
}

impl<'a> Group<'a> {
    fn new(lists: &'a [Vec<NewEntry>]) -> Self {
        let entries: Vec<_> = lists.iter().flatten().collect();
        let digests = entries.iter().map(|entry| if entry.uid.is_some() { digest(&entry.data) } else { 0 }).collect();
        Group { lists, decided: vec![None; entries.len()], entries, digests, repeats: Vec::new() }
    }

    fn open(&self) -> Vec<usize> {
        (0..self.entries.len())
            .filter(|&i| self.decided[i].is_none() && !self.repeats.iter().any(|(r, _)| *r == i))
            .collect()
    }

    fn new_entries(&self) -> Vec<&'a NewEntry> {
        let stored = |i: &usize| matches!(self.decided[*i], Some(Outcome::Stored(_) | Outcome::Flagged(_)));
        let repeated = |i: &usize| self.repeats.iter().any(|(r, _)| r == i);
        (0..self.entries.len()).filter(|i| stored(i) && !repeated(i)).map(|i| self.entries[i]).collect()
    }

    async fn refuse_too_many_fields(&mut self, registry: &mut Registry, db: &Pool) -> std::result::Result<(), DbError> {
        for (i, entry) in self.entries.iter().enumerate() {
            if !registry.fits(db, entry).await? {
                let detail = format!("the collection has {MAX_FIELDS} different fields already");
                self.decided[i] = Some(Outcome::Rejected(json::Refusal::rule(detail)));
            }
        }
        Ok(())
    }

    async fn find_duplicates(&mut self, tx: &mut Tx) -> std::result::Result<(), DbError> {
        let mut first: HashMap<(CollectionId, &str), usize> = HashMap::new();
        for i in self.open() {
            if let Some(uid) = &self.entries[i].uid {
                let earlier = *first.entry((self.entries[i].collection, uid)).or_insert(i);
                if earlier != i {
                    self.repeats.push((i, earlier));
                }
            }
        }
        if first.is_empty() {
            return Ok(());
        }
        let asked: Vec<_> = first.keys().copied().collect();
        for known in store::known_uids(tx, &asked).await? {
            if let Some(&i) = first.get(&(known.collection_id, known.uid.as_str())) {
                self.decided[i] = Some(same_or_conflict(known.entry_id, known.digest == self.digests[i]));
            }
        }
        Ok(())
    }

    async fn insert(&mut self, tx: &mut Tx, now: Moment) -> std::result::Result<(), DbError> {
        let open = self.open();
        let entries: Vec<_> = open.iter().map(|&i| self.entries[i]).collect();
        if entries.is_empty() {
            return self.decide_repeats();
        }
        let ids = store::insert(tx, &entries, now).await?;
        let uids: Vec<_> = open
            .iter()
            .zip(&ids)
            .filter_map(|(&i, id)| {
                Some((self.entries[i].collection, self.entries[i].uid.as_deref()?, *id, self.digests[i]))
            })
            .collect();
        store::insert_uids(tx, &uids).await?;
        for (&i, id) in open.iter().zip(ids) {
            self.decided[i] = Some(if self.entries[i].spam { Outcome::Flagged(id) } else { Outcome::Stored(id) });
        }
        self.decide_repeats()
    }

    fn decide_repeats(&mut self) -> std::result::Result<(), DbError> {
        for (repeat, earlier) in self.repeats.clone() {
            let id = match self.decided[earlier] {
                Some(Outcome::Stored(id) | Outcome::Flagged(id) | Outcome::Duplicate(id) | Outcome::Conflict(id)) => id,
                _ => continue,
            };
            // What was stored first may differ from the earlier one of this group, when that one is a conflict itself.
            let same = self.digests[repeat] == self.digests[earlier];
            let stored_is_earlier = !matches!(self.decided[earlier], Some(Outcome::Conflict(_)));
            self.decided[repeat] = Some(same_or_conflict(id, same && stored_is_earlier));
        }
        Ok(())
    }

    fn outcomes(mut self) -> Vec<Vec<Outcome>> {
        let mut decided = self.decided.drain(..);
        let rejected = || Outcome::Rejected(json::Refusal::rule("not stored"));
        let mut take =
            |list: &Vec<NewEntry>| (&mut decided).take(list.len()).map(|o| o.unwrap_or_else(rejected)).collect();
        self.lists.iter().map(&mut take).collect()
    }
}

fn same_or_conflict(id: EntryId, same: bool) -> Outcome {
    if same { Outcome::Duplicate(id) } else { Outcome::Conflict(id) }
}

fn digest(data: &str) -> i64 {
    let hash = Sha256::digest(data.as_bytes());
    i64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"))
}

type ShapeKey = (CollectionId, u64);

/// The field registry's memory.
#[derive(Default)]
struct Registry {
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
struct Learned {
    shapes: HashMap<ShapeKey, Shape>,
    paths: Vec<(CollectionId, String, i64)>,
}

impl Registry {
    async fn fits(&mut self, db: &Pool, entry: &NewEntry) -> std::result::Result<bool, DbError> {
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

    async fn learn(&self, tx: &mut Tx, entries: &[&NewEntry], now: Moment) -> std::result::Result<Learned, DbError> {
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

    fn remember(&mut self, learned: Learned, entries: &[&NewEntry]) {
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

    fn take_counts(&mut self) -> HashMap<i64, FieldCounts> {
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
