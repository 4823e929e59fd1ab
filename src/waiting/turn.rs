//! A turn: the steps that somebody takes in a queue within one transaction.

use super::rules::{self, Step};
use super::service::note;
use super::store::{self, NewEvent, Stand};
use super::{Actor, Queue, State, Status};
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::staff::Deed;

/// Who takes steps in a queue that the transaction holds, when, and on what condition.
pub(super) struct Turn<'t> {
    pub(super) queue: &'t Queue,
    pub(super) by: &'t Actor,
    pub(super) reason: Option<&'t str>,
    /// Only if the place is still of this version; `None`: of whichever it is.
    pub(super) version: Option<i64>,
    pub(super) now: Moment,
}

impl Turn<'_> {
    /// Takes a step with a place: the guarded update and its event. Returns what the place becomes; somebody who was faster,
    /// or a step that does not lead from where it stands, is [`Error::Outdated`].
    pub(super) async fn take(&self, tx: &mut Tx, stand: &Stand, step: &Step) -> Result<Status> {
        self.check(stand)?;
        let mut status =
            rules::apply(step, &stand.status, self.queue, self.now).map_err(|reason| outdated(Some(reason)))?;
        if status.ended_at.is_some() && stand.status.ended_at.is_none() {
            status.end_reason = self.reason.map(str::to_owned);
        }
        self.write(tx, stand, &status, step.name()).await?;
        Ok(status)
    }

    /// Takes a step back: the place becomes what it was.
    pub(super) async fn undo(&self, tx: &mut Tx, stand: &Stand, before: &Status) -> Result<()> {
        self.check(stand)?;
        self.write(tx, stand, before, "undo").await
    }

    /// Whether the place is still of the version that the turn is for.
    pub(super) fn check(&self, stand: &Stand) -> Result<()> {
        if self.version.is_some_and(|version| version != stand.version) { Err(outdated(None)) } else { Ok(()) }
    }

    async fn write(&self, tx: &mut Tx, stand: &Stand, status: &Status, what: &str) -> Result<()> {
        let before = serde_json::to_string(&stand.status).map_err(|error| Error::Internal(Box::new(error)))?;
        let event = NewEvent {
            queue: self.queue.id,
            seq: self.queue.seq,
            place: Some(stand.id),
            at: self.now,
            actor: &self.by.name,
            what,
            from: Some(stand.status.state.name()),
            to: Some(status.state.name()),
            reason: self.reason,
            before: Some(before),
        };
        match store::write_status(tx, stand, status, event).await {
            Ok(true) => note(tx, self.by, Deed::new(what, "queuers", stand.id), self.now).await,
            Ok(false) => Err(outdated(None)),
            Err(DbError::Duplicate) => Err(taken(stand, status)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Somebody was faster, or why a step does not lead from where the place stands. `Shared::told` fills in what it is now.
pub(super) fn outdated(reason: Option<String>) -> Error {
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
