//! Looking at the waiting room: queues, the past of a place, visits.

use std::sync::Arc;

use super::live::Live;
use super::service::{Shared, unless_removed};
use super::stats::Ended;
use super::store::{self, Event};
use super::{Place, Queue};
use crate::error::Result;
use crate::moment::DAY;

/// Visits that statistics are made of, at most: the newest.
const MOST: i64 = 100_000;

impl Shared {
    /// Every queue as it is now, with its number.
    pub async fn all_rooms(&self) -> Result<Vec<(i64, Arc<Live>)>> {
        let mut all = Vec::new();
        for (id, _) in store::titles(&self.db).await? {
            all.extend(unless_removed(self.room(id).await)?.map(|live| (id, live)));
        }
        Ok(all)
    }

    /// Number and title of every other queue, by title.
    pub async fn other_queues(&self, queue: i64) -> Result<Vec<(i64, String)>> {
        let mut others = store::titles(&self.db).await?;
        others.retain(|(id, _)| *id != queue);
        Ok(others)
    }

    /// Questions and answers for a queue: its own, its college's, and everybody's.
    pub async fn faqs(&self, queue: &Queue) -> Result<Vec<(String, String)>> {
        Ok(store::faqs(&self.db, queue.id, queue.college_id).await?)
    }

    /// The places of a queue that ended and were joined within the last days, the newest first.
    pub async fn ended(&self, queue: i64, days: i64) -> Result<Vec<Ended>> {
        Ok(store::ended(&self.db, queue, self.now().plus(-days * DAY), MOST).await?)
    }

    /// What happened to a place, oldest first.
    pub async fn history(&self, place: i64) -> Result<Vec<Event>> {
        Ok(store::history(&self.db, place).await?)
    }

    /// What happened in a queue after the event `(seq, id)`, oldest first.
    pub async fn events_after(&self, queue: i64, (seq, id): (i64, i64), at_most: i64) -> Result<Vec<Event>> {
        Ok(store::events_after(&self.db, queue, seq, id, at_most).await?)
    }

    /// The places of a student, the newest first.
    pub async fn places_of(&self, student: i64) -> Result<Vec<Place>> {
        Ok(store::places_of(&self.db, student).await?)
    }
}
