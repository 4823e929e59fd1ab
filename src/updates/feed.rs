//! Updates as feeds: Atom (RFC 4287) and JSON Feed 1.1.

use askama::Template;
use serde_json::json;

use super::update::Update;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::web::SafeHtml;

/// Updates in a feed.
pub const FEED_LENGTH: i64 = 50;

/// What the feeds tell.
#[derive(Template)]
#[template(path = "updates/feed.xml")]
pub struct Channel {
    /// Scheme and host, such as `https://desk.example.org`.
    pub host: String,
    /// The feed's name, made once.
    pub uuid: String,
    /// The newest first.
    pub updates: Vec<Update>,
}

impl Channel {
    /// When there was news last; of an empty feed, the beginning of time.
    fn updated(&self) -> Moment {
        self.updates.iter().map(Update::news_at).max().unwrap_or(Moment(0))
    }

    fn address(&self, update: &Update) -> String {
        format!("{}/updates/{}", self.host, update.slug)
    }

    /// The text, every link in it with its host.
    fn html(&self, update: &Update) -> String {
        SafeHtml::of_article(&update.body, Some(&self.address(update))).to_string()
    }

    /// Text without the characters that XML 1.0 does not know, whatever way they are written.
    fn xml(&self, text: impl AsRef<str>) -> String {
        known_to_xml(text.as_ref())
    }

    /// Atom.
    pub fn atom(&self) -> Result<String> {
        self.render().map_err(|error| Error::Internal(error.into()))
    }

    /// JSON Feed.
    pub fn json(&self) -> String {
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
            "home_page_url": format!("{}/updates", self.host),
            "feed_url": format!("{}/updates/feed.json", self.host),
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
