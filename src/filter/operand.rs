//! What stands behind the `=` of a condition: text that may also be read as a number, a truth value, a date.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use super::op::Op;
use crate::limits::{MAX_SEARCH, MAX_VALUES};
use crate::moment::{DAY, Moment};

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// The operand of one condition, read as its operator needs it.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Equality, a comparison or a search.
    One(Value),
    /// `in`, `notin`; `between` has two.
    Many(Vec<Value>),
    /// `on`.
    Range(DateRange),
    /// `null`, `exists`, `empty`.
    Truth(bool),
    /// `type`.
    Type(&'static str),
}

/// A text and its other readings.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// As it was written.
    pub text: String,
    /// Plain decimal notation of the number: a 64-bit integer or the shortest form of a double.
    pub number: Option<String>,
    /// `true` or `false`, if it says so.
    pub truth: Option<bool>,
    /// The day or moment, if it is one.
    pub date: Option<DateRange>,
}

/// A range of whole days in the reader's zone, or one instant when `days` is `None` (then `end == start`).
#[derive(Debug, Clone, PartialEq)]
pub struct DateRange {
    /// The first moment.
    pub start: Moment,
    /// The first moment after it.
    pub end: Moment,
    /// First day, and first day after it: what a field that holds only dates is compared with.
    pub days: Option<(String, String)>,
}

pub const TYPES: [&str; 6] = ["string", "number", "bool", "null", "array", "object"];

impl Operand {
    pub(crate) fn parse(op: Op, text: &str, zone: &TimeZone, now: Moment) -> Result<Operand, String> {
        match op {
            Op::Null | Op::Exists | Op::Empty => truth(text).map(Operand::Truth),
            Op::Type => TYPES
                .into_iter()
                .find(|name| *name == text)
                .map(Operand::Type)
                .ok_or_else(|| format!("\"{text}\" is none of {}", TYPES.join(", "))),
            Op::On => period(text, zone, now).map(Operand::Range).ok_or_else(|| {
                format!("\"{text}\" is no year, month or day: write 2026, 2026-01, 2026-01-31, today or yesterday")
            }),
            Op::In | Op::NotIn => many(text, zone, now).map(Operand::Many),
            Op::Between => {
                let values = many(text, zone, now)?;
                if values.len() != 2 {
                    return Err("takes two values, low and high, with a comma between".into());
                }
                Ok(Operand::Many(values))
            }
            Op::Contains | Op::NotContains | Op::Starts | Op::Ends if text.chars().count() > MAX_SEARCH => {
                Err(format!("more than {MAX_SEARCH} characters"))
            }
            // A search takes every character as it is, quotes too.
            Op::Contains | Op::NotContains | Op::Starts | Op::Ends => Ok(Operand::One(Value::exact(text.to_owned()))),
            _ => Ok(Operand::One(Value::parse(text, zone, now))),
        }
    }

    /// How many values it has.
    pub fn values(&self) -> usize {
        if let Operand::Many(values) = self { values.len() } else { 1 }
    }

    /// The plain texts, for fields that hold nothing else.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Operand::One(value) => vec![&value.text],
            Operand::Many(values) => values.iter().map(|value| value.text.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn numbers(&self) -> Vec<Option<String>> {
        match self {
            Operand::One(value) => vec![value.number.clone()],
            Operand::Many(values) => values.iter().map(|value| value.number.clone()).collect(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn dates(&self) -> Vec<Option<DateRange>> {
        match self {
            Operand::One(value) => vec![value.date.clone()],
            Operand::Many(values) => values.iter().map(|value| value.date.clone()).collect(),
            Operand::Range(range) => vec![Some(range.clone())],
            _ => Vec::new(),
        }
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(format!("\"{text}\" is neither 1 nor 0")),
    }
}

/// `a,b`, or a JSON list when it begins with `[`.
fn many(text: &str, zone: &TimeZone, now: Moment) -> Result<Vec<Value>, String> {
    let too_many = || format!("takes at most {MAX_VALUES} values");
    if !text.starts_with('[') {
        if text.split(',').count() > MAX_VALUES {
            return Err(too_many());
        }
        return Ok(text.split(',').map(|item| Value::parse(item, zone, now)).collect());
    }
    let items: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|error| format!("is no JSON list: {error}"))?;
    if items.len() > MAX_VALUES {
        return Err(too_many());
    }
    items
        .into_iter()
        .map(|item| match item {
            serde_json::Value::String(text) => Ok(Value::exact(text)),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Ok(Value::parse(&item.to_string(), zone, now)),
            other => Err(format!("the list holds {other}, which is no text, number or truth value")),
        })
        .collect()
}

impl Value {
    /// Reads a value loosely; in double quotes it is that text and nothing else.
    pub(crate) fn parse(text: &str, zone: &TimeZone, now: Moment) -> Value {
        if let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            return Value::exact(inner.to_owned());
        }
        Value {
            text: text.to_owned(),
            number: number(text),
            truth: match text {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            date: moment(text, zone, now),
        }
    }

    fn exact(text: String) -> Value {
        Value { text, number: None, truth: None, date: None }
    }
}

/// A number as JSON spells it, normalised: whole numbers of 64 bits exactly, others as a double.
pub fn number(text: &str) -> Option<String> {
    let spelled = text.trim_matches([' ', '\t', '\n', '\r']);
    if !spelled.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    let number: serde_json::Number = serde_json::from_str(spelled).ok()?;
    Some(match number.as_i64() {
        Some(whole) => whole.to_string(),
        // Rust reads the nearest double; serde_json may be one off.
        None => spelled.parse::<f64>().ok()?.to_string(),
    })
}

/// A moment, a day, or a time before now: RFC 3339, `2026-01-31`, `-7d`, `-24h`, `-1M`, `now`.
fn moment(text: &str, zone: &TimeZone, now: Moment) -> Option<DateRange> {
    if let Some(at) = relative(text, zone, now) {
        return Some(DateRange { start: at, end: at, days: None });
    }
    if text.len() == 10 {
        return day(text.parse().ok()?, zone);
    }
    let utc = text.strip_suffix("UTC").map(|rest| format!("{}Z", rest.trim_end()));
    let text = utc.as_deref().unwrap_or(text);
    // A plus that a form encoded as a space is still a plus.
    let restored = match text.rfind(' ') {
        Some(at) if at > 11 => format!("{}+{}", &text[..at], &text[at + 1..]),
        _ => text.to_owned(),
    };
    if !restored.starts_with(|c: char| c.is_ascii_digit()) || !restored.is_char_boundary(10) || restored.len() < 16 {
        return None;
    }
    let at = match restored.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => restored.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp(),
    };
    let at = Moment(at.as_millisecond());
    Some(DateRange { start: at, end: at, days: None })
}

fn relative(text: &str, zone: &TimeZone, now: Moment) -> Option<Moment> {
    if text == "now" {
        return Some(now);
    }
    let count: i64 = text.strip_prefix('-')?.get(..text.len().checked_sub(2)?)?.parse().ok()?;
    let span = match text.chars().last()? {
        'm' => Span::new().try_minutes(count),
        'h' => Span::new().try_hours(count),
        'd' => Span::new().try_days(count),
        'w' => Span::new().try_weeks(count),
        'M' => Span::new().try_months(count),
        'y' => Span::new().try_years(count),
        _ => return None,
    };
    let at = now.timestamp().to_zoned(zone.clone()).checked_sub(span.ok()?).ok()?;
    Some(Moment(at.timestamp().as_millisecond()))
}

/// `2026`, `2026-01`, `2026-01-31`, `today`, `yesterday`.
fn period(text: &str, zone: &TimeZone, now: Moment) -> Option<DateRange> {
    let today = now.timestamp().to_zoned(zone.clone()).date();
    match (text, text.len()) {
        ("today", _) => day(today, zone),
        ("yesterday", _) => day(today.yesterday().ok()?, zone),
        (_, 4) => {
            let first = Date::new(text.parse().ok()?, 1, 1).ok()?;
            days(first, first.checked_add(1.year()).ok(), zone)
        }
        (_, 7) => {
            let first: Date = format!("{text}-01").parse().ok()?;
            days(first, first.checked_add(1.month()).ok(), zone)
        }
        (_, 10) => day(text.parse().ok()?, zone),
        _ => None,
    }
}

fn day(date: Date, zone: &TimeZone) -> Option<DateRange> {
    days(date, date.tomorrow().ok(), zone)
}

/// From a first day to the first day after; after the year 9999 there is none.
fn days(first: Date, after: Option<Date>, zone: &TimeZone) -> Option<DateRange> {
    let midnight = |date: Date| {
        let start = date.to_datetime(Time::midnight()).to_zoned(zone.clone());
        // The last two days of the year 9999 are beyond jiff's moments, though not beyond ours.
        let by_days = || Moment(date.duration_since(EPOCH).as_hours() / 24 * DAY);
        start.map_or_else(|_| by_days(), |start| Moment(start.timestamp().as_millisecond()))
    };
    let start = midnight(first);
    let (end, day_after) = match after {
        Some(after) => (midnight(after), after.to_string()),
        // a tilde sorts after every digit
        None => (Moment(i64::MAX), "~".to_owned()),
    };
    Some(DateRange { start, end, days: Some((first.to_string(), day_after)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_json_calls_numbers() {
        for (text, read) in [
            ("10", Some("10")),
            ("10.0", Some("10")),
            ("1e3", Some("1000")),
            ("9007199254740993", Some("9007199254740993")),
            ("-0.5", Some("-0.5")),
            ("00123", None),
            ("+5", None),
            ("1.", None),
            ("0x10", None),
            ("", None),
        ] {
            assert_eq!(number(text).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_the_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = Moment::parse("2026-03-29T12:00:00Z").unwrap();
        let at = |text: &str| Moment::parse(text).unwrap();
        let read = |text: &str| moment(text, &zone, now).map(|range| (range.start, range.end));
        // the day on which the clocks go forward has 23 hours
        assert_eq!(read("2026-03-29"), Some((at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"))));
        assert_eq!(read("now"), Some((now, now)));
        // yesterday at the same time of day, before the clocks changed
        assert_eq!(read("-1d"), Some((at("2026-03-28T13:00:00Z"), at("2026-03-28T13:00:00Z"))));
        assert_eq!(read("2026-01-31T10:00:00 01:00"), Some((at("2026-01-31T09:00:00Z"), at("2026-01-31T09:00:00Z"))));
        for text in [
            "2026-01-31 10:00:00+01",
            "2026-01-31T10:00:00+0100",
            "2026-01-31 10:00:00 01",
            "2026-01-31 09:00:00 UTC",
            "2026-01-31T09:00UTC",
        ] {
            assert_eq!(read(text), Some((at("2026-01-31T09:00:00Z"), at("2026-01-31T09:00:00Z"))), "{text}");
        }
        assert_eq!(read("2026-02-30"), None);
        assert_eq!(read("-7"), None);
        let month = period("2026-02", &zone, now).unwrap();
        assert_eq!(month.days, Some(("2026-02-01".into(), "2026-03-01".into())));
    }
}
