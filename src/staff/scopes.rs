//! What an API token may do: its scopes, and which one an address needs.

use super::account::Role;
use crate::error::{Error, Result};

/// A right that a token carries. A token never has more rights than the account it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    EntriesRead,
    EntriesWrite,
    Waiting,
    Directory,
    Admin,
}

impl Scope {
    pub const ALL: [(&'static str, Scope, &'static str); 5] = [
        ("entries:read", Scope::EntriesRead, "List and export entries, read collections"),
        ("entries:write", Scope::EntriesWrite, "Change, delete and restore entries"),
        ("waiting", Scope::Waiting, "Read queues and places; call, step, transfer, close"),
        ("directory", Scope::Directory, "Colleges, majors, advisors, students, FAQs"),
        ("admin", Scope::Admin, "Accounts, tokens, the audit trail, settings of collections"),
    ];

    pub fn name(self) -> &'static str {
        Scope::ALL.iter().find(|(_, scope, _)| *scope == self).map_or("", |(name, ..)| name)
    }

    /// The least role whose tokens may carry it.
    pub fn role(self) -> Role {
        match self {
            Scope::EntriesWrite => Role::Staff,
            Scope::Admin => Role::Owner,
            Scope::EntriesRead | Scope::Waiting | Scope::Directory => Role::Viewer,
        }
    }
}

/// The scopes of a token, each once; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(pub Vec<Scope>);

impl Scopes {
    /// Reads names. An unknown one is an error that lists those there are.
    pub fn parse<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Scopes> {
        let mut scopes = Vec::new();
        for name in names {
            let known = Scope::ALL.iter().find(|(known, ..)| *known == name);
            let (_, scope, _) = known.ok_or_else(|| {
                let all = Scope::ALL.map(|(name, ..)| name);
                let hint = crate::words::did_you_mean(name, all);
                Error::invalid("/scopes", format!("\"{name}\" is none of {}{hint}", all.join(", ")))
            })?;
            if !scopes.contains(scope) {
                scopes.push(*scope);
            }
        }
        if scopes.is_empty() { Err(Error::invalid("/scopes", "choose at least one")) } else { Ok(Scopes(scopes)) }
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.name()).collect()
    }

    /// As it is stored: a JSON list.
    pub(super) fn stored(&self) -> String {
        serde_json::json!(self.names()).to_string()
    }

    pub(super) fn from_stored(text: &str) -> Scopes {
        let names: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        let known = |name: &String| Scope::ALL.iter().find(|(known, ..)| known == name).map(|(_, scope, _)| *scope);
        Scopes(names.iter().filter_map(known).collect())
    }
}

/// What an address is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Entries,
    Waiting,
    Directory,
    Admin,
}

/// The addresses that take tokens, by how they begin. All others, the pages, are for people who are signed in.
pub struct Areas(pub &'static [(&'static str, Area)]);

impl Areas {
    /// The scope that an address needs from somebody of this role; `None`: no token opens it.
    pub fn scope(&self, path: &str, role: Role) -> Option<Scope> {
        // Below /list there are pages.
        let is_below = |prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && prefix.starts_with("/api/"))
        };
        let (_, area) = self.0.iter().find(|(prefix, _)| is_below(prefix))?;
        Some(match (area, role) {
            (_, Role::Owner) | (Area::Admin, _) => Scope::Admin,
            (Area::Entries, Role::Viewer) => Scope::EntriesRead,
            (Area::Entries, Role::Staff) => Scope::EntriesWrite,
            (Area::Waiting, _) => Scope::Waiting,
            (Area::Directory, _) => Scope::Directory,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_addresses() {
        let areas = Areas(&[("/api/v1/entries", Area::Entries), ("/api/v1/users", Area::Admin)]);
        for (path, role, scope) in [
            ("/api/v1/entries", Role::Viewer, Some(Scope::EntriesRead)),
            ("/api/v1/entries/7", Role::Staff, Some(Scope::EntriesWrite)),
            ("/api/v1/entriesx", Role::Viewer, None),
            ("/api/v1/users/1", Role::Viewer, Some(Scope::Admin)),
            ("/collections", Role::Owner, None),
        ] {
            assert_eq!(areas.scope(path, role), scope, "{path}");
        }
    }

    #[test]
    fn names_of_scopes_are_read() {
        assert_eq!(Scopes::parse(["waiting", "waiting"]).unwrap().names(), ["waiting"]);
        assert!(Scopes::parse([]).is_err());
        let error = Scopes::parse(["entries:reed"]).unwrap_err().to_string();
        assert!(error.contains("did you mean"), "{error}");
        let scopes = Scopes::parse(["admin", "directory"]).unwrap();
        assert_eq!(Scopes::from_stored(&scopes.stored()), scopes);
    }
}
