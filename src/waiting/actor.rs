//! Who does something in the waiting room.

use crate::staff::{Account, Author};

/// Who does something, for events and for "already called by …".
#[derive(Debug, Clone)]
pub struct Actor {
    pub name: String,
    pub staff: bool,
    /// Whoever answers for it in the audit trail; `None` for students and for what happens by itself.
    pub author: Option<Author>,
}

impl Actor {
    pub fn student() -> Actor {
        Actor { name: "the student".into(), staff: false, author: None }
    }

    pub fn system() -> Actor {
        Actor { name: "Frontdesk".into(), staff: false, author: None }
    }

    pub fn staff(account: &Account) -> Actor {
        Actor { name: account.name.clone(), staff: true, author: Some(account.into()) }
    }
}

/// Who calls, with the name that is shown.
#[derive(Debug, Clone)]
pub struct Caller {
    pub desk: Desk,
    /// Whoever answers for it in the audit trail.
    pub author: Author,
    pub name: String,
    /// Where a called student goes.
    pub location: Option<String>,
    pub video_url: Option<String>,
}

/// Who stands at the desk: an advisor, or an account in its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Desk {
    Advisor { advisor: i64, account: Option<i64> },
    Account(i64),
}

impl Desk {
    /// The advisor, and the account that acts.
    pub(super) fn ids(self) -> (Option<i64>, Option<i64>) {
        match self {
            Desk::Advisor { advisor, account } => (Some(advisor), account),
            Desk::Account(account) => (None, Some(account)),
        }
    }
}

impl Caller {
    pub(super) fn actor(&self) -> Actor {
        Actor { name: self.name.clone(), staff: true, author: Some(self.author.clone()) }
    }
}
