//! When a queue is open: weekly hours in its own time zone, without the days on which it is closed.
//! Also how hours, days and topics are written.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Queue;
use crate::moment::Moment;
use crate::records::Nested;

const DAYS: [(&str, &str, Weekday); 7] = [
    ("mon", "monday", Weekday::Monday),
    ("tue", "tuesday", Weekday::Tuesday),
    ("wed", "wednesday", Weekday::Wednesday),
    ("thu", "thursday", Weekday::Thursday),
    ("fri", "friday", Weekday::Friday),
    ("sat", "saturday", Weekday::Saturday),
    ("sun", "sunday", Weekday::Sunday),
];

/// One stretch of a week. `to` is the first minute after it; `24:00` is midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stretch {
    day: String,
    from: String,
    to: String,
}

impl Stretch {
    fn weekday(&self) -> Option<Weekday> {
        let day = self.day.to_lowercase();
        DAYS.iter().find(|(short, long, _)| day == *short || day == *long).map(|(_, _, weekday)| *weekday)
    }

    /// Minutes after midnight.
    fn minutes(&self) -> Option<(i64, i64)> {
        Some((minute(&self.from)?, minute(&self.to)?))
    }

    fn check(mut self) -> Result<Stretch, String> {
        let weekday = self.weekday().ok_or_else(|| format!("\"{}\" is no day: write mon, tue, wed, …", self.day))?;
        let wrong = || format!("\"{}-{}\" is no stretch of a day: write 09:00-12:30", self.from, self.to);
        let (from, to) = self.minutes().ok_or_else(wrong)?;
        if from >= to {
            return Err(wrong());
        }
        let written = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        (self.from, self.to) = (written(from), written(to));
        self.day = DAYS.iter().find(|(_, _, day)| *day == weekday).map_or("", |(short, _, _)| short).to_owned();
        Ok(self)
    }
}

fn minute(text: &str) -> Option<i64> {
    if text == "24:00" {
        return Some(24 * 60);
    }
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(hours, 1..=2) || !digits(minutes, 2..=2) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
}

/// `[{"day": "mon", "from": "09:00", "to": "12:30"}]`, or lines such as `mon 09:00-12:30`.
pub static HOURS: Nested = Nested { check: check_hours, from_text: hours_from_text, to_text: hours_to_text };
/// `["2026-12-24"]`, or dates one a line.
pub static DATES: Nested = Nested { check: check_dates, from_text: list_from_text, to_text: list_to_text };
/// `["course choice"]`, or one a line.
pub static TOPICS: Nested = Nested { check: check_topics, from_text: lines_from_text, to_text: list_to_text };

fn check_hours(value: &Value) -> Result<Value, String> {
    let stretches: Vec<Stretch> = serde_json::from_value(value.clone())
        .map_err(|error| format!("must be a list of {{\"day\", \"from\", \"to\"}}: {error}"))?;
    if stretches.len() > 100 {
        return Err("more than 100 stretches".into());
    }
    let checked: Vec<_> = stretches.into_iter().map(Stretch::check).collect::<Result<_, _>>()?;
    serde_json::to_value(checked).map_err(|error| error.to_string())
}

fn hours_from_text(text: &str) -> Result<Value, String> {
    let lines = text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty());
    let stretches: Vec<_> = lines
        .map(|line| {
            let (day, hours) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let (from, to) = hours.trim().split_once('-').unwrap_or((hours, ""));
            Stretch { day: day.into(), from: from.trim().into(), to: to.trim().into() }.check()
        })
        .collect::<Result<_, _>>()?;
    serde_json::to_value(stretches).map_err(|error| error.to_string())
}

fn hours_to_text(value: &Value) -> String {
    let part = |item: &Value, name: &str| item[name].as_str().unwrap_or("").to_owned();
    Nested::lines(value, |item| format!("{} {}-{}", part(item, "day"), part(item, "from"), part(item, "to")))
}

fn check_dates(value: &Value) -> Result<Value, String> {
    let dates: Vec<String> = serde_json::from_value(value.clone()).map_err(|_| "must be a list of dates")?;
    if dates.len() > 1000 {
        return Err("more than 1000 dates".into());
    }
    match dates.iter().find(|date| date.len() != 10 || date.parse::<Date>().is_err()) {
        Some(wrong) => Err(format!("\"{wrong}\" is no date: write 2026-12-24")),
        None => Ok(dates.into()),
    }
}

fn check_topics(value: &Value) -> Result<Value, String> {
    let topics: Vec<String> = serde_json::from_value(value.clone()).map_err(|_| "must be a list of texts")?;
    let topics: Vec<_> = topics.iter().map(|topic| topic.trim().to_owned()).filter(|topic| !topic.is_empty()).collect();
    if topics.len() > 50 || topics.iter().any(|topic| topic.chars().count() > 100) {
        return Err("at most 50 topics of at most 100 characters".into());
    }
    Ok(topics.into())
}

fn list_from_text(text: &str) -> Result<Value, String> {
    let items: Vec<_> = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).collect();
    Ok(items.into_iter().filter(|item| !item.is_empty()).collect::<Vec<_>>().into())
}

fn lines_from_text(text: &str) -> Result<Value, String> {
    Ok(text.lines().map(str::trim).filter(|item| !item.is_empty()).collect::<Vec<_>>().into())
}

fn list_to_text(value: &Value) -> String {
    Nested::lines(value, |item| item.as_str().unwrap_or("").to_owned())
}

/// Whether a queue's hours allow joining, and when that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hours {
    /// There are no hours: always.
    Always,
    Open {
        until: Moment,
    },
    /// `next` is `None` when it does not open within four weeks.
    Closed {
        next: Option<Moment>,
    },
}

/// The hours of a queue at a moment.
pub fn hours(queue: &Queue, now: Moment) -> Hours {
    let list = |text: &Option<String>| text.as_deref().unwrap_or("[]").to_owned();
    let stretches: Vec<Stretch> = serde_json::from_str(&list(&queue.schedule)).unwrap_or_default();
    let closed: Vec<Date> = serde_json::from_str::<Vec<String>>(&list(&queue.closed_dates))
        .unwrap_or_default()
        .iter()
        .filter_map(|date| date.parse().ok())
        .collect();
    at(&stretches, &closed, &queue.zone(), now)
}

fn at(stretches: &[Stretch], closed: &[Date], zone: &TimeZone, now: Moment) -> Hours {
    if stretches.is_empty() && closed.is_empty() {
        return Hours::Always;
    }
    let whole_day = |weekday| Stretch { day: day_name(weekday).into(), from: "00:00".into(), to: "24:00".into() };
    let local = now.timestamp().to_zoned(zone.clone());
    let mut next: Option<Moment> = None;
    for ahead in 0..28 {
        let Ok(date) = local.date().checked_add(ahead.days()) else { break };
        if closed.contains(&date) {
            continue;
        }
        let any = [whole_day(date.weekday())];
        let today = if stretches.is_empty() { &any[..] } else { stretches };
        for stretch in today.iter().filter(|stretch| stretch.weekday() == Some(date.weekday())) {
            let Some((from, to)) = stretch.minutes() else { continue };
            let (from, to) = (moment(date, from, zone), moment(date, to, zone));
            if from <= now && now < to {
                return Hours::Open { until: to };
            }
            if from > now && next.is_none_or(|next| from < next) {
                next = Some(from);
            }
        }
        if next.is_some() {
            break;
        }
    }
    Hours::Closed { next }
}

fn day_name(weekday: Weekday) -> &'static str {
    DAYS.iter().find(|(_, _, day)| *day == weekday).map_or("", |(short, _, _)| short)
}

/// A time of day that the change of clocks skips is the moment after; one that comes twice is the first.
fn moment(date: Date, minutes: i64, zone: &TimeZone) -> Moment {
    let (date, minutes) = if minutes == 24 * 60 { (date.tomorrow().unwrap_or(date), 0) } else { (date, minutes) };
    let hour = i8::try_from(minutes / 60).unwrap_or(0);
    let minute = i8::try_from(minutes % 60).unwrap_or(0);
    let local = date.to_datetime(Time::new(hour, minute, 0, 0).unwrap_or(Time::midnight()));
    let zoned = local.to_zoned(zone.clone());
    Moment(zoned.map_or(i64::MAX, |zoned: Zoned| zoned.timestamp().as_millisecond()))
}

/// The first moment of the day in a zone.
pub fn midnight(zone: &TimeZone, now: Moment) -> Moment {
    let date = now.timestamp().to_zoned(zone.clone()).date();
    moment(date, 0, zone)
}

/// `14:05`, with the day when it is another one.
pub fn clock_time(at: Moment, zone: &TimeZone, now: Moment) -> String {
    let local = at.timestamp().to_zoned(zone.clone());
    if local.date() == now.timestamp().to_zoned(zone.clone()).date() {
        return local.strftime("%H:%M").to_string();
    }
    local.strftime("%A %-d %B, %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(text: &str) -> Vec<Stretch> {
        serde_json::from_value(hours_from_text(text).unwrap()).unwrap()
    }

    fn at_moment(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn hours_are_right_across_a_change_of_clocks_in_two_zones() {
        let open = |until: &str| Hours::Open { until: at_moment(until) };
        let closed = |next: &str| Hours::Closed { next: Some(at_moment(next)) };
        for (zone, hours, now, expected) in [
            // Berlin goes forward on 2026-03-29 at 02:00: nine o'clock is an hour earlier in UTC from then on.
            (
                "Europe/Berlin",
                "mon 09:00-12:00; sun 09:00-12:00",
                "2026-03-28T12:00:00Z",
                closed("2026-03-29T07:00:00Z"),
            ),
            ("Europe/Berlin", "sun 09:00-12:00", "2026-03-29T07:00:00Z", open("2026-03-29T10:00:00Z")),
            ("Europe/Berlin", "sun 09:00-12:00", "2026-03-22T08:00:00Z", open("2026-03-22T11:00:00Z")),
            // 02:30 does not exist on that day: it is 03:30.
            ("Europe/Berlin", "sun 02:30-04:00", "2026-03-29T00:30:00Z", closed("2026-03-29T01:30:00Z")),
            // New York goes back on 2026-11-01 at 02:00: 01:30 comes twice, and the stretch lasts an hour longer.
            ("America/New_York", "sun 01:30-03:00", "2026-11-01T05:30:00Z", open("2026-11-01T08:00:00Z")),
            ("America/New_York", "sun 01:30-03:00", "2026-11-01T06:45:00Z", open("2026-11-01T08:00:00Z")),
            ("America/New_York", "sun 01:30-03:00", "2026-11-01T08:00:00Z", closed("2026-11-08T06:30:00Z")),
            // midnight: the end of a day is not the next day
            ("America/New_York", "sat 20:00-24:00", "2026-11-01T03:59:59Z", open("2026-11-01T04:00:00Z")),
            ("America/New_York", "sat 20:00-24:00", "2026-11-01T04:00:00Z", closed("2026-11-08T01:00:00Z")),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(at(&stretches(hours), &[], &zone, at_moment(now)), expected, "{hours} at {now}");
        }
    }

    #[test]
    fn closed_days_are_left_out() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let days = ["2026-12-24".parse().unwrap()];
        let now = at_moment("2026-12-24T10:00:00Z");
        let hours = at(&stretches("thu 09:00-17:00"), &days, &zone, now);
        assert_eq!(hours, Hours::Closed { next: Some(at_moment("2026-12-31T08:00:00Z")) });
        assert_eq!(at(&[], &days, &zone, now), Hours::Closed { next: Some(at_moment("2026-12-24T23:00:00Z")) });
        assert_eq!(at(&[], &[], &zone, now), Hours::Always);
    }

    #[test]
    fn hours_are_read_and_written() {
        for (text, read) in [
            ("mon 09:00-12:30", Ok("mon 09:00-12:30")),
            ("Monday 9:00-12:30; sun 20:00-24:00", Ok("mon 09:00-12:30\nsun 20:00-24:00")),
            ("someday 09:00-12:00", Err("someday")),
            ("mon 12:00-09:00", Err("12:00-09:00")),
            ("mon 09:00-25:00", Err("25:00")),
            ("mon", Err("stretch")),
        ] {
            match (hours_from_text(text), read) {
                (Ok(value), Ok(read)) => assert_eq!(hours_to_text(&value), read),
                (Err(error), Err(word)) => assert!(error.contains(word), "{text}: {error}"),
                (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
            }
        }
    }
}
