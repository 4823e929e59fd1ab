//! The audit trail: who did what to which record when. A line is written by the transaction that makes the change,
//! so neither can be without the other; the database refuses to change or delete it.

use super::account::{Account, Role};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::moment::Moment;

/// Who does something: an account, perhaps through an API token, or the command line.
#[derive(Debug, Clone)]
pub struct Author {
    name: String,
    user: Option<i64>,
    token: Option<i64>,
    session: Option<i64>,
    /// What the account might do when it was let in.
    role: Option<Role>,
}

impl Author {
    /// Somebody who can run commands on the server.
    pub fn command_line() -> Author {
        Author { name: "command line".into(), user: None, token: None, session: None, role: None }
    }

    /// The program by itself.
    pub fn program() -> Author {
        Author { name: "Frontdesk".into(), user: None, token: None, session: None, role: None }
    }

    /// The email, or what stands for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The account, if it is one.
    pub fn user(&self) -> Option<i64> {
        self.user
    }

    /// Somebody who has just proven who they are, or whose session ends by what they do.
    pub(super) fn proven(user: i64, email: &str) -> Author {
        Author { user: Some(user), name: email.to_owned(), ..Author::command_line() }
    }
}

impl From<&Account> for Author {
    fn from(account: &Account) -> Author {
        Author {
            name: account.email.clone(),
            user: Some(account.id),
            token: account.token,
            session: account.session,
            role: Some(account.role),
        }
    }
}

/// What was done. `detail` is a few words or names of fields; never what was stored, which may be personal or secret.
#[derive(Debug)]
pub struct Deed<'a> {
    /// A verb in the past tense: `created`, `changed`, `deleted`.
    pub action: &'a str,
    /// The plural by which URLs call it: `students`.
    pub record: &'a str,
    /// Its number or name; empty for several at once.
    pub id: String,
    /// A few words or names of fields.
    pub detail: String,
}

impl<'a> Deed<'a> {
    /// `action` was done to the record `id` of the kind `record`.
    pub fn new(action: &'a str, record: &'a str, id: impl ToString) -> Deed<'a> {
        Deed { action, record, id: id.to_string(), detail: String::new() }
    }

    /// The same with a detail.
    pub fn with(mut self, detail: impl Into<String>) -> Deed<'a> {
        self.detail = detail.into();
        self
    }
}

/// Writes a line of the trail if the author still has the rights that the guard checked; otherwise 401, and the
/// transaction must not be committed: the account may have been disabled while a slow body was read.
/// A change that reduces its author's own rights must write the line first.
pub async fn note(tx: &mut Tx, by: &Author, deed: Deed<'_>, now: Moment) -> Result<()> {
    let written = tx
        .write(
            "INSERT INTO audit (at, user_id, actor, token_id, action, record, record_id, detail) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
             WHERE ($9 = '' OR EXISTS (SELECT 1 FROM users WHERE id = $2 AND role = $9 AND disabled_at IS NULL AND deleted_at IS NULL)) \
             AND ($4 IS NULL OR EXISTS (SELECT 1 FROM tokens WHERE id = $4 AND revoked_at IS NULL)) \
             AND ($10 IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = $10))",
        )
        .postgres(
            "INSERT INTO audit (at, user_id, actor, token_id, action, record, record_id, detail) \
             SELECT $1::bigint, $2::bigint, $3::text, $4::bigint, $5::text, $6::text, $7::text, $8::text \
             WHERE ($9::text = '' OR EXISTS (SELECT 1 FROM users WHERE id = $2 AND role = $9 AND disabled_at IS NULL AND deleted_at IS NULL)) \
             AND ($4 IS NULL OR EXISTS (SELECT 1 FROM tokens WHERE id = $4 AND revoked_at IS NULL)) \
             AND ($10::bigint IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = $10))",
        )
        .bind(now)
        .bind(by.user)
        .bind(&by.name)
        .bind(by.token)
        .bind(deed.action)
        .bind(deed.record)
        .bind(deed.id)
        .bind(deed.detail)
        .bind(by.role.map_or("", Role::name))
        .bind(by.session)
        .execute()
        .await?;
    if written == 1 { Ok(()) } else { Err(Error::Unauthenticated) }
}
