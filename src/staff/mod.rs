//! Staff: accounts, sign-in and sessions.
//!
//! What always holds: a password is stored as argon2id and a session token as its SHA-256; a session ends
//! when it is idle, old, signed out, or when its account is disabled; the first owner is made through a
//! one-time link that only the terminal shows.

mod guards;
mod pages;
mod passwords;
mod service;
mod store;

use crate::error::{Error, Result};
use crate::moment::Moment;

pub use guards::{Owner, Staff, Viewer, Visitor, token_of as session_token};
pub use pages::{Layout, routes};
pub use service::{Accounts, SessionLimits, sha256};

/// What an account may do; each role may do what the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works with entries.
    Staff,
    /// Everything.
    Owner,
}

impl Role {
    pub const ALL: [(&'static str, Role); 3] =
        [("viewer", Role::Viewer), ("staff", Role::Staff), ("owner", Role::Owner)];

    pub fn parse(text: &str) -> Result<Role> {
        Role::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, role)| *role)
            .ok_or_else(|| Error::invalid("/role", "must be owner, staff or viewer"))
    }

    pub fn name(self) -> &'static str {
        Role::ALL.iter().find(|(_, role)| *role == self).map_or("viewer", |(name, _)| name)
    }
}

/// An email address, lower case. Only what every address has is checked; the rest a mail server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str) -> Result<Email> {
        let email = text.trim().to_lowercase();
        let (name, host) = email.split_once('@').unwrap_or(("", ""));
        let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
        if name.is_empty()
            || !host.contains('.') && host != "localhost"
            || email.len() > 254
            || !plain
            || host.contains('@')
        {
            return Err(Error::invalid("/email", "must be an email address"));
        }
        Ok(Email(email))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: i64,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created: Moment,
    pub disabled: Option<Moment>,
}

/// A password that may be used: 8 to 128 characters, none of the common ones.
pub struct Password(String);

impl Password {
    pub fn parse(text: &str) -> Result<Password> {
        let length = text.chars().count();
        if !(8..=128).contains(&length) {
            return Err(Error::invalid("/password", "must be 8 to 128 characters"));
        }
        if passwords::is_common(text) {
            return Err(Error::invalid("/password", "is one of the most common passwords: choose another"));
        }
        Ok(Password(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails() {
        for (text, email) in [
            (" Kim@Example.org ", Some("kim@example.org")),
            ("kim", None),
            ("kim@", None),
            ("@x.org", None),
            ("a b@x.org", None),
            ("a@b@c.org", None),
        ] {
            assert_eq!(Email::parse(text).ok().map(|e| e.0).as_deref(), email, "{text}");
        }
    }

    #[test]
    fn common_passwords_are_refused() {
        assert!(Password::parse("password123").is_err());
        assert!(Password::parse("short").is_err());
        assert!(Password::parse("a quiet green lamp").is_ok());
    }
}
