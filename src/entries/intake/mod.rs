//! Group commit for entries: those that arrive during one commit share the next transaction, and so one fsync.
//!
//! Two tasks per process, one for requests and one for rows of files, each store whatever waits in one transaction and
//! then answer. They also update the field registry: the shape of an entry (names and types) is hashed; only a shape
//! that was not seen before costs more than incrementing a counter.

mod group;
mod registry;

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::entry::{NewEntry, Outcome};
use crate::collections::CollectionId;
use crate::db::{DbError, Pool, Tx};
use crate::error::{Error, Result};
use crate::moment::Clock;
use group::Group;
pub(super) use group::digest;
use registry::{Registry, write_counts};

/// Requests that may wait; further ones get 503.
const QUEUE: usize = 4096;
/// Entries stored by one transaction.
const GROUP: usize = 1000;

/// Hands entries to the tasks that store them. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    db: Pool,
    queue: mpsc::Sender<Message>,
    /// Of rows of files: a client does not wait for rows that came before its entry.
    imports: mpsc::Sender<Message>,
    seed: RandomState,
    tally: Arc<Tally>,
}

/// Counts of entries by outcome since the program started; those that failed validation are not counted.
#[derive(Default)]
pub struct Tally {
    /// Stored.
    pub stored: AtomicU64,
    /// Stored as spam.
    pub flagged: AtomicU64,
    /// Known already by their client id.
    pub duplicate: AtomicU64,
    /// Refused.
    pub rejected: AtomicU64,
}

impl Tally {
    fn note(&self, outcomes: &[Vec<Outcome>]) {
        for outcome in outcomes.iter().flatten() {
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
    /// Fields were taken out of the registry of a collection.
    Forget(CollectionId),
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
    /// Starts the tasks; they end when the last clone is dropped.
    pub fn start(db: &Pool, clock: &Clock) -> Intake {
        let tally = Arc::default();
        let task = || {
            let (queue, waiting) = mpsc::channel(QUEUE);
            let registry = Registry::default();
            let task = Task { db: db.clone(), clock: clock.clone(), registry, tally: Arc::clone(&tally) };
            tokio::spawn(task.run(waiting));
            queue
        };
        Intake { db: db.clone(), queue: task(), imports: task(), seed: RandomState::new(), tally }
    }

    /// What shapes are hashed with.
    pub fn seed(&self) -> &RandomState {
        &self.seed
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether another request would be taken.
    pub fn has_room(&self) -> bool {
        self.queue.capacity() > 0
    }

    /// Stores entries as one transaction. `Ok` means that what its outcomes call stored is on disk.
    pub async fn submit(&self, entries: Vec<NewEntry>) -> Result<Vec<Outcome>> {
        self.check_room()?;
        submit(&self.queue, entries).await
    }

    /// The same for rows of a file.
    pub async fn submit_rows(&self, entries: Vec<NewEntry>) -> Result<Vec<Outcome>> {
        self.check_room()?;
        submit(&self.imports, entries).await
    }

    /// What is left of a full disk is for those who make room.
    fn check_room(&self) -> Result<()> {
        match self.db.is_scarce() {
            true => Err(Error::Unavailable { detail: "The disk is full. It was not stored.".into(), retry_after: 30 }),
            false => Ok(()),
        }
    }

    /// Forgets what is remembered of a collection's fields: some were taken out of its registry.
    pub async fn forget(&self, collection: CollectionId) {
        for queue in [&self.queue, &self.imports] {
            queue.send(Message::Forget(collection)).await.ok();
        }
    }

    /// Writes the registry's counts down. Nothing is lost without it but counts.
    pub async fn flush(&self) {
        for queue in [&self.queue, &self.imports] {
            let (answer, answered) = oneshot::channel();
            if queue.send(Message::Flush(answer)).await.is_ok() {
                answered.await.ok();
            }
        }
    }
}

async fn submit(queue: &mpsc::Sender<Message>, entries: Vec<NewEntry>) -> Result<Vec<Outcome>> {
    let (answer, answered) = oneshot::channel();
    queue.try_send(Message::Store(Batch { entries, answer })).map_err(|_| Error::Unavailable {
        detail: "More arrives than can be stored right now.".into(),
        retry_after: 1,
    })?;
    match answered.await {
        Ok(Ok(outcomes)) => Ok(outcomes),
        Ok(Err(Failure::Unavailable(reason))) => Err(DbError::Unavailable(reason).into()),
        Ok(Err(Failure::Internal(reason))) => Err(Error::Internal(reason.into())),
        Err(_) => Err(DbError::Unavailable("the intake has ended".into()).into()),
    }
}

struct Task {
    db: Pool,
    clock: Clock,
    registry: Registry,
    tally: Arc<Tally>,
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
                Message::Forget(collection) => self.registry.forget(collection),
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
                Ok(Message::Forget(collection)) => self.registry.forget(collection),
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
        group.find_duplicates(&mut tx).await?;
        group.insert(&mut tx, now).await?;
        let learned = self.registry.learn(&self.db, &mut tx, &group.new_entries(), now).await?;
        tx.commit().await?;
        let is_new = !learned.paths.is_empty();
        self.registry.remember(learned, &group.new_entries(), now);
        if is_new {
            // From here on the new column and its type are listed.
            self.flush().await;
        }
        let outcomes = group.outcomes();
        self.tally.note(&outcomes);
        Ok(outcomes)
    }

    async fn flush(&mut self) {
        let counts = self.registry.take_counts();
        if counts.is_empty() {
            return;
        }
        match write_counts(&self.db, &counts, self.clock.now()).await {
            Ok(true) => {}
            Ok(false) => self.registry.forget_all(),
            Err(error) => tracing::warn!(%error, "the counts of the field registry were not written"),
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
