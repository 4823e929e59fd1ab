//! What visitors and staff see of updates.

use super::feed::{Channel, FEED_LENGTH, Format, HOST};
use super::service::Updates;
use super::slug::is_slug;
use super::store;
use super::update::{State, Update};
use super::writing::is_tag;
use crate::error::{Error, Result};

/// Updates of a page of a list.
pub const PAGE: i64 = 20;
/// Deleted ones that can be brought back on the page.
const DELETED: i64 = 20;

/// A page of a list of updates.
pub struct Page {
    /// At most [`PAGE`].
    pub updates: Vec<Update>,
    /// There are more.
    pub more: bool,
}

impl Page {
    /// Of one more than a page holds.
    fn of(mut updates: Vec<Update>) -> Page {
        let more = updates.len() as i64 > PAGE;
        updates.truncate(PAGE as usize);
        Page { updates, more }
    }
}

/// What an address shows.
pub enum Found {
    /// This.
    Here(Box<Update>),
    /// It moved to the address that ends so.
    Moved(String),
    /// Nothing that visitors see.
    Nowhere,
}

impl Updates {
    /// What visitors see, with this tag if it is not empty; `page` counts from 1.
    pub async fn visible(&self, tag: &str, page: i64) -> Result<Page> {
        if !is_tag(tag) {
            return Ok(Page::of(Vec::new()));
        }
        let found = store::visible(&self.db, self.now(), tag, PAGE + 1, (page - 1) * PAGE).await?;
        Ok(Page::of(found))
    }

    /// What visitors see at an address.
    pub async fn at(&self, slug: &str) -> Result<Found> {
        let (now, small) = (self.now(), slug.to_ascii_lowercase());
        if !is_slug(&small) {
            return Ok(Found::Nowhere);
        }
        match store::visible_by_slug(&self.db, now, &small).await? {
            Some(update) if small == slug => Ok(Found::Here(Box::new(update))),
            Some(update) => Ok(Found::Moved(update.slug)),
            None => Ok(store::moved_to(&self.db, now, &small).await?.map_or(Found::Nowhere, Found::Moved)),
        }
    }

    /// A feed. `host`: scheme and host of this server. It is made when there is something else in it than before.
    pub async fn feed(&self, format: Format, host: &str) -> Result<String> {
        let host =
            url::Url::parse(host).map_err(|_| Error::parameter("Host", "is no host"))?.origin().ascii_serialization();
        let now = self.now();
        let versions = store::newest_versions(&self.db, now, FEED_LENGTH).await?;
        let text = self.feeds.get(format, versions, async || {
            let updates = store::newest(&self.db, now, FEED_LENGTH).await?;
            Ok(Channel::new(store::feed_uuid(&self.db).await?, updates))
        });
        Ok(text.await?.replace(HOST, &host))
    }

    /// In a state, or all, for staff; `page` counts from 1.
    pub async fn in_state(&self, state: Option<State>, page: i64) -> Result<Page> {
        let found = store::in_state(&self.db, self.now(), state, PAGE + 1, (page - 1) * PAGE).await?;
        Ok(Page::of(found))
    }

    /// The last ones that were deleted.
    pub async fn deleted(&self) -> Result<Vec<Update>> {
        Ok(store::deleted(&self.db, DELETED).await?)
    }
}
