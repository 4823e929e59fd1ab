//! A relay as it is stored.

use std::collections::BTreeMap;

use super::definition::Definition;
use crate::error::{Error, Result};
use crate::moment::Moment;

/// A relay as it is stored.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Relay {
    /// Primary key.
    pub id: i64,
    /// In its address; never changes.
    pub name: String,
    /// What clients send if access is by key, `rk_…`.
    pub relay_key: String,
    /// JSON, see [`Definition`].
    pub definition: String,
    /// JSON: the values of secret headers by their names, sealed.
    pub secrets: String,
    /// Raised by every change; the ETag.
    pub version: i64,
    /// When it was created.
    pub created_at: Moment,
    /// When it was changed last.
    pub updated_at: Moment,
    /// It can be restored.
    pub deleted_at: Option<Moment>,
}

impl Relay {
    /// The definition, parsed.
    pub fn parsed(&self) -> Result<Definition> {
        serde_json::from_str(&self.definition)
            .map_err(|error| Error::Internal(format!("the relay \"{}\": {error}", self.name).into()))
    }

    /// The sealed values of secret headers by their names.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.secrets).unwrap_or_default()
    }
}

/// A definition that a relay had.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Edition {
    /// The version that it was.
    pub version: i64,
    /// JSON, see [`Definition`].
    pub definition: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub at: Moment,
}

impl Edition {
    /// The definition, parsed.
    pub fn parsed(&self) -> Result<Definition> {
        let broken = |error| Error::Internal(format!("edition {}: {error}", self.version).into());
        serde_json::from_str(&self.definition).map_err(broken)
    }
}

/// A relay's name: it stands in addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayName(String);

impl RelayName {
    /// 1 to 40 small letters, digits, `-` and `_`, beginning with a letter; not `new`, which is a page.
    pub fn parse(text: &str) -> Result<RelayName> {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && text != "new" && text.len() <= 40 && text.chars().all(is_part) {
            return Ok(RelayName(text.to_owned()));
        }
        Err(Error::invalid("/name", "must be 1 to 40 small letters, digits, - and _, beginning with a letter"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
