//! A queue and what belongs to it.

use crate::moment::Moment;

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
