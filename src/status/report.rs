//! Looking at what works.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{NotReady, Pool};
use crate::entries::Entries;
use crate::limits::DISK_RESERVE;
use crate::moment::{Clock, Moment};

/// What works at a moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Status)]
pub struct Report {
    /// Everything does.
    pub works: bool,
    pub version: &'static str,
    /// When the program started.
    #[schema(value_type = String, format = DateTime)]
    pub since: Moment,
    /// When it was looked at.
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    pub parts: Vec<Part>,
}

/// One of the things that must work.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StatusPart)]
pub struct Part {
    /// `store`, `disk` or `queue`.
    pub name: &'static str,
    pub works: bool,
    /// In words for people.
    pub detail: String,
}

/// How long a look counts.
const FRESH: Duration = Duration::from_secs(1);

/// What is looked at. Rocket's state.
pub struct Status {
    db: Pool,
    clock: Clock,
    entries: Entries,
    since: Moment,
    /// Who asks while somebody looks waits for what they see.
    last: tokio::sync::Mutex<Option<(Instant, Arc<Report>)>>,
}

impl Status {
    /// The program starts now.
    pub fn new(db: Pool, clock: Clock, entries: Entries) -> Status {
        Status { since: clock.now(), db, clock, entries, last: tokio::sync::Mutex::default() }
    }

    /// What works, as of a second ago at most.
    pub async fn report(&self) -> Arc<Report> {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let report = Arc::new(self.look().await);
        *last = Some((Instant::now(), report.clone()));
        report
    }

    async fn look(&self) -> Report {
        let parts = vec![self.store().await, self.disk(), self.queue()];
        Report {
            works: parts.iter().all(|part| part.works),
            version: env!("CARGO_PKG_VERSION"),
            since: self.since,
            at: self.clock.now(),
            parts,
        }
    }

    /// A full disk is told of the disk.
    async fn store(&self) -> Part {
        let detail = match self.db.ready().await {
            Ok(()) | Err(NotReady::Full) => return part("store", true, "The database answers and takes writes."),
            Err(reason) => reason.to_string(),
        };
        part("store", false, detail)
    }

    fn disk(&self) -> Part {
        match self.db.disk() {
            Some(disk) if disk.free < DISK_RESERVE || self.db.is_scarce() => {
                part("disk", false, "The disk of the database is full.")
            }
            Some(_) => part("disk", true, "The disk of the database has room."),
            None => part("disk", true, "The disk belongs to the database server and is not checked."),
        }
    }

    fn queue(&self) -> Part {
        if self.entries.has_room() {
            part("queue", true, "Entries are taken in.")
        } else {
            part("queue", false, "More arrives than can be stored right now.")
        }
    }
}

fn part(name: &'static str, works: bool, detail: impl Into<String>) -> Part {
    Part { name, works, detail: detail.into() }
}
