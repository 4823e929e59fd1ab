//! What became of the places of a queue: waits, visits, how often what was told was true. No IO.
//!
//! Durations are differences of moments, so a change of clocks does not stretch them; the hour of the week is the
//! local one of the queue's zone. Ghosts (places that the night or a closing ended) are counted apart: they tell
//! nothing about waiting.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::State;
use crate::moment::{HOUR, MINUTE, Moment};

/// A place that ended.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Ended {
    #[sqlx(try_from = "String")]
    pub state: State,
    pub joined_at: Moment,
    pub called_at: Option<Moment>,
    pub started_at: Option<Moment>,
    pub ended_at: Option<Moment>,
    pub away_ms: i64,
    pub end_reason: Option<String>,
    pub estimate_low: Option<i64>,
    pub estimate_high: Option<i64>,
    pub caller: Option<String>,
}

impl Ended {
    /// From joining to being called, without being away.
    fn wait(&self) -> Option<i64> {
        self.called_at.map(|called| (called.0 - self.joined_at.0 - self.away_ms).max(0))
    }

    fn service(&self) -> Option<i64> {
        let begun = self.started_at.or(self.called_at)?;
        self.ended_at.filter(|_| self.state == State::Done).map(|ended| ended.0 - begun.0)
    }

    fn is_ghost(&self) -> bool {
        let endless = self.service().is_some_and(|service| service > 4 * HOUR);
        self.state == State::Expired || endless || self.end_reason.as_deref() == Some("ended by the night")
    }
}

/// Median and 90th percentile, in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    pub p50: i64,
    pub p90: i64,
}

impl Spread {
    fn of(mut durations: Vec<i64>) -> Option<Spread> {
        durations.sort_unstable();
        let at = |percent: usize| durations.get(durations.len() * percent / 100).map(|ms| (ms + MINUTE / 2) / MINUTE);
        Some(Spread { p50: at(50)?, p90: at(90)? })
    }
}

/// An hour of the week, of the local day on which students joined.
#[derive(Debug, PartialEq, Eq)]
pub struct HourOfWeek {
    /// 0 is Monday.
    pub day: i8,
    pub hour: i8,
    pub joined: usize,
    pub wait: Option<Spread>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct ByAdvisor {
    pub name: String,
    pub served: usize,
    pub service: Option<Spread>,
}

/// The figures of a queue.
#[derive(Debug)]
pub struct Figures {
    pub places: usize,
    pub ghosts: usize,
    pub served: usize,
    pub wait: Option<Spread>,
    pub service: Option<Spread>,
    /// Percent of those who were not ghosts.
    pub no_show: Option<usize>,
    pub left: Option<usize>,
    /// Places that were told a range on joining; `inside` is the percentage of them whose wait fell inside it.
    pub told: usize,
    pub inside: Option<usize>,
    pub by_hour: Vec<HourOfWeek>,
    pub by_advisor: Vec<ByAdvisor>,
}

fn percent(part: usize, whole: usize) -> Option<usize> {
    (whole > 0).then(|| (100 * part + whole / 2) / whole)
}

impl Figures {
    pub fn of(places: &[Ended], zone: &TimeZone) -> Figures {
        let real: Vec<_> = places.iter().filter(|place| !place.is_ghost()).collect();
        let count = |state| real.iter().filter(|place| place.state == state).count();
        let told: Vec<_> = real.iter().filter_map(|place| is_inside(place)).collect();
        Figures {
            places: places.len(),
            ghosts: places.len() - real.len(),
            served: count(State::Done),
            wait: Spread::of(real.iter().filter_map(|place| place.wait()).collect()),
            service: Spread::of(real.iter().filter_map(|place| place.service()).collect()),
            no_show: percent(count(State::NoShow), real.len()),
            left: percent(count(State::Left), real.len()),
            told: told.len(),
            inside: percent(told.iter().filter(|inside| **inside).count(), told.len()),
            by_hour: by_hour(&real, zone),
            by_advisor: by_advisor(&real),
        }
    }
}

/// Whether the wait was what was told on joining; `None` if nothing was, or nobody called.
fn is_inside(place: &Ended) -> Option<bool> {
    let (low, high) = (place.estimate_low?, place.estimate_high?);
    place.wait().map(|wait| (low * MINUTE..=high * MINUTE).contains(&wait))
}

fn by_hour(places: &[&Ended], zone: &TimeZone) -> Vec<HourOfWeek> {
    let mut hours: BTreeMap<(i8, i8), Vec<Option<i64>>> = BTreeMap::new();
    for place in places {
        let local = place.joined_at.timestamp().to_zoned(zone.clone());
        let key = (local.weekday().to_monday_zero_offset(), local.hour());
        hours.entry(key).or_default().push(place.wait());
    }
    hours
        .into_iter()
        .map(|((day, hour), waits)| HourOfWeek {
            day,
            hour,
            joined: waits.len(),
            wait: Spread::of(waits.into_iter().flatten().collect()),
        })
        .collect()
}

fn by_advisor(places: &[&Ended]) -> Vec<ByAdvisor> {
    let mut names: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for place in places {
        if let (Some(name), Some(service)) = (&place.caller, place.service()) {
            names.entry(name).or_default().push(service);
        }
    }
    names
        .into_iter()
        .map(|(name, services)| ByAdvisor {
            name: name.to_owned(),
            served: services.len(),
            service: Spread::of(services),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(joined: &str, wait: i64, service: i64) -> Ended {
        let joined_at = Moment::parse(joined).unwrap();
        let called = joined_at.plus(wait * MINUTE);
        Ended {
            state: State::Done,
            joined_at,
            called_at: Some(called),
            started_at: None,
            ended_at: Some(called.plus(service * MINUTE)),
            away_ms: 0,
            end_reason: None,
            estimate_low: Some(5),
            estimate_high: Some(15),
            caller: Some("Kim".into()),
        }
    }

    #[test]
    fn waits_are_right_across_a_change_of_clocks_in_two_zones() {
        for (zone, joined, hour) in [
            // 01:50 in Berlin; ten minutes later the clocks go from two to three
            ("Europe/Berlin", "2026-03-29T00:50:00Z", 1),
            ("Europe/Berlin", "2026-03-29T01:10:00Z", 3),
            // 01:50 comes twice in New York
            ("America/New_York", "2026-11-01T05:50:00Z", 1),
            ("America/New_York", "2026-11-01T06:50:00Z", 1),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            let figures = Figures::of(&[place(joined, 20, 30)], &zone);
            assert_eq!((figures.wait.unwrap().p50, figures.service.unwrap().p50), (20, 30), "{joined}");
            assert_eq!((figures.by_hour[0].day, figures.by_hour[0].hour), (6, hour), "{joined}");
        }
    }

    #[test]
    fn midnight_belongs_to_the_new_day() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let figures = Figures::of(&[place("2026-03-10T03:59:00Z", 1, 1), place("2026-03-10T04:00:00Z", 1, 1)], &zone);
        let hours: Vec<_> = figures.by_hour.iter().map(|h| (h.day, h.hour)).collect();
        assert_eq!(hours, [(0, 23), (1, 0)]);
    }

    #[test]
    fn ghosts_are_counted_apart() {
        let mut ghost = place("2026-03-10T09:00:00Z", 10, 14 * 60);
        ghost.end_reason = Some("ended by the night".into());
        let mut expired = place("2026-03-10T09:00:00Z", 10, 1);
        (expired.state, expired.called_at) = (State::Expired, None);
        let mut left = place("2026-03-10T09:00:00Z", 10, 1);
        (left.state, left.called_at) = (State::Left, None);
        let real = place("2026-03-10T09:00:00Z", 10, 8);
        let figures = Figures::of(&[ghost, expired, left, real], &TimeZone::UTC);
        assert_eq!((figures.places, figures.ghosts, figures.served), (4, 2, 1));
        assert_eq!((figures.left, figures.no_show), (Some(50), Some(0)));
        assert_eq!(figures.service, Some(Spread { p50: 8, p90: 8 }));
        assert_eq!((figures.told, figures.inside), (1, Some(100)));
        assert_eq!(Figures::of(&[], &TimeZone::UTC).wait, None);
    }
}
