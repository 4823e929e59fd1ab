//! Accounts with their roles, email addresses and passwords.

use super::passwords;
use crate::error::{Error, Result};
use crate::moment::Moment;

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
    /// All roles with their names.
    pub const ALL: [(&'static str, Role); 3] =
        [("viewer", Role::Viewer), ("staff", Role::Staff), ("owner", Role::Owner)];

    /// Reads a name; 422 if there is no such role.
    pub fn parse(text: &str) -> Result<Role> {
        Role::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, role)| *role)
            .ok_or_else(|| Error::invalid("/role", "must be owner, staff or viewer"))
    }

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        Role::ALL.iter().find(|(_, role)| *role == self).map_or("viewer", |(name, _)| name)
    }
}

/// An email address, lower case. Only what every address has is checked; the rest a mail server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(pub(super) String);

impl Email {
    /// Reads an address; 422 if it cannot be one.
    pub fn parse(text: &str) -> Result<Email> {
        let email = text.trim().to_lowercase();
        let (name, host) = email.split_once('@').unwrap_or(("", ""));
        let odd = |c: char| c.is_whitespace() || is_invisible(c) || "<>()[],;:\\\"".contains(c);
        let plain = !email.chars().any(odd) && host.split('.').all(|label| !label.is_empty());
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

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone)]
pub struct Account {
    /// Primary key.
    pub id: i64,
    /// Address by which they sign in.
    pub email: String,
    /// Name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When they were invited.
    pub created: Moment,
    /// Raised by every change; the ETag.
    pub version: i64,
    /// When they were disabled; `None`: they are not.
    pub disabled: Option<Moment>,
    /// Removed; kept for what refers to it.
    pub deleted: Option<Moment>,
    /// Was invited and has not chosen a password yet.
    pub invited: bool,
    /// Id of the API token through which it acts; `None`: it acts through a session.
    pub token: Option<i64>,
    /// The session through which it acts.
    pub session: Option<i64>,
}

impl Account {
    /// May sign in.
    pub fn is_active(&self) -> bool {
        self.disabled.is_none() && self.deleted.is_none()
    }

    /// `removed`, `disabled`, `invited` or `active`.
    pub fn status(&self) -> &'static str {
        match self {
            Account { deleted: Some(_), .. } => "removed",
            Account { disabled: Some(_), .. } => "disabled",
            Account { invited: true, .. } => "invited",
            _ => "active",
        }
    }
}

/// A password that may be used: 8 to 128 characters, none of the common ones.
pub struct Password(pub(super) String);

impl Password {
    /// Accepts a password; 422 with the reason if it is too weak.
    pub fn parse(text: &str) -> Result<Password> {
        if text.contains('\0') {
            return Err(Error::invalid("/password", "holds a NUL character"));
        }
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

/// A name to be shown: one line of at most 100 characters; empty is the email.
pub(super) fn name_or_email(name: &str, email: &Email) -> Result<String> {
    match name.trim() {
        "" => Ok(email.as_str().to_owned()),
        name if name.chars().count() > 100 => Err(Error::invalid("/name", "has more than 100 characters")),
        name if name.chars().any(is_invisible) => Err(Error::invalid("/name", "holds characters that cannot be seen")),
        name => Ok(name.to_owned()),
    }
}

/// Control characters, and those that change how others are shown: they make names that look like others.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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
            ("a@.", None),
            ("a@b..org", None),
            ("<a>@x.org", None),
            ("a\u{200b}@x.org", None),
            ("jürgen@müller.example", Some("jürgen@müller.example")),
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
