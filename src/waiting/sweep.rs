//! Periodic work: ends grace periods and absences that are over, and clears queues at the end of the day.
//! Each goes through the same guarded update as a step of staff, so several nodes may sweep at once.

use std::time::Duration;

use super::live::Live;
use super::rules::Step;
use super::schedule::midnight;
use super::service::{Rooms, Shared, held, unless_removed};
use super::turn::Turn;
use super::{Actor, State, store};
use crate::error::Result;
use crate::moment::Moment;

/// The pause between two sweeps, and between two looks for changes by other processes.
const ROUND: Duration = Duration::from_secs(1);
/// Streams are woken at most this often.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// What PostgreSQL's nodes wake each other with.
const CHANNEL: &str = "frontdesk_rooms";

impl Rooms {
    /// Runs until the server stops: sweeps, finds what other processes changed, wakes the streams.
    pub async fn run(self, shutdown: rocket::Shutdown) {
        let sweeps = async {
            loop {
                tokio::time::sleep(ROUND).await;
                if let Err(error) = self.sweep().await {
                    tracing::error!(%error, "the waiting room's sweep failed; it is tried again");
                }
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = sweeps => {}
            () = self.wake_streams() => {}
            () = self.listen() => {}
        }
    }

    async fn wake_streams(&self) {
        loop {
            let here = tokio::select! {
                () = self.wake.notified() => true,
                () = tokio::time::sleep(ROUND) => false,
            };
            if let Err(error) = self.look_around(here).await {
                tracing::warn!(%error, "live pages are behind; it is tried again");
            }
            tokio::time::sleep(DEBOUNCE).await;
        }
    }

    /// Brings rooms up to date and wakes their streams.
    async fn look_around(&self, changed_here: bool) -> Result<()> {
        if changed_here && let Err(error) = self.db.notify(CHANNEL).await {
            // Nothing is lost by it: the others look every second.
            tracing::warn!(%error, "other nodes could not be notified");
        }
        if !changed_here {
            self.find_changes().await?;
        }
        for (id, live) in self.open_rooms() {
            // The streams of a queue that was removed show that.
            unless_removed(self.room(id).await)?;
            live.publish();
        }
        Ok(())
    }

    /// What other processes changed.
    async fn find_changes(&self) -> Result<()> {
        let rooms = self.open_rooms();
        if rooms.is_empty() {
            return Ok(());
        }
        let marks = store::marks(&self.db).await?;
        for (id, live) in rooms {
            let mark = marks.iter().find(|(queue, _, _)| *queue == id);
            let differs = mark.is_none_or(|(_, seq, version)| live.differs(*seq, *version));
            if differs || live.should_learn(self.now()) {
                live.changed();
            }
        }
        Ok(())
    }

    /// PostgreSQL only: another node changed something.
    async fn listen(&self) {
        loop {
            match self.db.listen(CHANNEL).await {
                Ok(Some(mut listener)) => {
                    while listener.heard().await.is_ok() {
                        if let Err(error) = self.look_around(false).await {
                            tracing::warn!(%error, "live pages are behind; it is tried again");
                        }
                    }
                }
                Ok(None) => std::future::pending().await,
                Err(error) => tracing::warn!(%error, "cannot listen; changes of other nodes are seen a second later"),
            }
            tokio::time::sleep(ROUND).await;
        }
    }
}

impl Shared {
    /// Ends what is over. Tests call it when they moved their clock.
    pub async fn sweep(&self) -> Result<()> {
        self.forget_quiet();
        for (place, queue) in store::due(&self.db, self.now()).await? {
            if self.sweep_place(place, queue).await? {
                unless_removed(self.changed(queue).await)?;
            }
        }
        for (queue, _, _) in store::marks(&self.db).await? {
            unless_removed(self.sweep_night(queue).await)?;
        }
        Ok(())
    }

    async fn sweep_place(&self, place: i64, queue: i64) -> Result<bool> {
        let now = self.now();
        let mut tx = self.db.begin().await?;
        let Some(held) = store::raise(&mut tx, queue, 0).await? else { return Ok(false) };
        let Some(stand) = store::stand(&mut tx, queue, place).await? else { return Ok(false) };
        // Somebody may have been faster.
        if stand.status.due_at.is_none_or(|due| due > now) {
            return Ok(false);
        }
        let (step, reason) = match stand.status.state {
            State::Called => (Step::NoShow, Some("the time to come was over")),
            State::Away => (Step::Back, None),
            _ => return Ok(false),
        };
        let (by, version) = (Actor::system(), Some(stand.version));
        Turn { queue: &held.queue, by: &by, reason, version, now }.take(&mut tx, &stand, &step).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Nothing survives the night unless told to: not in the line, not at a desk, not on duty.
    async fn sweep_night(&self, queue: i64) -> Result<()> {
        let live = self.room(queue).await?;
        let (zone, keep) = {
            let room = live.room();
            (room.queue.zone(), room.queue.keep_overnight)
        };
        let now = self.now();
        let today = midnight(&zone, now);
        if self.nights.lock().get(&queue) == Some(&today) {
            return Ok(());
        }
        if !keep {
            self.clear_night(queue, &live, today, now).await?;
        }
        self.nights.lock().insert(queue, today);
        Ok(())
    }

    async fn clear_night(&self, queue: i64, live: &Live, today: Moment, now: Moment) -> Result<()> {
        let duty = live.room().duty.iter().any(|duty| duty.since < today);
        let leftovers = store::has_leftovers(&self.db, queue, today).await?;
        let forgotten = store::forgotten(&self.db, queue, today).await?;
        if !duty && !leftovers && forgotten.is_empty() {
            return Ok(());
        }
        let by = Actor::system();
        let mut tx = self.db.begin().await?;
        let held = held(&mut tx, queue, 0).await?;
        if leftovers {
            store::close_out(&mut tx, &held.queue, "The day is over.", &by.name, now).await?;
        }
        let turn = Turn { queue: &held.queue, by: &by, reason: Some("ended by the night"), version: None, now };
        for place in forgotten {
            let stand = store::stand(&mut tx, queue, place).await?;
            if let Some(stand) = stand.filter(|stand| stand.status.state == State::Serving) {
                turn.take(&mut tx, &stand, &Step::Done).await?;
            }
        }
        store::end_duties(&mut tx, queue, today, now).await?;
        tx.commit().await?;
        self.changed(queue).await.map(drop)
    }
}
