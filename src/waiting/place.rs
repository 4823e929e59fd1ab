//! A student's place in a queue.

use serde::{Deserialize, Serialize};

use super::actor::Caller;
use crate::moment::Moment;

/// Where a place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In line.
    Waiting,
    /// The place is kept, and skipped by call-next.
    Away,
    /// Asked to come; the grace runs.
    Called,
    /// At the desk.
    Serving,
    /// The visit ended.
    Done,
    /// Did not come within the grace.
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
    /// All states with their names.
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

    /// Reads a name.
    pub fn parse(text: &str) -> Option<State> {
        State::ALL.iter().find(|(name, _)| *name == text).map(|(_, state)| *state)
    }

    /// As it is stored and sent.
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

    /// The student is still in the queue or at the desk.
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
    /// Where the place stands.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// Its position in the line: the smallest comes first.
    pub order_key: i64,
    /// The advisor who called.
    pub advisor_id: Option<i64>,
    /// The account that called in its own name, or for the advisor.
    pub user_id: Option<i64>,
    /// When the student was called.
    pub called_at: Option<Moment>,
    /// When the visit began.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// The called student said "I'm coming".
    pub coming_at: Option<Moment>,
    /// When the sweep looks: end of the grace, or of being away.
    pub due_at: Option<Moment>,
    /// Since when the student is away.
    pub away_since: Option<Moment>,
    /// Milliseconds away, before `away_since`.
    pub away_ms: i64,
    /// How often the call was repeated.
    pub recalls: i64,
    /// Why it ended, if somebody said so.
    pub end_reason: Option<String>,
    /// A note of staff.
    pub note: Option<String>,
}

impl Status {
    /// Of a place that was just created.
    pub(super) fn waiting(order_key: i64) -> Status {
        Status {
            state: State::Waiting,
            order_key,
            advisor_id: None,
            user_id: None,
            called_at: None,
            started_at: None,
            ended_at: None,
            coming_at: None,
            due_at: None,
            away_since: None,
            away_ms: 0,
            recalls: 0,
            end_reason: None,
            note: None,
        }
    }
}

/// A student's place, as it is shown.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Place {
    /// Primary key.
    pub id: i64,
    /// The queue.
    pub queue_id: i64,
    /// The student.
    pub student_id: i64,
    /// What the display calls, such as `A17`.
    pub ticket: String,
    /// One of the queue's topics.
    pub topic: Option<String>,
    /// In the student's words.
    pub question: Option<String>,
    /// When they joined; a transfer keeps it.
    pub joined_at: Moment,
    /// Staff took them in.
    pub walk_in: bool,
    /// Minutes that were told on joining, from …
    pub estimate_low: Option<i64>,
    /// … to; `None`: nothing was told.
    pub estimate_high: Option<i64>,
    /// The place in another queue from which this one was transferred.
    pub from_queuer_id: Option<i64>,
    /// Raised by every change.
    pub version: i64,
    /// Number of the queue's change that made it what it is.
    pub seq: i64,
    /// Who made that change.
    pub changed_by: String,
    /// When it was made.
    pub changed_at: Moment,
    /// The preferred name if there is one.
    pub student: String,
    /// Name of the advisor or account that called.
    pub caller: Option<String>,
    /// Where to go.
    pub desk: Option<String>,
    /// Where to meet online.
    pub video_url: Option<String>,
    /// Visits of this student that ended before, in any queue.
    pub visits: i64,
    /// What steps change.
    #[sqlx(flatten)]
    pub status: Status,
}

impl Place {
    /// The place after a step. `caller` is given if the step is a call.
    pub(super) fn after(&self, status: Status, seq: i64, by: &str, now: Moment, caller: Option<&Caller>) -> Place {
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

    /// Where the place stands.
    pub fn state(&self) -> State {
        self.status.state
    }
}
