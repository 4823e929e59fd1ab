//! What an API token may do: its scopes, and which one an address needs.

use super::account::Role;
use crate::error::{Error, Result};
use crate::words::did_you_mean;

/// A right that a token carries. A token never has more rights than the account it belongs to. Each domain declares its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Scope {
    /// As tokens and addresses of programs spell it, such as `entries:read`.
    pub name: &'static str,
    /// What it allows, for the person who chooses it.
    pub meaning: &'static str,
    /// The least role whose tokens may carry it.
    pub role: Role,
}

/// Everything that is for owners.
pub static ADMIN: Scope =
    Scope { name: "admin", meaning: "Accounts, tokens, the audit trail, settings of collections", role: Role::Owner };

/// An address that takes API tokens, with all that is below it under `/api/`, and the scopes that it needs.
#[derive(Debug)]
pub struct Area {
    /// Path, such as `/api/v1/entries`.
    pub address: &'static str,
    /// For what a viewer may do.
    pub reads: &'static Scope,
    /// For what takes the role staff. What is for owners needs [`ADMIN`].
    pub writes: &'static Scope,
}

impl Area {
    /// An address that one scope opens.
    pub const fn of(address: &'static str, scope: &'static Scope) -> Area {
        Area { address, reads: scope, writes: scope }
    }
}

/// The addresses that take tokens. All others, the pages, are for people who are signed in. Rocket's state.
#[derive(Clone, Default)]
pub struct Areas(Vec<&'static Area>);

impl Areas {
    /// The areas of all domains.
    pub fn of(areas: impl IntoIterator<Item = &'static Area>) -> Areas {
        Areas(areas.into_iter().collect())
    }

    /// The scope that an address needs from somebody of this role; `None`: no token opens it.
    pub fn scope(&self, path: &str, role: Role) -> Option<&'static Scope> {
        // Below /list there are pages.
        let is_below = |address: &str| {
            let rest = path.strip_prefix(address);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && address.starts_with("/api/"))
        };
        let area = self.0.iter().find(|area| is_below(area.address))?;
        Some(match role {
            Role::Viewer => area.reads,
            Role::Staff => area.writes,
            Role::Owner => &ADMIN,
        })
    }

    /// Every scope there is, each once; [`ADMIN`] is the last.
    pub fn scopes(&self) -> Vec<&'static Scope> {
        let mut scopes: Vec<&'static Scope> = Vec::new();
        for scope in self.0.iter().flat_map(|area| [area.reads, area.writes]) {
            if *scope != ADMIN && !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes.push(&ADMIN);
        scopes
    }

    /// Reads names of scopes: each once, at least one. An unknown one is an error that lists those there are.
    pub fn parse<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Vec<&'static Scope>> {
        let all = self.scopes();
        let mut scopes = Vec::new();
        for name in names {
            let scope = all.iter().copied().find(|scope| scope.name == name).ok_or_else(|| {
                let known: Vec<_> = all.iter().map(|scope| scope.name).collect();
                let hint = did_you_mean(name, known.iter().copied());
                Error::invalid("/scopes", format!("\"{name}\" is none of {}{hint}", known.join(", ")))
            })?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.is_empty() { Err(Error::invalid("/scopes", "choose at least one")) } else { Ok(scopes) }
    }
}

/// The names of the scopes of a token, as they are stored: a JSON list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    pub(super) fn stored(scopes: &[&Scope]) -> String {
        serde_json::json!(scopes.iter().map(|scope| scope.name).collect::<Vec<_>>()).to_string()
    }

    pub(super) fn from_stored(text: &str) -> Scopes {
        Scopes(serde_json::from_str(text).unwrap_or_default())
    }

    /// Whether this is one of them.
    pub fn holds(&self, scope: &Scope) -> bool {
        self.0.iter().any(|name| name == scope.name)
    }

    /// Their names.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static READ: Scope = Scope { name: "notes:read", meaning: "", role: Role::Viewer };
    static WRITE: Scope = Scope { name: "notes:write", meaning: "", role: Role::Staff };
    static AREAS: [Area; 3] = [
        Area { address: "/notes", reads: &READ, writes: &WRITE },
        Area { address: "/api/v1/notes", reads: &READ, writes: &WRITE },
        Area::of("/api/v1/users", &ADMIN),
    ];

    #[test]
    fn scopes_of_addresses() {
        let areas = Areas::of(&AREAS);
        for (path, role, scope) in [
            ("/api/v1/notes", Role::Viewer, Some(&READ)),
            ("/api/v1/notes/7", Role::Staff, Some(&WRITE)),
            ("/api/v1/notes/7", Role::Owner, Some(&ADMIN)),
            ("/api/v1/notesx", Role::Viewer, None),
            ("/notes", Role::Viewer, Some(&READ)),
            ("/notes/7", Role::Viewer, None),
            ("/api/v1/users/1", Role::Viewer, Some(&ADMIN)),
            ("/collections", Role::Owner, None),
        ] {
            assert_eq!(areas.scope(path, role), scope, "{path}");
        }
    }

    #[test]
    fn names_of_scopes_are_read() {
        let areas = Areas::of(&AREAS);
        assert_eq!(areas.parse(["notes:read", "notes:read"]).unwrap(), [&READ]);
        assert!(areas.parse([]).is_err());
        let error = areas.parse(["notes:reed"]).unwrap_err().to_string();
        assert!(error.contains("did you mean"), "{error}");
        let scopes = areas.parse(["admin", "notes:write"]).unwrap();
        let kept = Scopes::from_stored(&Scopes::stored(&scopes));
        assert!(kept.holds(&ADMIN) && kept.holds(&WRITE) && !kept.holds(&READ));
    }
}
