//! The waiting room in memory and in the database: rooms, places, links. Its verbs are in `join.rs`, `steps.rs`, `moves.rs`,
//! `running.rs` and `sweep.rs`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::live::Live;
use super::store::{self, Held};
use super::streams::Streams;
use super::{Actor, Place, State};
use crate::db::{Pool, Tx};
use crate::error::{Error, Result};
use crate::moment::{Clock, Moment};
use crate::rate::{Buckets, PerAddress};
use crate::records::Records;
use crate::staff::{Deed, audit};

/// The waiting room. Cheap to clone.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

impl std::ops::Deref for Rooms {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of [`Rooms`] share.
pub struct Shared {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pub(super) records: Records,
    lives: RwLock<HashMap<i64, Arc<Live>>>,
    /// The queue of each place that was seen.
    queues: RwLock<HashMap<i64, i64>>,
    /// The place of each link that was used.
    links: RwLock<HashMap<Vec<u8>, i64>>,
    /// How often strangers may join.
    joins: Option<PerAddress>,
    pub(super) streams: Streams,
    /// The day for which each queue was cleared of the night before.
    pub(super) nights: Mutex<HashMap<i64, Moment>>,
    /// Something was committed here.
    pub(super) wake: Notify,
}

/// Numbers and links that are remembered; forgotten all at once beyond.
const REMEMBERED: usize = 100_000;

/// Joins a second of one address, and at once: a whole campus may be behind it when a line opens.
const JOINS: u32 = 5;
const JOINS_AT_ONCE: u32 = 300;

impl Rooms {
    /// `limited`: strangers may join only so often.
    pub fn new(db: Pool, clock: Clock, records: Records, limited: bool) -> Rooms {
        Rooms(Arc::new(Shared {
            db,
            clock,
            records,
            lives: RwLock::default(),
            queues: RwLock::default(),
            links: RwLock::default(),
            joins: limited.then(|| PerAddress(Buckets::per_second("join", JOINS, JOINS_AT_ONCE))),
            streams: Streams::new(limited),
            nights: Mutex::default(),
            wake: Notify::new(),
        }))
    }
}

impl Shared {
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Takes room for a stranger who joins.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<()> {
        self.joins.as_ref().map_or(Ok(()), |joins| joins.take(address, 1))
    }

    /// Forgets addresses that were quiet.
    pub(super) fn forget_quiet(&self) {
        if let Some(joins) = &self.joins {
            joins.0.forget_quiet();
        }
    }

    /// A queue as it is after everything that was committed here. One that is deleted is not found.
    pub async fn room(&self, queue: i64) -> Result<Arc<Live>> {
        let known = self.lives.read().get(&queue).cloned();
        let live = match known {
            Some(live) => live,
            None => self.open(queue).await?,
        };
        let changed = live.freshen(&self.db, self.records.writes(), self.now()).await?;
        self.remember(changed);
        if live.room().queue.deleted_at.is_some() {
            return Err(no_queue());
        }
        Ok(live)
    }

    async fn open(&self, queue: i64) -> Result<Arc<Live>> {
        let settings = self.records.writes();
        let found = store::queue(&self.db, queue).await?.ok_or_else(no_queue)?;
        let live = Arc::new(Live::open(&self.db, found, settings, self.now()).await?);
        let mut lives = self.lives.write();
        // Another task was faster, and its copy has streams already.
        Ok(lives.entry(queue).or_insert(live).clone())
    }

    pub(super) fn open_rooms(&self) -> Vec<(i64, Arc<Live>)> {
        let lives = self.lives.read();
        lives.iter().map(|(id, live)| (*id, live.clone())).collect()
    }

    /// Live pages that are open on this node.
    pub fn streams(&self) -> usize {
        self.open_rooms().iter().map(|(_, live)| live.streams()).sum()
    }

    /// Queue, state, and how many places are in it; of those who have not ended.
    pub async fn places(&self) -> Result<Vec<(i64, String, i64)>> {
        Ok(store::places_by_state(&self.db).await?)
    }

    fn remember(&self, places: Vec<(i64, i64)>) {
        if places.is_empty() {
            return;
        }
        let mut queues = self.queues.write();
        if queues.len() > REMEMBERED {
            queues.clear();
        }
        queues.extend(places);
    }

    /// Something was committed: the next reader reads it, and streams are woken.
    pub(super) async fn changed(&self, queue: i64) -> Result<Arc<Live>> {
        if let Some(live) = self.lives.read().get(&queue) {
            live.changed();
        }
        self.wake.notify_one();
        self.room(queue).await
    }

    /// A change of one place was committed: it is shown from now on.
    pub(super) fn settle(&self, queue: i64, place: Place) {
        self.remember(vec![(place.id, queue)]);
        if let Some(live) = self.lives.read().get(&queue) {
            live.apply(place);
        }
        self.wake.notify_one();
    }

    /// A place as it is in memory, if it is.
    pub(super) fn known(&self, queue: i64, place: i64) -> Option<Arc<Place>> {
        let lives = self.lives.read();
        lives.get(&queue)?.room().places.get(&place).cloned()
    }

    pub(super) async fn queue_of(&self, place: i64) -> Result<i64> {
        if let Some(queue) = self.queues.read().get(&place) {
            return Ok(*queue);
        }
        let place = store::place(&self.db, place).await?.ok_or_else(no_place)?;
        self.remember(vec![(place.id, place.queue_id)]);
        Ok(place.queue_id)
    }

    /// A place with the room it is in.
    pub async fn place(&self, id: i64) -> Result<(Arc<Live>, Arc<Place>)> {
        let live = self.room(self.queue_of(id).await?).await?;
        let found = live.room().places.get(&id).cloned();
        let place = match found {
            Some(place) => place,
            None => Arc::new(store::place(&self.db, id).await?.ok_or_else(no_place)?),
        };
        Ok((live, place))
    }

    /// The place that a student's link leads to.
    pub async fn by_link(&self, token: &str) -> Result<(Arc<Live>, Arc<Place>)> {
        let hash = crate::secrets::sha256(token);
        let known = self.links.read().get(&hash).copied();
        if let Some(id) = known {
            let (live, place) = self.place(id).await?;
            // A link goes along when its place goes on elsewhere.
            if place.state() != State::Transferred {
                return Ok((live, place));
            }
        }
        let id = store::by_link(&self.db, &hash).await?.ok_or_else(no_place)?;
        self.remember_link(hash, id);
        self.place(id).await
    }

    pub(super) fn remember_link(&self, hash: Vec<u8>, place: i64) {
        let mut links = self.links.write();
        if links.len() > REMEMBERED {
            links.clear();
        }
        links.insert(hash, place);
    }

    pub(super) fn forget_links(&self) {
        self.links.write().clear();
    }
}

pub(super) async fn held(tx: &mut Tx, queue: i64, keys: i64) -> Result<Held> {
    store::raise(tx, queue, keys).await?.ok_or_else(no_queue)
}

pub fn no_queue() -> Error {
    Error::NotFound("There is no such queue.".into())
}

/// What was asked of one queue of many; `None` if it was removed after they were listed, which is no failure.
pub(super) fn unless_removed<T>(asked: Result<T>) -> Result<Option<T>> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

pub fn no_place() -> Error {
    Error::NotFound("There is no such place in a queue.".into())
}

/// A line of the audit trail, if staff did it. What students do is in the history of their places.
pub(super) async fn note(tx: &mut Tx, by: &Actor, deed: Deed<'_>, now: Moment) -> Result<()> {
    match &by.author {
        Some(author) => audit::note(tx, author, deed, now).await,
        None => Ok(()),
    }
}
