//! Moving a place into another queue, and taking a step back.

use std::sync::Arc;

use super::rules::{self, Step};
use super::service::{Shared, held, no_place};
use super::store::{self, Held, NewPlace, Stand, StudentKey};
use super::turn::Turn;
use super::{Actor, Place, Queue, State, Status};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::moment::{MINUTE, Moment, SECOND};

impl Shared {
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
        let now = self.now();
        // What is read here (who, since when, about what) never changes.
        let old = store::place(&self.db, place).await?.ok_or_else(no_place)?;
        let mut tx = self.db.begin().await?;
        let (here, there) = both(&mut tx, from, to, 1).await?;
        let stand = store::stand(&mut tx, from, place).await?.ok_or_else(no_place)?;
        Turn { queue: &here, by, reason, version, now }.take(&mut tx, &stand, &Step::Transfer).await?;
        not_in(&mut tx, &there.queue, &stand, &old.student).await?;
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
        for queue in [from, to] {
            self.changed(queue).await?;
        }
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
        let turn = Turn { queue: &held.queue, by, reason: None, version, now };
        turn.check(&stand)?;
        let status = undone(store::last_event(&mut tx, place).await?, &held.queue, now)?;
        turn.undo(&mut tx, &stand, &status).await?;
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
        let turn = Turn { queue: &here, by, reason: None, version, now };
        turn.check(&stand)?;
        let new = store::stand(&mut tx, other, next).await?.ok_or_else(no_place)?;
        gone_on((new.version == 1).then_some(next))?;
        let leaving = Turn { queue: &there.queue, by, reason: Some("moved back"), version: None, now };
        leaving.take(&mut tx, &new, &Step::Remove).await?;
        let status = undone(store::last_event(&mut tx, old.id).await?, &here, now)?;
        turn.undo(&mut tx, &stand, &status).await?;
        store::move_links(&mut tx, next, old.id).await?;
        tx.commit().await?;
        self.forget_links();
        self.changed(other).await?;
        self.changed(old.queue_id).await?;
        Ok(self.place(old.id).await?.1)
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

/// 409 if the student of a place has one in this queue.
async fn not_in(tx: &mut Tx, queue: &Queue, stand: &Stand, student: &str) -> Result<()> {
    let standing = store::standing(tx, queue, StudentKey::Id(stand.student_id)).await?;
    if standing.is_some_and(|standing| standing.present.is_some()) {
        return Err(Error::Conflict(format!("{student} waits in that queue already.").into()));
    }
    Ok(())
}

/// Locks two queues in the order of their ids, which rules out a deadlock; 422 if they are the same.
async fn both(tx: &mut Tx, from: i64, to: i64, keys: i64) -> Result<(Queue, Held)> {
    if from == to {
        return Err(Error::invalid("/queue_id", "is the queue it is in"));
    }
    let missing = || Error::invalid("/queue_id", format!("there is no queue {to}"));
    if from < to {
        let here = held(tx, from, 0).await?;
        let there = store::raise(tx, to, keys).await?.ok_or_else(missing)?;
        return Ok((here.queue, there));
    }
    let there = store::raise(tx, to, keys).await?.ok_or_else(missing)?;
    Ok((held(tx, from, 0).await?.queue, there))
}
