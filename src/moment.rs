//! Time: a moment in Unix milliseconds, and the clock it is read from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A moment in Unix milliseconds. Written as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Moment(pub i64);

/// Milliseconds of a second.
pub const SECOND: i64 = 1000;
/// Milliseconds of a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Milliseconds of an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of 24 hours.
pub const DAY: i64 = 24 * HOUR;

impl Moment {
    /// Reads RFC 3339 with a zone. `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Moment> {
        text.parse::<Timestamp>().ok().map(|at| Moment(at.as_millisecond()))
    }

    /// So many milliseconds later; earlier if negative.
    pub fn plus(self, milliseconds: i64) -> Moment {
        Moment(self.0.saturating_add(milliseconds))
    }

    /// A date for people, `2026-01-31 14:05` in UTC.
    pub fn short(self) -> String {
        self.to_string()[..16].replace('T', " ")
    }

    pub(crate) fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Moment {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Moment::parse(&text).ok_or_else(|| serde::de::Error::custom("must be a moment (RFC 3339)"))
    }
}

/// Where the time comes from, so that tests own it.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A clock that stands at `start` until it is [`Clock::set`].
    pub fn standing(start: Moment) -> Clock {
        Clock(Some(Arc::new(AtomicI64::new(start.0))))
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        match &self.0 {
            Some(fixed) => Moment(fixed.load(Ordering::SeqCst)),
            None => Moment(Timestamp::now().as_millisecond()),
        }
    }

    /// Whether this is the machine's clock.
    pub fn is_system(&self) -> bool {
        self.0.is_none()
    }

    /// Moves a standing clock; does nothing to the machine's.
    pub fn set(&self, to: Moment) {
        if let Some(fixed) = &self.0 {
            fixed.store(to.0, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn moments_are_written_with_milliseconds_and_read_back() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Moment(ms).to_string(), text);
            assert_eq!(Moment::parse(text), Some(Moment(ms)));
        }
        assert_eq!(Moment::parse("2023-11-14T23:13:20.123+01:00"), Some(Moment(1_700_000_000_123)));
        assert_eq!(Moment::parse("2023-11-14"), None);
    }
}
