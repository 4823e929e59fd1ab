//! The waiting room: students queue, watch their place live, and are called by advisors.
//!
//! What always holds:
//! - A student has at most one active place in a queue.
//! - The order is by arrival: a counter of the queue, taken when joining. A position is counted, never stored.
//! - An advisor, or an account that is no advisor, has at most one student called or being served.
//! - Every step is one transaction that first raises the queue's `seq`, so the steps of a queue come one
//!   after the other, and that writes an event; what is shown live carries the `seq` it shows.
//! - A step of staff names the version of the place it saw; otherwise nothing happens and they are told.

mod api;
mod board;
pub mod estimate;
mod events;
mod join;
mod json;
mod live;
mod moves;
mod numbers;
mod pages;
mod resources;
mod rules;
mod running;
mod schedule;
mod service;
mod stats;
mod steps;
mod store;
mod sweep;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::records::Nested;
use crate::staff::{Account, Author};

pub use api::Docs;
pub use join::{Join, Who};
pub use resources::{FAQS, QUEUERS, QUEUES};
pub use rules::{Desk, Step};
pub use service::Rooms;

/// URLs for anybody.
pub fn public_routes() -> Vec<rocket::Route> {
    [api::public_routes(), pages::routes()].concat()
}

/// URLs for staff.
pub fn staff_routes() -> Vec<rocket::Route> {
    [api::staff_routes(), board::routes(), numbers::routes()].concat()
}

/// Reading queues: settings with what is going on.
pub fn queue_routes() -> Vec<rocket::Route> {
    api::queue_routes()
}

/// Where a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Waiting,
    /// The place is kept, and skipped by call-next.
    Away,
    Called,
    Serving,
    Done,
    NoShow,
    /// By the student.
    Left,
    /// By staff.
    Removed,
    /// The queue was closed out, or the day ended.
    Expired,
    /// It goes on in another queue.
    Transferred,
}

impl State {
    pub const ALL: [(&'static str, State); 10] = [
        ("waiting", State::Waiting),
        ("away", State::Away),
        ("called", State::Called),
        ("serving", State::Serving),
        ("done", State::Done),
        ("no_show", State::NoShow),
        ("left", State::Left),
        ("removed", State::Removed),
        ("expired", State::Expired),
        ("transferred", State::Transferred),
    ];

    pub fn parse(text: &str) -> Option<State> {
        State::ALL.iter().find(|(name, _)| *name == text).map(|(_, state)| *state)
    }

    pub fn name(self) -> &'static str {
        State::ALL.iter().find(|(_, state)| *state == self).map_or("", |(name, _)| name)
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            State::NoShow => "did not come",
            State::Removed => "taken out",
            State::Expired => "closed",
            State::Transferred => "moved",
            other => other.name(),
        }
    }

    pub fn is_active(self) -> bool {
        matches!(self, State::Waiting | State::Away | State::Called | State::Serving)
    }
}

impl TryFrom<String> for State {
    type Error = String;
    fn try_from(text: String) -> Result<State, String> {
        State::parse(&text).ok_or_else(|| format!("there is no state \"{text}\""))
    }
}

/// What a step may change of a place. Kept with every event, so that Undo can put it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Status {
    #[sqlx(try_from = "String")]
    pub state: State,
    pub order_key: i64,
    pub advisor_id: Option<i64>,
    /// The account that called in its own name, or for the advisor.
    pub user_id: Option<i64>,
    pub called_at: Option<Moment>,
    pub started_at: Option<Moment>,
    pub ended_at: Option<Moment>,
    /// The called student said "I'm coming".
    pub coming_at: Option<Moment>,
    /// When the sweep looks: end of the grace, or of being away.
    pub due_at: Option<Moment>,
    pub away_since: Option<Moment>,
    /// Milliseconds away, before `away_since`.
    pub away_ms: i64,
    pub recalls: i64,
    pub end_reason: Option<String>,
    pub note: Option<String>,
}

/// A student's place, as it is shown.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Place {
    pub id: i64,
    pub queue_id: i64,
    pub student_id: i64,
    pub ticket: String,
    pub topic: Option<String>,
    pub question: Option<String>,
    pub joined_at: Moment,
    pub walk_in: bool,
    pub estimate_low: Option<i64>,
    pub estimate_high: Option<i64>,
    pub from_queuer_id: Option<i64>,
    pub version: i64,
    pub seq: i64,
    pub changed_by: String,
    pub changed_at: Moment,
    /// The preferred name if there is one.
    pub student: String,
    /// Whoever called.
    pub caller: Option<String>,
    /// Where to go.
    pub desk: Option<String>,
    pub video_url: Option<String>,
    /// Visits of this student that ended before, in any queue.
    pub visits: i64,
    #[sqlx(flatten)]
    pub status: Status,
}

impl Place {
    /// The place after a step. `caller` is whoever called, if the step is a call.
    fn after(&self, status: Status, seq: i64, by: &str, now: Moment, caller: Option<&Caller>) -> Place {
        let mut place = self.clone();
        if status.advisor_id.is_none() && status.user_id.is_none() {
            (place.caller, place.desk, place.video_url) = (None, None, None);
        } else if let Some(caller) = caller {
            place.caller = Some(caller.name.clone());
            (place.desk, place.video_url) = (caller.location.clone(), caller.video_url.clone());
        }
        place.version += 1;
        (place.seq, place.changed_by, place.changed_at) = (seq, by.to_owned(), now);
        place.status = status;
        place
    }

    pub fn state(&self) -> State {
        self.status.state
    }
}

/// Who does something, for events and for "already called by …".
#[derive(Debug, Clone)]
pub struct Actor {
    pub name: String,
    pub staff: bool,
    /// Whoever answers for it in the audit trail; `None` for students and for what happens by itself.
    pub author: Option<Author>,
}

impl Actor {
    pub fn student() -> Actor {
        Actor { name: "the student".into(), staff: false, author: None }
    }

    pub fn system() -> Actor {
        Actor { name: "Frontdesk".into(), staff: false, author: None }
    }

    pub fn staff(account: &Account) -> Actor {
        Actor { name: account.name.clone(), staff: true, author: Some(account.into()) }
    }
}

/// Who calls, with the name that is shown.
#[derive(Debug, Clone)]
pub struct Caller {
    pub desk: Desk,
    /// Whoever answers for it in the audit trail.
    pub author: Author,
    pub name: String,
    /// Where a called student goes.
    pub location: Option<String>,
    pub video_url: Option<String>,
}

/// The settings of a queue that rules go by.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Queue {
    pub id: i64,
    pub college_id: i64,
    pub college: String,
    pub title: String,
    pub greeting: Option<String>,
    pub intake: String,
    pub intake_message: Option<String>,
    pub cap: Option<i64>,
    pub grace_seconds: i64,
    pub away_minutes: i64,
    pub cooldown_minutes: i64,
    pub topics: Option<String>,
    pub location: Option<String>,
    pub timezone: String,
    pub schedule: Option<String>,
    pub closed_dates: Option<String>,
    pub keep_overnight: bool,
    pub seq: i64,
    pub aside: i64,
    pub version: i64,
    pub deleted_at: Option<Moment>,
}

impl Queue {
    pub fn topics(&self) -> Vec<String> {
        self.topics.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.timezone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// Somebody who serves a queue.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OnDuty {
    pub id: i64,
    pub advisor_id: Option<i64>,
    pub user_id: Option<i64>,
    pub name: String,
    pub since: Moment,
}

/// What everybody who waits is told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Announcement {
    pub id: i64,
    pub text: String,
    pub author: String,
    pub at: Moment,
}

impl Nested {
    /// The list that a column holds.
    pub(crate) fn lines(value: &serde_json::Value, write: impl Fn(&serde_json::Value) -> String) -> String {
        value.as_array().map_or(String::new(), |items| items.iter().map(write).collect::<Vec<_>>().join("\n"))
    }
}

impl Caller {
    fn actor(&self) -> Actor {
        Actor { name: self.name.clone(), staff: true, author: Some(self.author.clone()) }
    }
}
