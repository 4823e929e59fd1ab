//! The in-memory copy of a queue as of its last change: positions, pages and live messages are computed from it.
//!
//! The database is authoritative. Every change has the next `seq` of its queue; the task that commits it applies it
//! here in that order. If a committed change is missing, the next reader loads the places whose `seq` is newer than the
//! copy's. Changes by other processes are found by polling once a second, sooner when
//! PostgreSQL notifies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use tokio::sync::watch;

use super::estimate::{self, Lessons, Server, Wait};
use super::{Announcement, OnDuty, Place, Queue, State, store};
use crate::db::Pool;
use crate::error::Result;
use crate::moment::{DAY, HOUR, MINUTE, Moment, SECOND};

/// How long ended places stay in memory: the board and the display show them.
const KEPT: i64 = HOUR;
/// How often estimates learn anew.
const LEARN: i64 = 5 * MINUTE;
/// Visits they learn from.
const VISITS: i64 = 300;
const VISITS_SINCE: i64 = 90 * DAY;

/// A queue with everybody in it.
pub struct Room {
    pub queue: Queue,
    pub places: HashMap<i64, Arc<Place>>,
    /// Order key and number of those who wait, in order.
    line: Vec<(i64, i64)>,
    pub duty: Vec<OnDuty>,
    pub announcement: Option<Announcement>,
    lessons: Lessons,
    learnt: Moment,
    /// Rises when somebody begins or ends at a desk.
    desks: u64,
    forecast: Mutex<Option<(ForecastKey, Arc<Vec<Wait>>)>>,
    /// Changes that were committed after one that is not here yet.
    early: BTreeMap<i64, Place>,
}

type ForecastKey = (u64, Moment, i64);

impl Room {
    async fn read(db: &Pool, queue: Queue, now: Moment) -> Result<Room> {
        let mut room = Room {
            places: HashMap::new(),
            line: Vec::new(),
            duty: store::on_duty(db, queue.id).await?,
            announcement: store::announcement(db, queue.id).await?,
            lessons: lessons(db, queue.id, now).await?,
            learnt: now,
            desks: 0,
            forecast: Mutex::default(),
            early: BTreeMap::new(),
            queue,
        };
        let places = store::places(db, room.queue.id, now.plus(-KEPT)).await?;
        places.into_iter().for_each(|place| room.put(place));
        Ok(room)
    }

    fn put(&mut self, place: Place) {
        if let Some(old) = self.places.get(&place.id) {
            if old.version > place.version {
                return;
            }
            let key = (old.status.order_key, old.id);
            if old.state() == State::Waiting
                && let Ok(at) = self.line.binary_search(&key)
            {
                self.line.remove(at);
            }
        }
        let key = (place.status.order_key, place.id);
        if place.state() == State::Waiting
            && let Err(at) = self.line.binary_search(&key)
        {
            self.line.insert(at, key);
        }
        let at_desk = |state: State| matches!(state, State::Called | State::Serving);
        let was = self.places.get(&place.id).is_some_and(|old| at_desk(old.state()));
        if was || at_desk(place.state()) {
            self.desks += 1;
        }
        self.places.insert(place.id, Arc::new(place));
    }

    /// Puts a change in its turn. Changes that came too early follow.
    fn apply(&mut self, place: Place) {
        if place.seq > self.queue.seq {
            self.early.insert(place.seq, place);
        }
        self.follow_up();
    }

    fn follow_up(&mut self) {
        while let Some((seq, place)) = self.early.pop_first() {
            if seq > self.queue.seq + 1 {
                self.early.insert(seq, place);
                return;
            }
            self.queue.seq = self.queue.seq.max(seq);
            self.put(place);
        }
    }

    fn forget_old(&mut self, now: Moment) {
        self.places.retain(|_, place| place.state().is_active() || place.changed_at.0 > now.0 - KEPT);
    }

    /// Those who wait, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<Place>> {
        self.line.iter().filter_map(|(_, id)| self.places.get(id))
    }

    pub fn waiting_count(&self) -> usize {
        self.line.len()
    }

    /// Places in a state, those that changed last first.
    pub fn in_state(&self, states: &[State]) -> Vec<Arc<Place>> {
        let mut found: Vec<_> = self.places.values().filter(|place| states.contains(&place.state())).cloned().collect();
        found.sort_by_key(|place| (std::cmp::Reverse(place.changed_at), std::cmp::Reverse(place.id)));
        found
    }

    /// 1 and as many as wait with a smaller order key; for those who wait or are away.
    pub fn position(&self, place: &Place) -> Option<usize> {
        matches!(place.state(), State::Waiting | State::Away)
            .then(|| 1 + self.line.partition_point(|(key, _)| *key < place.status.order_key))
    }

    /// The wait at this position of the line; the position after the last is a student who joined now.
    pub fn wait(&self, position: usize, now: Moment) -> Wait {
        let forecast = self.forecast(now);
        forecast
            .get(position.saturating_sub(1))
            .or(forecast.last())
            .copied()
            .unwrap_or(Wait::Unknown(estimate::Why::NobodyOnDuty))
    }

    /// The wait of a student who joined now.
    pub fn wait_to_join(&self, now: Moment) -> Wait {
        self.wait(self.line.len() + 1, now)
    }

    /// Depends on the desks and on how long the line is, not on who stands in it; so it is made once a second at most.
    fn forecast(&self, now: Moment) -> Arc<Vec<Wait>> {
        let key = (self.desks, self.learnt, now.0 / SECOND);
        let mut kept = self.forecast.lock();
        if let Some((known, waits)) = &*kept
            && *known == key
            && waits.len() > self.line.len()
        {
            return waits.clone();
        }
        // Somewhat further than the line, which may grow before the second is over.
        let length = (self.line.len() + 1).next_power_of_two().max(16);
        let waits = estimate::forecast(&self.servers(now), &self.lessons, length, self.queue.grace_seconds);
        let waits = Arc::new(waits);
        *kept = Some((key, waits.clone()));
        waits
    }

    fn servers(&self, now: Moment) -> Vec<Server> {
        self.duty
            .iter()
            .map(|duty| {
                let visit = self.at_desk(duty);
                let since = visit.and_then(|place| place.status.called_at);
                Server { who: (duty.advisor_id, duty.user_id), busy: since.map(|since| now.0 - since.0) }
            })
            .collect()
    }

    /// The place that somebody on duty has called or serves here.
    pub fn at_desk(&self, duty: &OnDuty) -> Option<&Arc<Place>> {
        self.places.values().find(|place| {
            let same = match duty.advisor_id {
                Some(advisor) => place.status.advisor_id == Some(advisor),
                None => place.status.advisor_id.is_none() && place.status.user_id == duty.user_id,
            };
            same && matches!(place.state(), State::Called | State::Serving)
        })
    }
}

async fn lessons(db: &Pool, queue: i64, now: Moment) -> Result<Lessons> {
    let since = now.plus(-VISITS_SINCE);
    let own = store::visits(db, Some(queue), since, VISITS).await?;
    let everybody = store::visits(db, None, since, VISITS).await?;
    let shows = store::shows(db, queue, since).await?;
    Ok(Lessons::learn(&own, &everybody, shows, now))
}

/// A [`Room`] that is kept up to date.
pub struct Live {
    room: RwLock<Room>,
    reading: tokio::sync::Mutex<()>,
    /// The highest `seq` known to be committed; `seq` below is that of `room`.
    committed: AtomicI64,
    seq: AtomicI64,
    /// Number of requests to read the database again; `answered` is how many of them have been served.
    asked: AtomicU64,
    answered: AtomicU64,
    /// How often settings had been written anywhere when the room was read.
    settings: AtomicU64,
    /// Rises with every change of the room.
    changes: AtomicU64,
    /// Tells streams that there is something new. Only the latest counts, so a slow reader holds up nobody.
    shown: watch::Sender<u64>,
}

impl Live {
    pub async fn open(db: &Pool, queue: Queue, settings: u64, now: Moment) -> Result<Live> {
        let room = Room::read(db, queue, now).await?;
        Ok(Live {
            reading: tokio::sync::Mutex::default(),
            committed: AtomicI64::new(room.queue.seq),
            seq: AtomicI64::new(room.queue.seq),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            settings: AtomicU64::new(settings),
            changes: AtomicU64::new(0),
            shown: watch::Sender::new(0),
            room: RwLock::new(room),
        })
    }

    pub fn room(&self) -> RwLockReadGuard<'_, Room> {
        self.room.read()
    }

    /// Marks the copy as outdated: the next reader loads the changes.
    pub fn changed(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes over a change that was committed here.
    pub fn apply(&self, place: Place) {
        self.committed.fetch_max(place.seq, Ordering::SeqCst);
        let mut room = self.room.write();
        room.apply(place);
        self.seq.store(room.queue.seq, Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether another process changed what a look at the database shows.
    pub fn differs(&self, seq: i64, version: i64) -> bool {
        let room = self.room();
        room.queue.seq != seq || room.queue.version != version
    }

    /// Whether estimates are due to learn anew; then old places are forgotten, too.
    pub fn should_learn(&self, now: Moment) -> bool {
        now.0 - self.room().learnt.0 > LEARN
    }

    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// Streams that are open on it.
    pub fn streams(&self) -> usize {
        self.shown.receiver_count()
    }

    /// Wakes the streams if the room changed since the last time.
    pub fn publish(&self) {
        let changes = self.changes.load(Ordering::SeqCst);
        self.shown.send_if_modified(|shown| std::mem::replace(shown, changes) != changes);
    }

    /// Reads what was committed before this call and is not here. Returns the places that changed.
    pub async fn freshen(&self, db: &Pool, settings: u64, now: Moment) -> Result<Vec<(i64, i64)>> {
        if self.is_fresh(settings) {
            return Ok(Vec::new());
        }
        let _reading = self.reading.lock().await;
        if self.is_fresh(settings) {
            return Ok(Vec::new());
        }
        // What changes while this reads is read again; who asks while this reads waits for it.
        let asked = self.asked.load(Ordering::SeqCst);
        let changed = self.read(db, now).await?;
        self.answered.fetch_max(asked, Ordering::SeqCst);
        self.settings.store(settings, Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok(changed)
    }

    fn is_fresh(&self, settings: u64) -> bool {
        self.seq.load(Ordering::SeqCst) >= self.committed.load(Ordering::SeqCst)
            && self.answered.load(Ordering::SeqCst) >= self.asked.load(Ordering::SeqCst)
            && self.settings.load(Ordering::SeqCst) == settings
    }

    async fn read(&self, db: &Pool, now: Moment) -> Result<Vec<(i64, i64)>> {
        let (id, seq, aside, learnt) = {
            let room = self.room();
            (room.queue.id, room.queue.seq, room.queue.aside, room.learnt)
        };
        let Some(queue) = store::queue(db, id).await? else { return Ok(Vec::new()) };
        let places = if queue.seq > seq { store::changed_places(db, id, seq).await? } else { Vec::new() };
        let beside = match queue.aside == aside {
            true => None,
            false => Some((store::on_duty(db, id).await?, store::announcement(db, id).await?)),
        };
        let learn = now.0 - learnt.0 > LEARN;
        let lessons = if learn { Some(lessons(db, id, now).await?) } else { None };
        let mut room = self.room.write();
        // Changes that were put here while this was read are newer.
        let newer = room.queue.seq.max(queue.seq);
        room.queue = Queue { seq: newer, ..queue };
        if let Some((duty, announcement)) = beside {
            room.duty = duty;
            room.announcement = announcement;
            room.desks += 1;
        }
        if let Some(lessons) = lessons {
            room.lessons = lessons;
            room.learnt = now;
            room.forget_old(now);
        }
        let changed = places.iter().map(|place| (place.id, place.queue_id)).collect();
        places.into_iter().for_each(|place| room.put(place));
        room.follow_up();
        self.seq.store(room.queue.seq, Ordering::SeqCst);
        Ok(changed)
    }
}
