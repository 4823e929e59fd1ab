//! A queue and what belongs to it.

use crate::error::{Error, Result};
use crate::moment::Moment;

/// Whether a queue takes somebody in, as staff set it; the schedule may say no all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Takes students in.
    Open,
    /// Nobody for the moment.
    Paused,
    /// Takes nobody in until somebody opens it.
    Closed,
}

impl Intake {
    const ALL: [(&'static str, Intake); 3] =
        [("open", Intake::Open), ("paused", Intake::Paused), ("closed", Intake::Closed)];

    /// Reads its name.
    pub fn parse(text: &str) -> Result<Intake> {
        let known = Intake::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, intake)| *intake).ok_or_else(|| Error::invalid("/intake", "must be open, paused or closed"))
    }

    /// As it is stored.
    pub fn name(self) -> &'static str {
        Intake::ALL.iter().find(|(_, intake)| *intake == self).map_or("", |(name, _)| name)
    }
}

impl TryFrom<String> for Intake {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Intake, String> {
        Intake::parse(&text).map_err(|_| format!("there is no intake \"{text}\""))
    }
}

/// The settings of a queue that rules go by.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Queue {
    /// Primary key.
    pub id: i64,
    /// The college it belongs to.
    pub college_id: i64,
    /// Name of the college.
    pub college: String,
    /// Name for people.
    pub title: String,
    /// What students read first; Markdown.
    pub greeting: Option<String>,
    /// Whether it takes students in.
    #[sqlx(try_from = "String")]
    pub intake: Intake,
    /// Why not, for students.
    pub intake_message: Option<String>,
    /// How many may wait; `None`: any number.
    pub cap: Option<i64>,
    /// Seconds in which a called student must come.
    pub grace_seconds: i64,
    /// Minutes that a student may be away, in all.
    pub away_minutes: i64,
    /// Minutes after a visit before the student may join again.
    pub cooldown_minutes: i64,
    /// JSON: topics to choose from.
    pub topics: Option<String>,
    /// Where students go.
    pub location: Option<String>,
    /// IANA name of the zone of its hours.
    pub timezone: String,
    /// JSON: opening hours, see [`super::schedule`].
    pub schedule: Option<String>,
    /// JSON: dates on which it is closed.
    pub closed_dates: Option<String>,
    /// Places stay when the day ends.
    pub keep_overnight: bool,
    /// Number of its last change.
    pub seq: i64,
    /// Raised by changes that are no steps of a place: duty, announcements.
    pub aside: i64,
    /// Raised by every change of its settings; the ETag.
    pub version: i64,
    /// When it was deleted.
    pub deleted_at: Option<Moment>,
}

impl Queue {
    /// The topics to choose from.
    pub fn topics(&self) -> Vec<String> {
        self.topics.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The zone of its hours.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.timezone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// Somebody who serves a queue.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OnDuty {
    /// Primary key.
    pub id: i64,
    /// The advisor, if one serves.
    pub advisor_id: Option<i64>,
    /// The account, if one serves in its own name.
    pub user_id: Option<i64>,
    /// Name for people.
    pub name: String,
    /// Since when.
    pub since: Moment,
}

/// What everybody who waits is told.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Announcement {
    /// Primary key.
    pub id: i64,
    /// What is said.
    pub text: String,
    /// Who said it.
    pub author: String,
    /// When.
    pub at: Moment,
}
