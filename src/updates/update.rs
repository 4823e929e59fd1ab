//! What an update is.

use serde::{Deserialize, Serialize};

use super::writing::{Writing, in_zone};
use crate::error::{Error, Result};
use crate::moment::Moment;

/// A post for visitors.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Update {
    /// Primary key.
    pub id: i64,
    /// Its name in feeds; made once.
    pub uuid: String,
    /// The end of its address.
    pub slug: String,
    /// Made of the title; nobody chose it.
    pub slug_made: bool,
    /// Empty only while it is a draft.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// JSON: a list of words.
    pub tags: String,
    /// Shown first, and to students who wait.
    pub pinned: bool,
    /// Nobody but staff sees it.
    pub draft: bool,
    /// To be seen from then on; none while it is a draft.
    pub publish_at: Option<Moment>,
    /// When it was first seen, as far as a change has noted it: see [`Update::public_since`].
    pub public_at: Option<Moment>,
    /// The zone (IANA) in which that was meant.
    pub timezone: String,
    /// Name of who wrote it, for readers; empty if none is known.
    pub author: String,
    /// When title or text changed last.
    pub edited_at: Moment,
    /// JSON, see [`Working`].
    pub working: Option<String>,
    /// Raised by every change; the ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: Moment,
    /// When it was changed last.
    pub updated_at: Moment,
    /// It can be restored.
    pub deleted_at: Option<Moment>,
}

/// Changes of an update that are written and not published yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Working {
    /// Its draft and time are those of the update.
    pub writing: Writing,
    /// Who wrote them.
    pub by: String,
    /// When.
    pub at: Moment,
}

/// Where an update stands. A comparison with the clock and no timer, so that none is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody but staff sees it.
    Draft,
    /// It will be seen.
    Scheduled,
    /// It is seen.
    Published,
}

impl State {
    /// As addresses and the API spell it.
    pub fn name(self) -> &'static str {
        match self {
            State::Draft => "draft",
            State::Scheduled => "scheduled",
            State::Published => "published",
        }
    }

    /// Which of these a word names.
    pub fn parse(text: &str) -> Option<State> {
        [State::Draft, State::Scheduled, State::Published].into_iter().find(|state| state.name() == text)
    }

    /// Where one stands that is a draft, or to be seen from a moment on.
    pub fn of(draft: bool, publish_at: Option<Moment>, now: Moment) -> State {
        match publish_at {
            Some(at) if !draft && at <= now => State::Published,
            Some(_) if !draft => State::Scheduled,
            _ => State::Draft,
        }
    }
}

impl Update {
    /// Where it stands now.
    pub fn state(&self, now: Moment) -> State {
        State::of(self.draft, self.publish_at, now)
    }

    /// When it was first seen, whatever became of it since; `None`: it never was. Nothing runs when an update appears, so
    /// the next change notes it.
    pub fn public_since(&self, now: Moment) -> Option<Moment> {
        self.public_at.or(self.seen_since(now))
    }

    /// Since when it is seen; `None`: it is not.
    fn seen_since(&self, now: Moment) -> Option<Moment> {
        self.publish_at.filter(|at| !self.draft && *at <= now)
    }

    /// Its tags.
    pub fn tags(&self) -> Vec<String> {
        serde_json::from_str(&self.tags).unwrap_or_default()
    }

    /// What people see as its title.
    pub fn heading(&self) -> &str {
        if self.title.is_empty() { "Untitled" } else { &self.title }
    }

    /// When readers last had news of it (RFC 4287, 4.2.15).
    pub fn news_at(&self) -> Moment {
        self.publish_at.map_or(self.edited_at, |at| at.max(self.edited_at))
    }

    /// The moment of its publication as RFC 3339; empty if it has none.
    pub fn moment(&self) -> String {
        self.publish_at.map_or(String::new(), |at| at.to_string())
    }

    /// The day of its publication in its zone, `2 March 2026`.
    pub fn day(&self) -> String {
        self.publish_at.map_or(String::new(), |at| in_zone(at, &self.timezone, "%-d %B %Y"))
    }

    /// Day and time of its publication, with the zone: `2 March 2026, 09:00 America/New_York`.
    pub fn time(&self) -> String {
        let time = |at| format!("{} {}", in_zone(at, &self.timezone, "%-d %B %Y, %H:%M"), self.timezone);
        self.publish_at.map_or(String::new(), time)
    }

    /// What was written of it.
    pub fn writing(&self) -> Writing {
        Writing {
            title: self.title.clone(),
            slug: self.slug.clone(),
            body: self.body.clone(),
            tags: self.tags(),
            pinned: self.pinned,
            draft: self.draft,
            publish_at: self.publish_at,
            timezone: self.timezone.clone(),
        }
    }

    /// The changes that are not published yet.
    pub fn working(&self) -> Option<Working> {
        serde_json::from_str(self.working.as_deref()?).ok()
    }

    /// Whether its title and text are these.
    pub fn reads(&self, writing: &Writing) -> bool {
        self.title == writing.title && self.body == writing.body
    }

    /// The same with what is written of it; slug and time are for the caller.
    pub fn with_text(self, writing: Writing, now: Moment) -> Update {
        Update {
            edited_at: if self.reads(&writing) { self.edited_at } else { now },
            public_at: self.public_since(now),
            title: writing.title,
            body: writing.body,
            tags: serde_json::to_string(&writing.tags).unwrap_or_default(),
            pinned: writing.pinned,
            timezone: writing.timezone,
            ..self
        }
    }

    /// When it is to be seen, as a writing has it: without a time now, or since it was first seen. 422 for a draft with a
    /// time.
    pub fn publication(&self, writing: &Writing, now: Moment) -> Result<Option<Moment>> {
        match (writing.draft, writing.publish_at) {
            (true, None) => Ok(None),
            (true, Some(_)) => {
                Err(Error::invalid("/publish_at", "a draft has none: send \"draft\": false to schedule it"))
            }
            (false, None) => Ok(Some(self.seen_since(now).or(self.public_at).unwrap_or(now))),
            (false, at) => Ok(at),
        }
    }
}
