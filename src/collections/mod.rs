//! Collections: the places that entries are sent to, with their keys, origins, limits and fields.
//!
//! What always holds: a collection's name is part of URLs and never changes; its publishable key stands in
//! web pages and is no secret; the field registry knows every path that was ever stored.

mod api;
mod pages;
mod service;
mod settings;
mod store;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::moment::Moment;

pub use api::Docs;
pub use service::{Changes, Collections, Known, NewCollection, create, purgeable, remove};
pub use store::{FieldCounts, count_fields, fields, find, forget_field, forget_old_fields, id_of, register_field};

/// URLs for staff.
pub fn staff_routes() -> Vec<rocket::Route> {
    [api::routes(), pages::routes()].concat()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, Serialize)]
#[sqlx(transparent)]
pub struct CollectionId(pub i64);

/// The collection that is there from the first start.
pub const DEFAULT_COLLECTION: &str = "default";

/// A place for entries of one kind.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Collection {
    pub id: CollectionId,
    pub name: String,
    pub title: String,
    pub publishable_key: String,
    pub kind: String,
    /// Accepts entries without the key.
    pub open: bool,
    pub public_read: bool,
    pub retention_days: Option<i64>,
    pub daily_quota: Option<i64>,
    /// JSON, see [`Check`].
    pub checks: String,
    /// JSON: names of the states of its entries.
    pub states: String,
    pub version: i64,
    pub created_at: Moment,
    /// It can be restored for [`KEPT_DAYS`], then it is removed with its entries.
    pub deleted_at: Option<Moment>,
}

impl Collection {
    /// The states of its entries; a new one has the first.
    pub fn states(&self) -> Vec<String> {
        serde_json::from_str(&self.states).unwrap_or_default()
    }

    pub fn first_state(&self) -> String {
        self.states().into_iter().next().unwrap_or_default()
    }
}

/// What the states of a collection are if nobody names others.
pub const STATES: [&str; 3] = ["new", "open", "done"];

/// Days for which a deleted collection can be restored.
pub const KEPT_DAYS: i64 = 30;

/// What a field of a collection should be, and what happens if it is not.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// string, number, bool, array or object.
    pub r#type: String,
    pub mode: CheckMode,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum CheckMode {
    Off,
    /// Stored; the answer carries a warning.
    Warn,
    /// Refused with 422.
    Reject,
}

/// The name of a collection: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionName(String);

impl CollectionName {
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with(['_', '-']) {
            return Ok(CollectionName(text.to_owned()));
        }
        Err(Error::invalid("/name", "must be 1 to 63 of a-z, 0-9, - and _, beginning with a letter or a digit"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An origin as browsers send it: scheme, host and port, lower case, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("/origin", "must look like https://example.org, without a path");
        let lower = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://").ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
        if !matches!(scheme, "http" | "https") || host.is_empty() || !host.chars().all(plain) {
            return Err(wrong());
        }
        // A browser leaves the default port out.
        let default = if scheme == "https" { ":443" } else { ":80" };
        Ok(WebOrigin(format!("{scheme}://{}", host.strip_suffix(default).unwrap_or(host))))
    }

    /// The origin of a URL.
    pub fn of_url(url: &str) -> Result<Self> {
        let end = url.find("://").map_or(0, |at| at + 3);
        let length = url[end..].find(['/', '?', '#', '\\']).unwrap_or(url.len() - end);
        WebOrigin::parse(&url[..end + length])
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A field of the registry.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RegisteredField {
    pub id: i64,
    pub collection_id: CollectionId,
    pub path: String,
    pub strings: i64,
    pub numbers: i64,
    pub bools: i64,
    pub nulls: i64,
    pub arrays: i64,
    pub objects: i64,
    pub first_at: Moment,
    pub last_at: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_collections() {
        for (name, valid) in [
            ("contact", true),
            ("a", true),
            ("0-b_c", true),
            ("", false),
            ("_a", false),
            ("A", false),
            ("a b", false),
            (&"x".repeat(64), false),
        ] {
            assert_eq!(CollectionName::parse(name).is_ok(), valid, "{name}");
        }
    }

    #[test]
    fn origins_are_normalised() {
        for (text, origin) in [
            ("https://Example.org", Some("https://example.org")),
            ("https://example.org:443/", Some("https://example.org")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("example.org", None),
            ("ftp://example.org", None),
            ("https://example.org/path", None),
            ("null", None),
        ] {
            assert_eq!(WebOrigin::parse(text).ok().map(|o| o.0).as_deref(), origin, "{text}");
        }
        assert_eq!(WebOrigin::of_url("https://example.org/a?b").unwrap().0, "https://example.org");
        assert!(WebOrigin::of_url(r"https://example.org@evil.org/").is_err());
        assert!(WebOrigin::of_url("javascript:alert(1)").is_err());
    }
}
