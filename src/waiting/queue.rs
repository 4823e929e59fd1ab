//! A queue and what belongs to it.

use crate::error::{Error, Result};
use crate::moment::Moment;

/// Whether a queue takes somebody in, as staff set it; the schedule may say no all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    Open,
    /// Nobody for the moment.
    Paused,
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
    pub id: i64,
    pub college_id: i64,
    pub college: String,
    pub title: String,
    pub greeting: Option<String>,
    #[sqlx(try_from = "String")]
    pub intake: Intake,
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
