//! Calls and steps: the guarded update of one place, and what whoever was too slow is told.

use std::sync::Arc;

use super::rules::{self, Step};
use super::running::note_duty;
use super::service::{Shared, held, no_place, note};
use super::store::{self, NewEvent, Stand};
use super::{Actor, Caller, Desk, Place, Queue, State, Status};
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::moment::{Moment, SECOND};
use crate::staff::{Account, Deed};
use crate::words::ago;

impl Shared {
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
                author: account.into(),
                name: advisor.name,
                location: advisor.location,
                video_url: advisor.video_url,
            },
            None => Caller {
                desk: Desk::Account(account.id),
                author: account.into(),
                name: account.name.clone(),
                location: None,
                video_url: None,
            },
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
        let (advisor, account) = caller.desk.ids();
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
        let by = caller.actor();
        let status =
            self.write(&mut tx, &held.queue, &stand, &Step::Call(caller.desk), version, &by, reason, now).await?;
        let went_on_duty = store::begin_duty_if_off(&mut tx, queue, advisor, account, now).await?;
        if went_on_duty {
            note_duty(&mut tx, &held.queue, caller, "on", now).await?;
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

    /// A place, if it still has this version; otherwise what it is now, and who made it so.
    pub async fn place_at(&self, id: i64, version: i64) -> Result<Arc<Place>> {
        let (live, place) = self.place(id).await?;
        if place.version == version {
            return Ok(place);
        }
        // Another node may be ahead of what is in memory here.
        live.changed();
        let (_, place) = self.place(id).await?;
        let found = if place.version == version { Ok(place) } else { Err(stale(None)) };
        self.told(id, found).await
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
        if step == Step::Restore {
            may_restore(&mut tx, &held.queue, known.as_deref(), by).await?;
        }
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
    pub(super) async fn put(
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
            Ok(true) => note(tx, by, Deed::new(what, "queuers", stand.id), now).await,
            Ok(false) => Err(stale(None)),
            Err(DbError::Duplicate) => Err(taken(stand, status)),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whoever was too slow what the place is now, and who made it so. Called when the transaction is over:
    /// one that waits for a second connection could wait for itself.
    pub(super) async fn told<T>(&self, place: i64, result: Result<T>) -> Result<T> {
        let Err(Error::Outdated { detail, .. }) = result else { return result };
        let place = store::place(&self.db, place).await?.ok_or_else(no_place)?;
        let ago = ago(((self.now().0 - place.changed_at.0) / SECOND).max(0));
        let detail = format!("{detail} It is {} since {ago}, by {}.", place.state().words(), place.changed_by);
        let present = super::json::place_for_student(&place, None, None);
        Err(Error::Outdated { detail: detail.trim_start().to_owned().into(), present: Box::new(present) })
    }
}

/// Whether somebody may take their place again: not when they are deleted, and, for the student, not in a line that
/// was closed meanwhile. The cap does not count: the place was theirs.
async fn may_restore(tx: &mut Tx, queue: &Queue, place: Option<&Place>, by: &Actor) -> Result<()> {
    if !by.staff && queue.intake == "closed" {
        let message = queue.intake_message.as_deref().unwrap_or("");
        return Err(Error::Conflict(format!("This line is closed. {message}").trim().to_owned().into()));
    }
    let student = place.map(|place| store::StudentKey::Id(place.student_id));
    if let Some(student) = student
        && store::standing(tx, queue, student).await?.is_none()
    {
        return Err(Error::Conflict("The record of this student was deleted.".into()));
    }
    Ok(())
}

/// Somebody was faster. The rest is told by `told`.
pub(super) fn stale(reason: Option<String>) -> Error {
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
