//! The verbs of the waiting room: call, step, transfer, close out, undo; duty, intake, announcements.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Notify;

use super::live::Live;
use super::rules::{self, Desk, Step};
use super::store::{self, Held, NewEvent, NewPlace, Stand, StudentKey};
use super::{Place, Queue, State, Status};
use crate::db::{DbError, Pool, Tx};
use crate::error::{Error, Result};
use crate::moment::{Clock, MINUTE, Moment, SECOND};
use crate::rate::PerAddress;
use crate::records::Records;
use crate::staff::Account;

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

/// Who does something, for events and for "already called by …".
#[derive(Debug, Clone)]
pub struct Actor {
    pub name: String,
    pub staff: bool,
}

impl Actor {
    pub fn student() -> Actor {
        Actor { name: "the student".into(), staff: false }
    }

    pub fn system() -> Actor {
        Actor { name: "Frontdesk".into(), staff: false }
    }

    pub fn staff(account: &Account) -> Actor {
        Actor { name: account.name.clone(), staff: true }
    }
}

/// Who calls, with the name that is shown.
#[derive(Debug, Clone)]
pub struct Caller {
    pub desk: Desk,
    pub name: String,
    /// Where a called student goes.
    pub location: Option<String>,
    pub video_url: Option<String>,
}

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
            joins: limited.then(|| PerAddress::new(JOINS, JOINS_AT_ONCE)),
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
            joins.forget_quiet();
        }
    }

    /// A queue as it is after everything that was committed here. One that is deleted is not found.
    pub async fn room(&self, queue: i64) -> Result<Arc<Live>> {
        let known = self.lives.read().unwrap_or_else(PoisonError::into_inner).get(&queue).cloned();
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
        let mut lives = self.lives.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever was faster has streams on theirs already.
        Ok(lives.entry(queue).or_insert(live).clone())
    }

    pub(super) fn open_rooms(&self) -> Vec<(i64, Arc<Live>)> {
        let lives = self.lives.read().unwrap_or_else(PoisonError::into_inner);
        lives.iter().map(|(id, live)| (*id, live.clone())).collect()
    }

    fn remember(&self, places: Vec<(i64, i64)>) {
        if places.is_empty() {
            return;
        }
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        if queues.len() > REMEMBERED {
            queues.clear();
        }
        queues.extend(places);
    }

    /// Something was committed: the next reader reads it, and streams are woken.
    pub(super) async fn changed(&self, queue: i64) -> Result<Arc<Live>> {
        if let Some(live) = self.lives.read().unwrap_or_else(PoisonError::into_inner).get(&queue) {
            live.changed();
        }
        self.wake.notify_one();
        self.room(queue).await
    }

    /// A change of one place was committed: it is shown from now on.
    pub(super) fn settle(&self, queue: i64, place: Place) {
        self.remember(vec![(place.id, queue)]);
        if let Some(live) = self.lives.read().unwrap_or_else(PoisonError::into_inner).get(&queue) {
            live.apply(place);
        }
        self.wake.notify_one();
    }

    /// A place as it is in memory, if it is.
    fn known(&self, queue: i64, place: i64) -> Option<Arc<Place>> {
        let lives = self.lives.read().unwrap_or_else(PoisonError::into_inner);
        lives.get(&queue)?.room().places.get(&place).cloned()
    }

    async fn queue_of(&self, place: i64) -> Result<i64> {
        if let Some(queue) = self.queues.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
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
        let hash = crate::staff::sha256(token);
        let known = self.links.read().unwrap_or_else(PoisonError::into_inner).get(&hash).copied();
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
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        if links.len() > REMEMBERED {
            links.clear();
        }
        links.insert(hash, place);
    }

    /// Who calls when this account does: the advisor named, else the advisor it is linked to, else itself.
    pub async fn caller(&self, account: &Account, advisor: Option<i64>) -> Result<Caller> {
        let linked = match advisor {
            Some(id) => {
                let found = store::advisor(&self.db, id).await?;
                Some(found.ok_or_else(|| Error::invalid("/advisor_id", format!("there is no advisor {id}")))?)
            }
            None => store::advisor_of(&self.db, account.id).await?,
        };
        Ok(match linked {
            Some(advisor) => Caller {
                desk: Desk::Advisor { advisor: advisor.id, account: Some(account.id) },
                name: advisor.name,
                location: advisor.location,
                video_url: advisor.video_url,
            },
            None => {
                Caller { desk: Desk::Account(account.id), name: account.name.clone(), location: None, video_url: None }
            }
        })
    }

    /// Calls the next of the line, or answers whom the caller has called or serves already. `None`: nobody waits.
    pub async fn call_next(&self, queue: i64, caller: &Caller) -> Result<Option<Arc<Place>>> {
        self.call(queue, caller, None, None).await
    }

    /// Calls somebody out of turn.
    pub async fn call_this(
        &self,
        queue: i64,
        caller: &Caller,
        place: i64,
        version: Option<i64>,
        reason: Option<&str>,
    ) -> Result<Arc<Place>> {
        let called = self.call(queue, caller, Some((place, version)), reason).await;
        self.told(place, called).await?.ok_or_else(no_place)
    }

    async fn call(
        &self,
        queue: i64,
        caller: &Caller,
        wanted: Option<(i64, Option<i64>)>,
        reason: Option<&str>,
    ) -> Result<Option<Arc<Place>>> {
        let called = match self.try_call(queue, caller, wanted, reason).await {
            // The same caller was faster in another queue: then that is the present one.
            Err(Error::Conflict(_)) if wanted.is_none() => self.try_call(queue, caller, wanted, reason).await,
            other => other,
        }?;
        match called {
            None => Ok(None),
            Some(id) => Ok(Some(self.place(id).await?.1)),
        }
    }

    async fn try_call(
        &self,
        queue: i64,
        caller: &Caller,
        wanted: Option<(i64, Option<i64>)>,
        reason: Option<&str>,
    ) -> Result<Option<i64>> {
        let (advisor, account) = desk_ids(caller.desk);
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        if let Some(present) = store::at_desk(&mut tx, advisor, account).await? {
            tx.abandon().await?;
            return match wanted {
                Some((id, _)) if id != present => Err(Error::Conflict(
                    format!("{} has somebody at the desk already: finish that first.", caller.name).into(),
                )),
                _ => Ok(Some(present)),
            };
        }
        let stand = match wanted {
            Some((id, _)) => Some(store::stand(&mut tx, queue, id).await?.ok_or_else(no_place)?),
            None => store::first(&mut tx, queue).await?,
        };
        let Some(stand) = stand else {
            tx.abandon().await?;
            return Ok(None);
        };
        let version = wanted.and_then(|(_, version)| version);
        let by = Actor { name: caller.name.clone(), staff: true };
        let status =
            self.write(&mut tx, &held.queue, &stand, &Step::Call(caller.desk), version, &by, reason, now).await?;
        let went_on_duty = store::begin_duty_if_off(&mut tx, queue, advisor, account, now).await?;
        if went_on_duty {
            note_duty(&mut tx, &held.queue, &caller.name, "on", now).await?;
        }
        tx.commit().await?;
        match self.known(queue, stand.id) {
            Some(known) if known.version == stand.version && !went_on_duty => {
                self.settle(queue, known.after(status, held.queue.seq, &by.name, now, Some(caller)));
            }
            _ => drop(self.changed(queue).await?),
        }
        Ok(Some(stand.id))
    }

    /// Takes a step. `version`: only if the place is still this one.
    pub async fn step(
        &self,
        place: i64,
        step: &Step,
        version: Option<i64>,
        by: &Actor,
        reason: Option<&str>,
    ) -> Result<Arc<Place>> {
        let taken = self.try_step(place, step, version, by, reason).await;
        self.told(place, taken).await
    }

    async fn try_step(
        &self,
        place: i64,
        step: &Step,
        version: Option<i64>,
        by: &Actor,
        reason: Option<&str>,
    ) -> Result<Arc<Place>> {
        let queue = self.queue_of(place).await?;
        let now = self.now();
        let known = self.known(queue, place);
        let mut tx = self.db.begin().await?;
        let takes_key = i64::from(matches!(step, Step::Requeue(Some(_))));
        let held = held(&mut tx, queue, takes_key).await?;
        let step = match step {
            Step::Requeue(Some(_)) => Step::Requeue(Some(held.next_key)),
            other => other.clone(),
        };
        // What is in memory is right nearly always, and spares a question; the guard of the update decides.
        if let Some(known) = known {
            let stand = Stand::of(&known);
            match self.write(&mut tx, &held.queue, &stand, &step, version, by, reason, now).await {
                Err(Error::Outdated { .. }) => {}
                Err(error) => return Err(error),
                Ok(status) => {
                    tx.commit().await?;
                    self.settle(queue, known.after(status, held.queue.seq, &by.name, now, None));
                    return Ok(self.place(place).await?.1);
                }
            }
        }
        let stand = store::stand(&mut tx, queue, place).await?.ok_or_else(no_place)?;
        self.write(&mut tx, &held.queue, &stand, &step, version, by, reason, now).await?;
        tx.commit().await?;
        self.changed(queue).await?;
        Ok(self.place(place).await?.1)
    }

    /// The guarded update and its event.
    #[expect(clippy::too_many_arguments, reason = "one step, whole: who, what, from where, why, when")]
    pub(super) async fn write(
        &self,
        tx: &mut Tx,
        queue: &Queue,
        stand: &Stand,
        step: &Step,
        version: Option<i64>,
        by: &Actor,
        reason: Option<&str>,
        now: Moment,
    ) -> Result<Status> {
        if version.is_some_and(|version| version != stand.version) {
            return Err(stale(None));
        }
        let mut status = match rules::apply(step, &stand.status, queue, now) {
            Ok(status) => status,
            Err(reason) => return Err(stale(Some(reason))),
        };
        if status.ended_at.is_some() && stand.status.ended_at.is_none() {
            status.end_reason = reason.map(str::to_owned);
        }
        self.put(tx, queue, stand, &status, step.name(), by, reason, now).await?;
        Ok(status)
    }

    #[expect(clippy::too_many_arguments, reason = "see `write`")]
    async fn put(
        &self,
        tx: &mut Tx,
        queue: &Queue,
        stand: &Stand,
        status: &Status,
        what: &str,
        by: &Actor,
        reason: Option<&str>,
        now: Moment,
    ) -> Result<()> {
        let before = serde_json::to_string(&stand.status).map_err(|error| Error::Internal(Box::new(error)))?;
        let event = NewEvent {
            queue: queue.id,
            seq: queue.seq,
            place: Some(stand.id),
            at: now,
            actor: &by.name,
            what,
            from: Some(stand.status.state.name()),
            to: Some(status.state.name()),
            reason,
            before: Some(before),
        };
        match store::write_status(tx, stand, status, event).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(stale(None)),
            Err(DbError::Duplicate) => Err(taken(stand, status)),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whoever was too slow what the place is now, and who made it so. Called when the transaction is over:
    /// one that waits for a second connection could wait for itself.
    async fn told<T>(&self, place: i64, result: Result<T>) -> Result<T> {
        let Err(Error::Outdated { detail, .. }) = result else { return result };
        let place = store::place(&self.db, place).await?.ok_or_else(no_place)?;
        let ago = ago_words(((self.now().0 - place.changed_at.0) / SECOND).max(0));
        let detail = format!("{detail} It is {} since {ago}, by {}.", place.state().words(), place.changed_by);
        let present = super::api::place_json(&place, None, None);
        Err(Error::Outdated { detail: detail.into(), present: Box::new(present) })
    }

    /// Moves a place into another queue: it ends here and goes on there, with the moment of its joining and its link.
    pub async fn transfer(
        &self,
        place: i64,
        to: i64,
        version: Option<i64>,
        by: &Actor,
        reason: Option<&str>,
    ) -> Result<Arc<Place>> {
        let moved = self.try_transfer(place, to, version, by, reason).await;
        self.told(place, moved).await
    }

    async fn try_transfer(
        &self,
        place: i64,
        to: i64,
        version: Option<i64>,
        by: &Actor,
        reason: Option<&str>,
    ) -> Result<Arc<Place>> {
        let from = self.queue_of(place).await?;
        if from == to {
            return Err(Error::invalid("/queue_id", "is the queue it is in"));
        }
        let now = self.now();
        // What is read here (who, since when, about what) never changes.
        let old = store::place(&self.db, place).await?.ok_or_else(no_place)?;
        let mut tx = self.db.begin().await?;
        let (here, there) = both(&mut tx, from, to, 1).await?;
        let stand = store::stand(&mut tx, from, place).await?.ok_or_else(no_place)?;
        self.write(&mut tx, &here, &stand, &Step::Transfer, version, by, reason, now).await?;
        let standing = store::standing(&mut tx, &there.queue, StudentKey::Id(stand.student_id)).await?;
        if standing.is_some_and(|standing| standing.present.is_some()) {
            return Err(Error::Conflict(format!("{} waits in that queue already.", old.student).into()));
        }
        let new = NewPlace {
            queue: &there.queue,
            student: stand.student_id,
            ticket: rules::ticket(to, there.next_key),
            topic: old.topic.as_deref(),
            question: old.question.as_deref(),
            order_key: there.next_key,
            joined_at: old.joined_at,
            walk_in: old.walk_in,
            estimate: None,
            from: Some(place),
            by: &by.name,
            now,
        };
        let id = store::insert_place(&mut tx, &new, None, Some("transferred")).await?;
        store::move_links(&mut tx, place, id).await?;
        tx.commit().await?;
        self.changed(from).await?;
        self.changed(to).await?;
        Ok(self.place(id).await?.1)
    }

    /// Takes the last step of a place back. A new event; the place must not have changed since.
    pub async fn undo(&self, place: i64, version: Option<i64>, by: &Actor) -> Result<Arc<Place>> {
        let undone = self.try_undo(place, version, by).await;
        self.told(place, undone).await
    }

    async fn try_undo(&self, place: i64, version: Option<i64>, by: &Actor) -> Result<Arc<Place>> {
        let queue = self.queue_of(place).await?;
        let (_, present) = self.place(place).await?;
        if present.state() == State::Transferred {
            return self.undo_transfer(&present, version, by).await;
        }
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        let stand = store::stand(&mut tx, queue, place).await?.ok_or_else(no_place)?;
        if version.is_some_and(|version| version != stand.version) {
            return Err(stale(None));
        }
        let status = undone(store::last_event(&mut tx, place).await?, &held.queue, now)?;
        self.put(&mut tx, &held.queue, &stand, &status, "undo", by, None, now).await?;
        tx.commit().await?;
        self.changed(queue).await?;
        Ok(self.place(place).await?.1)
    }

    async fn undo_transfer(&self, old: &Place, version: Option<i64>, by: &Actor) -> Result<Arc<Place>> {
        let gone_on =
            |id: Option<i64>| id.ok_or_else(|| Error::Conflict("The place went on: it cannot be taken back.".into()));
        let next = gone_on(store::continuation(&self.db, old.id).await?)?;
        let other = self.queue_of(next).await?;
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let (here, there) = both(&mut tx, old.queue_id, other, 0).await?;
        let stand = store::stand(&mut tx, old.queue_id, old.id).await?.ok_or_else(no_place)?;
        if version.is_some_and(|version| version != stand.version) {
            return Err(stale(None));
        }
        let new = store::stand(&mut tx, other, next).await?.ok_or_else(no_place)?;
        gone_on((new.version == 1).then_some(next))?;
        self.write(&mut tx, &there.queue, &new, &Step::Remove, None, by, Some("moved back"), now).await?;
        let status = undone(store::last_event(&mut tx, old.id).await?, &here, now)?;
        self.put(&mut tx, &here, &stand, &status, "undo", by, None, now).await?;
        store::move_links(&mut tx, next, old.id).await?;
        tx.commit().await?;
        self.forget_links();
        self.changed(other).await?;
        self.changed(old.queue_id).await?;
        Ok(self.place(old.id).await?.1)
    }

    fn forget_links(&self) {
        self.links.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Ends every place that waits, with a message, and closes intake: one transaction. Returns how many.
    pub async fn close_out(&self, queue: i64, message: &str, by: &Actor) -> Result<u64> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        let ended = store::close_out(&mut tx, &held.queue, message, &by.name, now).await?;
        store::write_intake(&mut tx, queue, "closed", Some(message), now).await?;
        note(&mut tx, &held.queue, &by.name, "close_out", None, Some(message), now).await?;
        tx.commit().await?;
        self.changed(queue).await?;
        Ok(ended)
    }

    /// Opens, pauses or closes intake. Those who wait stay.
    pub async fn set_intake(&self, queue: i64, intake: &str, message: Option<&str>, by: &Actor) -> Result<()> {
        if !["open", "paused", "closed"].contains(&intake) {
            return Err(Error::invalid("/intake", "must be open, paused or closed"));
        }
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        store::write_intake(&mut tx, queue, intake, message, now).await?;
        note(&mut tx, &held.queue, &by.name, "intake", Some(intake), message, now).await?;
        tx.commit().await?;
        self.changed(queue).await.map(drop)
    }

    /// Puts somebody on duty, or off. Twice is as good as once. Returns whether anybody is left.
    pub async fn set_duty(&self, queue: i64, caller: &Caller, on: bool) -> Result<bool> {
        let (advisor, account) = desk_ids(caller.desk);
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        if on {
            store::begin_duty(&mut tx, queue, advisor, account, now).await?;
        } else {
            store::end_duty(&mut tx, queue, advisor, account, now).await?;
        }
        note_duty(&mut tx, &held.queue, &caller.name, if on { "on" } else { "off" }, now).await?;
        tx.commit().await?;
        Ok(!self.changed(queue).await?.room().duty.is_empty())
    }

    /// Tells everybody who waits; an empty text takes the message away.
    pub async fn announce(&self, queue: i64, text: &str, by: &Actor) -> Result<()> {
        let text = Some(text.trim()).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > 500) {
            return Err(Error::invalid("/text", "has more than 500 characters"));
        }
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        store::announce(&mut tx, queue, text, &by.name, now).await?;
        note(&mut tx, &held.queue, &by.name, "message", None, text, now).await?;
        tx.commit().await?;
        self.changed(queue).await.map(drop)
    }
}

/// The status that the last event replaced.
fn undone(last: Option<store::Event>, queue: &Queue, now: Moment) -> Result<Status> {
    let nothing = || Error::Conflict("There is nothing to take back.".into());
    let last = last.ok_or_else(nothing)?;
    if now.0 - last.at.0 > rules::UNDO {
        return Err(Error::Conflict(format!("That was more than {} minutes ago.", rules::UNDO / MINUTE).into()));
    }
    let before = last.before.ok_or_else(nothing)?;
    let mut status: Status = serde_json::from_str(&before).map_err(|error| Error::Internal(Box::new(error)))?;
    if status.state == State::Called {
        // The grace that ran then is over by now.
        status.due_at = Some(now.plus(queue.grace_seconds * SECOND));
    }
    Ok(status)
}

/// Somebody was faster. The rest is told by `told`.
fn stale(reason: Option<String>) -> Error {
    let detail = reason.unwrap_or_else(|| "Somebody was faster.".into());
    Error::Outdated { detail: detail.into(), present: Box::default() }
}

/// A unique index refused a step.
fn taken(stand: &Stand, status: &Status) -> Error {
    if stand.status.state.is_active() || matches!(status.state, State::Called | State::Serving) {
        Error::Conflict("That desk has somebody already: finish that first.".into())
    } else {
        Error::Conflict("The student has joined again meanwhile.".into())
    }
}

pub(super) fn desk_ids(desk: Desk) -> (Option<i64>, Option<i64>) {
    match desk {
        Desk::Advisor { advisor, account } => (Some(advisor), account),
        Desk::Account(account) => (None, Some(account)),
    }
}

pub(super) async fn held(tx: &mut Tx, queue: i64, keys: i64) -> Result<Held> {
    store::raise(tx, queue, keys).await?.ok_or_else(no_queue)
}

/// Two queues held in the order of their numbers, so that nobody waits in a circle.
async fn both(tx: &mut Tx, from: i64, to: i64, keys: i64) -> Result<(Queue, Held)> {
    let missing = || Error::invalid("/queue_id", format!("there is no queue {to}"));
    if from < to {
        let here = held(tx, from, 0).await?;
        let there = store::raise(tx, to, keys).await?.ok_or_else(missing)?;
        return Ok((here.queue, there));
    }
    let there = store::raise(tx, to, keys).await?.ok_or_else(missing)?;
    Ok((held(tx, from, 0).await?.queue, there))
}

async fn note(
    tx: &mut Tx,
    queue: &Queue,
    by: &str,
    what: &str,
    to: Option<&str>,
    reason: Option<&str>,
    now: Moment,
) -> Result<()> {
    let event = NewEvent {
        queue: queue.id,
        seq: queue.seq,
        place: None,
        at: now,
        actor: by,
        what,
        from: None,
        to,
        reason,
        before: None,
    };
    Ok(store::insert_event(tx, event).await?)
}

pub(super) async fn note_duty(tx: &mut Tx, queue: &Queue, who: &str, to: &str, now: Moment) -> Result<()> {
    note(tx, queue, who, "duty", Some(to), None, now).await
}

/// `4 s`, `3 min`.
pub(super) fn ago_words(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

pub fn no_queue() -> Error {
    Error::NotFound("There is no such queue.".into())
}

pub fn no_place() -> Error {
    Error::NotFound("There is no such place in a queue.".into())
}
