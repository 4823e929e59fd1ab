//! Names of collections and origins, read from text.

use crate::error::{Error, Result};

/// The name of a collection: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionName(String);

impl CollectionName {
    /// Reads a name; 422 if it breaks the rule.
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with(['_', '-']) {
            return Ok(CollectionName(text.to_owned()));
        }
        Err(Error::invalid("/name", "must be 1 to 63 of a-z, 0-9, - and _, beginning with a letter or a digit"))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An origin as browsers send it: scheme, host and port, lower case, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Reads an origin, and leaves the default port out; 422 if it is none.
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

    /// The origin, such as `https://example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
