//! The audit trail: who did what to which record when. A line is written by the transaction that makes the change,
//! so neither can be without the other; the database refuses to change or delete it.

use super::Account;
use crate::db::{DbError, Tx};
use crate::moment::Moment;

/// Who does something: an account, perhaps through an API token, or the command line.
#[derive(Debug, Clone)]
pub struct Author {
    user: Option<i64>,
    name: String,
    token: Option<i64>,
}

impl Author {
    /// Whoever can run commands on the server.
    pub fn command_line() -> Author {
        Author { user: None, name: "command line".into(), token: None }
    }
}

impl Author {
    pub(super) fn of(user: i64, email: &super::Email) -> Author {
        Author { user: Some(user), name: email.as_str().to_owned(), token: None }
    }
}

impl From<&Account> for Author {
    fn from(account: &Account) -> Author {
        Author { user: Some(account.id), name: account.email.clone(), token: account.token }
    }
}

/// What was done. `detail` is a few words or names of fields; never what was stored, which may be personal or secret.
#[derive(Debug)]
pub struct Deed<'a> {
    /// A verb in the past tense: `made`, `changed`, `deleted`.
    pub action: &'a str,
    /// The plural by which URLs call it: `students`.
    pub record: &'a str,
    /// Its number or name; empty for several at once.
    pub id: String,
    pub detail: String,
}

impl<'a> Deed<'a> {
    pub fn new(action: &'a str, record: &'a str, id: impl ToString) -> Deed<'a> {
        Deed { action, record, id: id.to_string(), detail: String::new() }
    }

    pub fn with(mut self, detail: impl Into<String>) -> Deed<'a> {
        self.detail = detail.into();
        self
    }
}

/// Writes a line of the trail.
pub async fn note(tx: &mut Tx, by: &Author, deed: Deed<'_>, now: Moment) -> Result<(), DbError> {
    tx.write(
        "INSERT INTO audit (at, user_id, actor, token_id, action, record, record_id, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(now)
    .bind(by.user)
    .bind(&by.name)
    .bind(by.token)
    .bind(deed.action)
    .bind(deed.record)
    .bind(deed.id)
    .bind(deed.detail)
    .execute()
    .await
    .map(drop)
}
