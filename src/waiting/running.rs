//! Running a queue: intake, duty, messages, closing out.

use super::service::{Shared, held};
use super::store::{self, NewEvent};
use super::{Actor, Caller, Intake, Queue};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::Deed;

impl Shared {
    /// Ends every place that waits, with a message, and closes intake: one transaction. Returns how many.
    pub async fn close_out(&self, queue: i64, message: &str, by: &Actor) -> Result<u64> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        let ended = store::close_out(&mut tx, &held.queue, message, &by.name, now).await?;
        store::write_intake(&mut tx, queue, Intake::Closed, Some(message), now).await?;
        note(&mut tx, &held.queue, by, Happened { what: "close_out", to: None, reason: Some(message) }, now).await?;
        tx.commit().await?;
        self.changed(queue).await?;
        Ok(ended)
    }

    /// Opens, pauses or closes intake. Those who wait stay.
    pub async fn set_intake(&self, queue: i64, intake: Intake, message: Option<&str>, by: &Actor) -> Result<()> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        store::write_intake(&mut tx, queue, intake, message, now).await?;
        note(&mut tx, &held.queue, by, Happened { what: "intake", to: Some(intake.name()), reason: message }, now)
            .await?;
        tx.commit().await?;
        self.changed(queue).await.map(drop)
    }

    /// Puts somebody on duty, or off. Twice is as good as once. Returns whether anybody is left.
    pub async fn set_duty(&self, queue: i64, caller: &Caller, on: bool) -> Result<bool> {
        let (advisor, account) = caller.desk.ids();
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        if on {
            store::begin_duty(&mut tx, queue, advisor, account, now).await?;
        } else {
            store::end_duty(&mut tx, queue, advisor, account, now).await?;
        }
        note_duty(&mut tx, &held.queue, caller, if on { "on" } else { "off" }, now).await?;
        tx.commit().await?;
        Ok(!self.changed(queue).await?.room().duty.is_empty())
    }

    /// Tells everybody who waits; an empty text removes the message.
    pub async fn announce(&self, queue: i64, text: &str, by: &Actor) -> Result<()> {
        let text = Some(text.trim()).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > 500) {
            return Err(Error::invalid("/text", "has more than 500 characters"));
        }
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        store::announce(&mut tx, queue, text, &by.name, now).await?;
        note(&mut tx, &held.queue, by, Happened { what: "message", to: None, reason: text }, now).await?;
        tx.commit().await?;
        self.changed(queue).await.map(drop)
    }
}

/// What happened to a queue, for its history and the audit trail.
struct Happened<'a> {
    what: &'static str,
    to: Option<&'a str>,
    reason: Option<&'a str>,
}

async fn note(
    tx: &mut Tx,
    queue: &Queue,
    by: &Actor,
    Happened { what, to, reason }: Happened<'_>,
    now: Moment,
) -> Result<()> {
    let event = NewEvent {
        queue: queue.id,
        seq: queue.seq,
        place: None,
        at: now,
        actor: &by.name,
        what,
        from: None,
        to,
        reason,
        before: None,
    };
    store::insert_event(tx, event).await?;
    let deed = Deed::new(what, "queues", queue.id).with(to.unwrap_or(""));
    super::service::note(tx, by, deed, now).await
}

pub(super) async fn note_duty(tx: &mut Tx, queue: &Queue, who: &Caller, to: &str, now: Moment) -> Result<()> {
    note(tx, queue, &who.actor(), Happened { what: "duty", to: Some(to), reason: None }, now).await
}
