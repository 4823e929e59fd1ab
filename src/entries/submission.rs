//! What stands in one submitted object: our metadata, and the client's data.

use std::hash::RandomState;

use super::entry::{NewEntry, check_uid};
use crate::collections::{Check, CheckMode, CollectionId};
use crate::error::{Error, FieldError, Result};
use crate::json::{self, Kind, Refusal};
use crate::moment::Moment;
use crate::words::with_article;

/// The names that are taken out of an object. Any other name that begins with `_` is data.
#[derive(Default)]
pub struct Meta {
    pub uid: Option<String>,
    pub session: Option<String>,
    pub at: Option<Moment>,
    pub sent: Option<Moment>,
    pub collection: Option<String>,
    pub key: Option<String>,
    pub next: Option<String>,
    /// The honeypot: people do not see it, so only a program fills it.
    pub gotcha: bool,
}

/// A checked object.
pub struct Parsed {
    pub meta: Meta,
    /// Canonical JSON.
    pub data: String,
    pub shape: u64,
}

/// What is said of an entry that is too long.
pub fn too_long() -> String {
    format!("an entry is longer than {} bytes", crate::limits::MAX_ENTRY)
}

/// Reads one object.
pub fn parse(text: &[u8], seed: &RandomState) -> std::result::Result<Parsed, Refusal> {
    if text.len() > crate::limits::MAX_ENTRY {
        return Err(Refusal::rule(too_long()));
    }
    let mut meta = Meta::default();
    let mut wrong = None;
    let canonical = json::object(text, seed, &mut |name, value| match meta.take(name, value) {
        Ok(taken) => taken,
        Err(detail) => {
            wrong.get_or_insert(Refusal { pointer: format!("/{name}"), detail, malformed: false });
            true
        }
    })?;
    match wrong {
        Some(refusal) => Err(refusal),
        None => Ok(Parsed { meta, data: canonical.text, shape: canonical.shape }),
    }
}

impl Meta {
    fn take(&mut self, name: &str, value: &str) -> std::result::Result<bool, String> {
        match name {
            "_uid" => {
                self.uid = text(value)?;
                self.uid.as_deref().map_or(Ok(()), check_uid)?;
            }
            "_session" => {
                self.session = text(value)?;
                self.session.as_deref().map_or(Ok(()), check_uid)?;
            }
            "_at" => self.at = moment(value)?,
            "_sent" => self.sent = moment(value)?,
            "_collection" => self.collection = text(value)?,
            "_key" => self.key = text(value)?,
            "_next" => self.next = text(value)?,
            "_gotcha" => self.gotcha = !matches!(value, "null" | "false" | "[]") && !matches!(text(value), Ok(None)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A text; a blank one, as forms send it, is none.
fn text(value: &str) -> std::result::Result<Option<String>, String> {
    match serde_json::from_str(value) {
        Ok(serde_json::Value::String(text)) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Ok(serde_json::Value::Null) => Ok(None),
        _ => Err("must be a text".into()),
    }
}

fn moment(value: &str) -> std::result::Result<Option<Moment>, String> {
    let read = match serde_json::from_str(value) {
        Ok(serde_json::Value::Null) => return Ok(None),
        Ok(serde_json::Value::String(text)) if text.is_empty() => return Ok(None),
        Ok(serde_json::Value::String(text)) => Moment::parse(&text).or_else(|| since_1970(text.trim().parse().ok()?)),
        Ok(serde_json::Value::Number(number)) => number.as_f64().and_then(since_1970),
        _ => None,
    };
    let wrong = "must be RFC 3339, such as 2026-01-31T14:00:00Z, or seconds, milliseconds or microseconds since 1970";
    read.and_then(in_range).map(Some).ok_or_else(|| wrong.to_owned())
}

/// A number of seconds, milliseconds or microseconds since 1970, told apart by its size: the smallest unit in which
/// it is before the year 5138. `None` for a result before 1990: the number counts days or minutes, or the clock was not
/// set.
fn since_1970(number: f64) -> Option<Moment> {
    let milliseconds = match number {
        0.0..1e11 => number * 1e3,
        1e11..1e14 => number,
        1e14..1e17 => number / 1e3,
        _ => return None,
    };
    Some(Moment(milliseconds.round() as i64)).filter(|at| at.0 >= YEAR_1990)
}

const YEAR_1990: i64 = 631_152_000_000;

/// Years 0 to 9999: what RFC 3339 can write.
fn in_range(moment: Moment) -> Option<Moment> {
    (-62_167_219_200_000..253_402_300_800_000).contains(&moment.0).then_some(moment)
}

impl Parsed {
    /// `now` is when it was received: the client's clock is corrected by how far its `_sent` is off.
    pub fn into_entry(self, collection: CollectionId, origin: Option<String>, now: Moment) -> NewEntry {
        let skew = self.meta.sent.map_or(0, |sent| now.0 - sent.0);
        NewEntry {
            collection,
            uid: self.meta.uid,
            session: self.meta.session,
            at: self.meta.at.and_then(|at| in_range(at.plus(skew))),
            origin: origin.map(|origin| origin.chars().filter(|c| !c.is_control()).take(300).collect()),
            spam: self.meta.gotcha,
            address: None,
            work: None,
            data: self.data,
            shape: self.shape,
            kept: None,
        }
    }
}

/// Compares data with a collection's checks: warnings, or an error if a check that rejects fails.
pub fn check(data: &str, checks: &[(String, Check)]) -> Result<Vec<String>> {
    if checks.is_empty() {
        return Ok(Vec::new());
    }
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    json::fields(data, &mut |path, kind, _| {
        let Some((_, check)) = checks.iter().find(|(name, _)| name == path) else { return };
        if check.mode == CheckMode::Off || kind == Kind::Null || name_of(kind) == check.r#type {
            return;
        }
        let detail = format!("is {}, not {}", with_article(name_of(kind)), with_article(&check.r#type));
        if check.mode == CheckMode::Reject {
            errors.push(FieldError::at(format!("/{}", path.replace('.', "/")), detail));
        } else {
            warnings.push(format!("\"{path}\" {detail}"));
        }
    });
    if errors.is_empty() { Ok(warnings) } else { Err(Error::Invalid(errors)) }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::Number => "number",
        Kind::Bool => "bool",
        Kind::Null => "null",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

/// RFC 7396: names of the patch replace, null removes, objects merge. Both are canonical, and numbers keep their spelling.
pub fn merge(data: &str, patch: &str) -> String {
    let mut members: Vec<(String, String)> = owned(json::members(data));
    for (name, change) in json::members(patch) {
        let place = members.iter().position(|(known, _)| *known == name);
        if change == "null" {
            place.map(|place| members.remove(place));
            continue;
        }
        let old = place.map_or("{}", |place| members[place].1.as_str());
        let new = match change.starts_with('{') {
            true => merge(if old.starts_with('{') { old } else { "{}" }, change),
            false => change.to_owned(),
        };
        match place {
            Some(place) => members[place].1 = new,
            None => members.push((name, new)),
        }
    }
    let members: Vec<_> = members.iter().map(|(name, value)| format!("{}:{value}", json::string(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn owned(members: Vec<(String, &str)>) -> Vec<(String, String)> {
    members.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_taken_out_and_other_underscores_are_data() {
        let text = br#"{"_uid":"12345678","a":1,"_at":"2026-01-31T10:00:00Z","_sent":"2026-01-31T10:00:05Z","_mine":2,"_gotcha":"x"}"#;
        let parsed = parse(text, &RandomState::new()).unwrap();
        assert_eq!(parsed.data, r#"{"a":1,"_mine":2}"#);
        let now = Moment::parse("2026-01-31T09:00:05Z").unwrap();
        let entry = parsed.into_entry(CollectionId(1), None, now);
        assert_eq!(entry.at, Moment::parse("2026-01-31T09:00:00Z"), "the client's clock is an hour fast");
        assert!(entry.spam);
    }

    #[test]
    fn seconds_milliseconds_and_microseconds_are_told_apart() {
        let at = Moment::parse("2026-11-26T14:34:43Z");
        for value in
            ["1795703683", "1795703683000", "1795703683000000", "\"1795703683\"", "1795703683.0", "1.795703683e9"]
        {
            assert_eq!(moment(value), Ok(at), "{value}");
        }
        assert_eq!(moment("1795703683.25"), Ok(at.map(|at| at.plus(250))));
        for value in [
            "1795703683000000000",
            "1e300",
            "0",
            "20260131",
            "46053.5",
            "202601311200",
            "-1795703683",
            "\"soon\"",
            "true",
            "[]",
        ] {
            assert!(moment(value).is_err(), "{value}");
        }
        assert_eq!((moment("null"), moment("\"\"")), (Ok(None), Ok(None)));
    }

    #[test]
    fn wrong_metadata_names_the_place() {
        for (text, pointer) in [
            (r#"{"_uid":"short"}"#, "/_uid"),
            (r#"{"_uid":["12345678"]}"#, "/_uid"),
            (r#"{"_at":"yesterday"}"#, "/_at"),
            (r#"{"_collection":7}"#, "/_collection"),
        ] {
            assert_eq!(parse(text.as_bytes(), &RandomState::new()).err().map(|r| r.pointer).as_deref(), Some(pointer));
        }
    }

    #[test]
    fn patches_merge() {
        // the examples of RFC 7396, appendix A, that are objects
        for (data, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":1.0}"#, r#"{"a":null}"#, r#"{"b":1.0}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":"foo"}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merge(data, patch), merged);
        }
    }
}
