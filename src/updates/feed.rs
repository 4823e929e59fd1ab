//! Updates as feeds: Atom (RFC 4287) and JSON Feed 1.1.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use serde_json::json;
use tokio::sync::Mutex;

use super::update::Update;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::web::SafeHtml;

/// Updates in a feed.
pub const FEED_LENGTH: i64 = 50;
/// Bytes of their texts in all; older ones are left out.
const FEED_BYTES: usize = 500_000;
/// Stands for scheme and host of this server, which depend on who asks (RFC 2606 reserves the name).
pub const HOST: &str = "https://this-server.invalid";

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 4287.
    Atom,
    /// JSON Feed 1.1.
    Json,
}

/// Feeds as they were made last: strangers ask for them often, and to make one takes time. Clones share them.
#[derive(Clone, Default)]
pub struct Feeds(Arc<Mutex<HashMap<Format, Made>>>);

/// A feed, and the ids and versions of what is in it.
struct Made {
    of: Vec<(i64, i64)>,
    text: Arc<str>,
}

impl Feeds {
    /// The feed of these versions; `read` finds what is in it. One is made at a time, beside the threads that answer.
    pub async fn get(
        &self,
        format: Format,
        of: Vec<(i64, i64)>,
        read: impl AsyncFnOnce() -> Result<Channel>,
    ) -> Result<Arc<str>> {
        let mut all = self.0.lock().await;
        if let Some(made) = all.get(&format).filter(|made| made.of == of) {
            return Ok(made.text.clone());
        }
        let channel = read().await?;
        let written = tokio::task::spawn_blocking(move || channel.write(format)).await;
        let text: Arc<str> = written.map_err(|error| Error::Internal(error.into()))??.into();
        all.insert(format, Made { of, text: text.clone() });
        Ok(text)
    }
}

/// What the feeds tell.
#[derive(Template)]
#[template(path = "updates/feed.xml")]
pub struct Channel {
    /// The feed's name, made once.
    uuid: String,
    /// The newest first.
    updates: Vec<Update>,
}

impl Channel {
    /// Of the newest ones, as many as a feed may hold; the first in any case.
    pub fn new(uuid: String, mut updates: Vec<Update>) -> Channel {
        let mut bytes = 0;
        let fits = |update: &Update| {
            bytes += update.body.len();
            bytes <= FEED_BYTES
        };
        let count = updates.iter().map(fits).take_while(|fits| *fits).count();
        updates.truncate(count.max(1));
        Channel { uuid, updates }
    }

    fn write(&self, format: Format) -> Result<String> {
        match format {
            Format::Atom => self.render().map_err(|error| Error::Internal(error.into())),
            Format::Json => Ok(self.json()),
        }
    }

    /// When there was news last; of an empty feed, the beginning of time.
    fn updated(&self) -> Moment {
        self.updates.iter().map(Update::news_at).max().unwrap_or(Moment(0))
    }

    fn address(&self, update: &Update) -> String {
        format!("{}/updates/{}", HOST, update.slug)
    }

    /// The text, every link in it with its host.
    fn html(&self, update: &Update) -> String {
        SafeHtml::of_article(&update.body, Some(&self.address(update))).to_string()
    }

    /// Text without the characters that XML 1.0 does not know, whatever way they are written.
    fn xml(&self, text: impl AsRef<str>) -> String {
        known_to_xml(text.as_ref())
    }

    fn json(&self) -> String {
        let item = |update: &Update| {
            json!({
                "id": format!("urn:uuid:{}", update.uuid),
                "url": self.address(update),
                "title": update.title,
                "content_html": self.html(update),
                "date_published": update.publish_at,
                "date_modified": update.news_at(),
                "authors": [{ "name": if update.author.is_empty() { "Frontdesk" } else { &update.author } }],
                "tags": update.tags(),
            })
        };
        json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": "Updates",
            "home_page_url": format!("{}/updates", HOST),
            "feed_url": format!("{}/updates/feed.json", HOST),
            "items": self.updates.iter().map(item).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn known_to_xml(text: &str) -> String {
    let is_known =
        |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_known).collect()
}

#[cfg(test)]
mod tests {
    use super::known_to_xml;

    #[test]
    fn what_xml_does_not_know_is_left_out() {
        assert_eq!(known_to_xml("a\u{c}b\u{10}c\u{ffff}d\te ]]> 🎉"), "abcd\te ]]> 🎉");
    }
}
