//! What people write of an update.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, FieldError, Result};
use crate::limits::{MAX_UPDATE, MAX_UPDATE_TAGS};
use crate::moment::Moment;

/// Characters of a title, and of a tag.
const MAX_TITLE: usize = 200;
const MAX_TAG: usize = 40;

/// An update as it is written: everything that people decide of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = UpdateWriting)]
#[serde(default, deny_unknown_fields)]
pub struct Writing {
    /// 1 to 200 characters.
    pub title: String,
    /// The end of its address; empty: made of the title, and once it is public, as it is.
    pub slug: String,
    /// Markdown, at most 100,000 bytes.
    pub body: String,
    /// At most 20 of at most 40 characters, in small letters, without commas.
    pub tags: Vec<String>,
    /// Shown first, and to students who wait.
    pub pinned: bool,
    /// Nobody but staff sees it.
    pub draft: bool,
    /// From when on it is to be seen, unless it is a draft; `null`: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub publish_at: Option<Moment>,
    /// The time zone (IANA) in which its time is shown, such as Europe/Berlin.
    pub timezone: String,
}

impl Default for Writing {
    fn default() -> Writing {
        Writing {
            title: String::new(),
            slug: String::new(),
            body: String::new(),
            tags: Vec::new(),
            pinned: false,
            draft: true,
            publish_at: None,
            timezone: "UTC".into(),
        }
    }
}

impl Writing {
    /// In its normal form: blanks around title and tags dropped, tags in small letters and once. 422 with all that is wrong.
    pub fn checked(self) -> Result<Writing> {
        if self.title.trim().is_empty() {
            let errors = self.tidied().err().map_or(Vec::new(), |error| error.errors().to_vec());
            let missing = FieldError::at("/title", "is required");
            return Err(Error::Invalid([vec![missing], errors].concat()));
        }
        self.tidied()
    }

    /// The same of one that is not finished and may lack its title.
    pub fn tidied(mut self) -> Result<Writing> {
        self.title = self.title.trim().to_owned();
        self.tags = tidy_tags(&self.tags);
        let errors: Vec<_> = [
            (!self.title.is_empty() && !self.title.chars().any(is_seen))
                .then_some(("title", "holds nothing that can be seen")),
            (self.title.chars().count() > MAX_TITLE).then_some(("title", "has more than 200 characters")),
            self.title.chars().any(is_control).then_some(("title", "holds a line break or a control character")),
            (self.body.len() > MAX_UPDATE).then_some(("body", "has more than 100,000 bytes")),
            self.body.contains('\0').then_some(("body", "holds a NUL character, which cannot be stored")),
            (self.tags.len() > MAX_UPDATE_TAGS).then_some(("tags", "are more than 20")),
            (!self.tags.iter().all(|tag| is_tag(tag))).then_some(("tags", "have at most 40 characters each, no comma")),
            self.publish_at
                .is_some_and(|at| !TIMES.contains(&at.0))
                .then_some(("publish_at", "must be from 1970 to 9999")),
            jiff::tz::TimeZone::get(&self.timezone)
                .is_err()
                .then_some(("timezone", "must be one such as Europe/Berlin")),
        ]
        .into_iter()
        .flatten()
        .map(|(field, detail)| FieldError::at(format!("/{field}"), detail))
        .collect();
        if errors.is_empty() { Ok(self) } else { Err(Error::Invalid(errors)) }
    }
}

/// Milliseconds of the years 1970 to 9999: those that every format can write.
const TIMES: std::ops::Range<i64> = 0..253_402_300_800_000;

/// Control characters, and those that turn the direction of what stands beside them.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Not blank, and not without width.
fn is_seen(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{ad}')
}

/// In small letters, without blanks around them, each once, in their order.
fn tidy_tags(tags: &[String]) -> Vec<String> {
    let mut tidy = Vec::new();
    for tag in tags.iter().map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()) {
        if !tidy.contains(&tag) {
            tidy.push(tag);
        }
    }
    tidy
}

/// Whether a text can be a tag of an update.
pub fn is_tag(tag: &str) -> bool {
    tag.chars().count() <= MAX_TAG && !tag.chars().any(|c| c == ',' || c.is_control())
}

/// The moment of a local time such as `2026-03-02T09:00` in a zone. A time that clocks skip is the one as much later, one
/// that they show twice the first.
pub fn moment_in(local: &str, zone: &str) -> Option<Moment> {
    let civil: jiff::civil::DateTime = local.trim().parse().ok()?;
    let zoned = civil.in_tz(zone).ok()?;
    Some(Moment(zoned.timestamp().as_millisecond()))
}

/// A moment as the local time of a zone, as forms have it: `2026-03-02T09:00`.
pub fn local_in(moment: Moment, zone: &str) -> String {
    in_zone(moment, zone, "%Y-%m-%dT%H:%M")
}

/// A moment as the local time of a zone, in a form of `strftime`.
pub fn in_zone(moment: Moment, zone: &str, form: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    moment.timestamp().to_zoned(zone).strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Writing, local_in, moment_in};

    #[test]
    fn nine_o_clock_is_nine_on_both_sides_of_a_change_of_clocks() {
        for (local, utc) in [
            ("2026-03-02T09:00", "2026-03-02T14:00:00.000Z"),
            ("2026-03-09T09:00", "2026-03-09T13:00:00.000Z"),
            // skipped, and shown twice
            ("2026-03-08T02:30", "2026-03-08T07:30:00.000Z"),
            ("2026-11-01T01:30", "2026-11-01T05:30:00.000Z"),
        ] {
            assert_eq!(moment_in(local, "America/New_York").unwrap().to_string(), utc, "{local}");
        }
        let nine = moment_in("2026-03-09T09:00", "America/New_York").unwrap();
        assert_eq!(local_in(nine, "America/New_York"), "2026-03-09T09:00");
        assert_eq!(moment_in("soon", "Europe/Berlin"), None);
        assert_eq!(moment_in("2026-03-09T09:00", "Middle/Earth"), None);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let tags = vec!["a,b".to_owned()];
        let wrong = Writing { body: "x".repeat(100_001), tags, timezone: "Mars".into(), ..Writing::default() };
        let errors = wrong.checked().unwrap_err();
        let places: Vec<_> = errors.errors().iter().filter_map(|error| error.pointer.as_deref()).collect();
        assert_eq!(places, ["/title", "/body", "/tags", "/timezone"]);
        let nul = Writing { title: "x".into(), body: "a\0b".into(), ..Writing::default() };
        assert_eq!(nul.checked().unwrap_err().errors()[0].pointer.as_deref(), Some("/body"));
    }

    #[test]
    fn tags_are_small_and_once() {
        let tags = [" News", "news", "", "Opening Hours "].map(str::to_owned).to_vec();
        let tidy = Writing { title: " Hello ".into(), tags, ..Writing::default() }.checked().unwrap();
        assert_eq!((tidy.title.as_str(), tidy.tags.join("|").as_str()), ("Hello", "news|opening hours"));
    }
}
