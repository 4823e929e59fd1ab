//! An update as a form.

use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::updates::update::{State, Update};
use crate::updates::writing::{Writing, local_in, moment_in};
use crate::web::Fields;

/// What a form says. `publish_at` is when it says so, 422 if that is no time. `stored`: what it was filled from; its time stays
/// to the second if nobody changed it, also where clocks show it twice.
pub fn writing_of(form: &Fields, stored: Option<&Update>) -> Result<Writing> {
    let text = text_of(form);
    let is_stored = |update: &&Update| {
        let local = update.publish_at.map(|at| local_in(at, &update.timezone));
        update.timezone == text.timezone && local.as_deref() == Some(form.get("at"))
    };
    let publish_at = match (form.get("when"), stored.filter(is_stored)) {
        ("later", Some(update)) => update.publish_at,
        ("later", None) => {
            let wrong = || Error::invalid("/at", "must be a day and a time, such as 2026-03-02T09:00");
            Some(moment_in(form.get("at"), &text.timezone).ok_or_else(wrong)?)
        }
        _ => None,
    };
    Ok(Writing { draft: !matches!(form.get("when"), "now" | "later"), publish_at, ..text })
}

/// The same as a draft, whatever it says of its time.
pub fn text_of(form: &Fields) -> Writing {
    let zone = form.get("timezone").trim();
    Writing {
        title: form.get("title").to_owned(),
        slug: form.get("slug").trim().to_owned(),
        // Browsers send line breaks as CRLF.
        body: form.get("body").replace("\r\n", "\n"),
        tags: form.get("tags").split(',').map(str::to_owned).collect(),
        pinned: form.get("pinned") == "1",
        timezone: if zone.is_empty() { "UTC".into() } else { zone.to_owned() },
        ..Writing::default()
    }
}

/// The fields of a new update.
pub fn blank_fields() -> Fields {
    Fields([("when", "draft"), ("timezone", "UTC")].map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

/// The fields of an update, with the changes that are not published.
pub fn fields_of(update: &Update, now: Moment) -> Fields {
    let writing = update.working().map_or_else(|| update.writing(), |working| working.writing);
    let when = match update.state(now) {
        State::Draft => "draft",
        State::Scheduled => "later",
        State::Published => "now",
    };
    // One that is made of the title and that nobody knows shows as none, so that it goes on following the title.
    let is_made = update.slug_made && writing.slug == update.slug && update.draft && update.public_at.is_none();
    let later = update.publish_at.filter(|at| *at > now);
    let fields = [
        ("title", writing.title),
        ("slug", if is_made { String::new() } else { writing.slug }),
        ("body", writing.body),
        ("tags", writing.tags.join(", ")),
        ("pinned", if writing.pinned { "1".into() } else { String::new() }),
        ("when", when.into()),
        ("at", later.map_or(String::new(), |at| local_in(at, &update.timezone))),
        ("timezone", writing.timezone),
    ];
    Fields(fields.map(|(name, value)| (name.to_owned(), value)).into())
}
