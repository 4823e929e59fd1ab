//! Calls and steps: the guarded update of one place, and the answer when somebody else was faster.

use std::sync::Arc;

use super::rules::Step;
use super::running::note_duty;
use super::service::{Shared, held, no_place};
use super::store::{self, Stand};
use super::turn::{Turn, outdated};
use super::{Actor, Caller, Desk, Intake, Place, Queue};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::moment::SECOND;
use crate::staff::Account;
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
            return if wanted.is_none_or(|(id, _)| id == present) { Ok(Some(present)) } else { Err(busy(caller)) };
        }
        let stand = match wanted {
            Some((id, _)) => Some(store::stand(&mut tx, queue, id).await?.ok_or_else(no_place)?),
            None => store::first(&mut tx, queue).await?,
        };
        let Some(stand) = stand else {
            tx.abandon().await?;
            return Ok(None);
        };
        let by = caller.actor();
        let turn = Turn { queue: &held.queue, by: &by, reason, version: wanted.and_then(|(_, version)| version), now };
        let status = turn.take(&mut tx, &stand, &Step::Call(caller.desk)).await?;
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
        let found = if place.version == version { Ok(place) } else { Err(outdated(None)) };
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
        let to_the_end = matches!(step, Step::Requeue(Some(_)));
        let held = held(&mut tx, queue, to_the_end.into()).await?;
        let step = if to_the_end { Step::Requeue(Some(held.next_key)) } else { step.clone() };
        if step == Step::Restore {
            may_restore(&mut tx, &held.queue, known.as_deref(), by).await?;
        }
        let turn = Turn { queue: &held.queue, by, reason, version, now };
        // What is in memory is nearly always right, and spares a query; the guard of the update decides.
        if let Some(known) = known {
            match turn.take(&mut tx, &Stand::of(&known), &step).await {
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
        turn.take(&mut tx, &stand, &step).await?;
        tx.commit().await?;
        self.changed(queue).await?;
        Ok(self.place(place).await?.1)
    }

    /// Completes [`Error::Outdated`] with what the place is now and who changed it. Called after the transaction:
    /// waiting for a second connection while holding one could deadlock.
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
fn busy(caller: &Caller) -> Error {
    Error::Conflict(format!("{} has somebody at the desk already: finish that first.", caller.name).into())
}

async fn may_restore(tx: &mut Tx, queue: &Queue, place: Option<&Place>, by: &Actor) -> Result<()> {
    if !by.staff && queue.intake == Intake::Closed {
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
