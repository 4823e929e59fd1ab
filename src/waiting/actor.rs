//! Who does something in the waiting room.

use crate::staff::{Account, Author};

/// Who does something, for events and for "already called by …".
#[derive(Debug, Clone)]
pub struct Actor {
    /// Name for people.
    pub name: String,
    /// Acts as staff.
    pub staff: bool,
    /// The author in the audit trail; `None` for students and for what the program does by itself.
    pub author: Option<Author>,
}

impl Actor {
    /// The student whose place it is.
    pub fn student() -> Actor {
        Actor { name: "the student".into(), staff: false, author: None }
    }

    /// The program, by itself.
    pub fn system() -> Actor {
        Actor { name: "Frontdesk".into(), staff: false, author: None }
    }

    /// Somebody of staff.
    pub fn staff(account: &Account) -> Actor {
        Actor { name: account.name.clone(), staff: true, author: Some(account.into()) }
    }
}

/// Who calls, with the name that is shown.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who stands at the desk.
    pub desk: Desk,
    /// The author in the audit trail.
    pub author: Author,
    /// Name that students read.
    pub name: String,
    /// Where a called student goes.
    pub location: Option<String>,
    /// Where a called student meets them online.
    pub video_url: Option<String>,
}

/// Who stands at the desk: an advisor, or an account in its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Desk {
    /// An advisor; `account` acts for them, if it is not their own.
    Advisor {
        /// The advisor's id.
        advisor: i64,
        /// The id of the account.
        account: Option<i64>,
    },
    /// An account in its own name.
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
