//! Inviting people, changing what they may do, disabling and removing them.

use super::account::{Account, Email, Password, Role, name_or_email};
use super::accounts::{no_account, taken};
use super::audit::{self, Author, Deed};
use super::service::Shared;
use super::session::{Browser, SignedIn};
use super::{passwords, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::moment::{DAY, Moment};
use crate::secrets::{random_token, sha256};

/// Somebody to be invited.
#[derive(Debug)]
pub struct NewPerson {
    /// Address by which they will sign in.
    pub email: Email,
    /// Name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// What is to change of an account; `None` leaves it.
#[derive(Debug, Default)]
pub struct AccountChange {
    /// Address by which they sign in.
    pub email: Option<Email>,
    /// Name for people.
    pub name: Option<String>,
    /// What they may do.
    pub role: Option<Role>,
    /// `true` disables the account, `false` enables it again.
    pub disabled: Option<bool>,
}

/// A one-time link through which somebody chooses a password.
#[derive(Debug)]
pub struct Link {
    /// The secret in the link.
    pub token: String,
    /// When it stops working.
    pub expires: Moment,
}

const INVITATION: &str = "invitation";
/// Days for which an invitation works.
const INVITATION_DAYS: i64 = 7;

impl Shared {
    /// Makes an account without a password, and the link through which its owner chooses one.
    pub async fn invite(&self, by: &Author, person: NewPerson) -> Result<(i64, Link)> {
        let mut tx = self.db.begin().await?;
        let id = self.insert(&mut tx, &person.email, &person.name, person.role, "").await?;
        let link = self.link(&mut tx, id).await?;
        self.noted(tx, by, Deed::new("invited", "users", id).with(person.role.name())).await?;
        Ok((id, link))
    }

    /// Another link for an account: an invitation that was lost, or a password that was forgotten.
    /// The one before stops working; the password stays until the link is used.
    pub async fn new_link(&self, by: &Author, id: i64) -> Result<Link> {
        let mut tx = self.db.begin().await?;
        let account = lock(&mut tx, id, None).await?;
        if !account.is_active() {
            return Err(Error::Conflict("This account is disabled: enable it first.".into()));
        }
        let link = self.link(&mut tx, id).await?;
        self.noted(tx, by, Deed::new("invited", "users", id).with("a new link")).await?;
        Ok(link)
    }

    async fn link(&self, tx: &mut Tx, user: i64) -> Result<Link> {
        let (token, now) = (random_token::<32>()?, self.clock.now());
        let expires = now.plus(INVITATION_DAYS * DAY);
        let hash = sha256(&token);
        let link = store::NewLink { token_hash: &hash, purpose: INVITATION, user: Some(user), expires: Some(expires) };
        store::insert_link(tx, link, now).await?;
        Ok(Link { token, expires })
    }

    /// Whom a link invites, while it works.
    pub async fn invited(&self, token: &str) -> Result<Account> {
        let open = store::open_link(&self.db, &sha256(token), INVITATION, self.clock.now()).await?.flatten();
        let account = match open {
            Some(id) => store::by_id(&self.db, id).await?.map(|(account, _)| account),
            None => None,
        };
        account.filter(Account::is_active).ok_or_else(no_link)
    }

    /// Chooses the password through a link: uses it up, ends the account's sessions, and signs in.
    pub async fn accept(&self, token: &str, password: Password, browser: &Browser) -> Result<SignedIn> {
        let account = self.invited(token).await?;
        let hash = passwords::hash(password.0).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let account = lock(&mut tx, account.id, None).await?;
        if !account.is_active() || !store::use_link(&mut tx, &sha256(token), now).await? {
            return Err(no_link());
        }
        store::set_password(&mut tx, account.id, &hash, now).await?;
        store::delete_sessions_of(&mut tx, account.id, &[]).await?;
        let by = Author::proven(account.id, &account.email);
        audit::note(&mut tx, &by, Deed::new("changed", "users", account.id).with("password, by a link"), now).await?;
        let signed_in = self.begin_session(&mut tx, &account, browser, false).await?;
        tx.commit().await?;
        self.look_again();
        Ok(signed_in)
    }

    /// Changes an account. `version`: only if it is still this one. Rights that are taken away end at once:
    /// who is disabled is signed out everywhere, their streams end, their tokens and links stop working.
    pub async fn change(&self, by: &Author, id: i64, version: Option<i64>, change: AccountChange) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let owners = store::owners_for_update(&mut tx).await?;
        let before = lock(&mut tx, id, version).await?;
        let after = changed(&before, change, self.clock.now())?;
        let (action, detail) = describe_change(&before, &after);
        if action == "changed" && detail.is_empty() {
            return Ok(tx.abandon().await?);
        }
        if owners == [id] && (after.role < Role::Owner || !after.is_active()) {
            return Err(last_owner());
        }
        // The audit line comes first: owners may give up their own role.
        let now = self.clock.now();
        audit::note(&mut tx, by, Deed::new(action, "users", id).with(detail), now).await?;
        let email = Email(after.email.clone());
        store::update(&mut tx, &after, self.clock.now()).await.map_err(|error| taken(error, &email))?;
        if !after.is_active() {
            self.end_all(&mut tx, id).await?;
        }
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Removes an account; records and events keep its id and name. 404 if it is removed already.
    pub async fn remove(&self, by: &Author, id: i64, version: Option<i64>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let owners = store::owners_for_update(&mut tx).await?;
        let mut account = lock(&mut tx, id, version).await?;
        if owners == [id] {
            return Err(last_owner());
        }
        let now = self.clock.now();
        audit::note(&mut tx, by, Deed::new("deleted", "users", id), now).await?;
        account.deleted = Some(now);
        store::update(&mut tx, &account, now).await?;
        self.end_all(&mut tx, id).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Takes the removal back. Sessions and tokens stay ended. An account that was not removed stays as it is.
    pub async fn restore(&self, by: &Author, id: i64) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let found = store::by_id_for_update(&mut tx, id).await?;
        let (mut account, _) = found.ok_or_else(no_account)?;
        if account.deleted.is_none() {
            return Ok(tx.abandon().await?);
        }
        account.deleted = None;
        store::update(&mut tx, &account, self.clock.now()).await?;
        self.noted(tx, by, Deed::new("restored", "users", id)).await
    }

    /// Signs somebody out everywhere. Returns how many sessions there were.
    pub async fn end_sessions(&self, by: &Author, id: i64) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        lock(&mut tx, id, None).await?;
        let deed = Deed::new("ended", "sessions", "").with(format!("all of account {id}"));
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        let ended = store::delete_sessions_of(&mut tx, id, &[]).await?;
        tx.commit().await?;
        self.look_again();
        Ok(ended)
    }

    async fn end_all(&self, tx: &mut Tx, id: i64) -> Result<()> {
        store::delete_sessions_of(tx, id, &[]).await?;
        store::revoke_tokens_of(tx, id, self.clock.now()).await?;
        Ok(store::delete_links_of(tx, id).await?)
    }
}

/// Whether this id is that of an account that may sign in. On PostgreSQL it stays so until the transaction ends.
pub async fn is_active_account(tx: &mut Tx, id: i64) -> Result<bool> {
    Ok(store::by_id_for_update(tx, id).await?.is_some_and(|(account, _)| account.is_active()))
}

/// An account that is not removed, of this version if one is named.
async fn lock(tx: &mut Tx, id: i64, version: Option<i64>) -> Result<Account> {
    let found = store::by_id_for_update(tx, id).await?.map(|(account, _)| account);
    let account = found.filter(|account| account.deleted.is_none()).ok_or_else(no_account)?;
    match version {
        Some(version) if version != account.version => Err(Error::PreconditionFailed),
        _ => Ok(account),
    }
}

fn changed(before: &Account, change: AccountChange, now: Moment) -> Result<Account> {
    let mut after = before.clone();
    if let Some(email) = change.email {
        after.email = email.0;
    }
    if let Some(name) = change.name {
        after.name = name_or_email(&name, &Email(after.email.clone()))?;
    }
    after.role = change.role.unwrap_or(after.role);
    after.disabled = match change.disabled {
        Some(true) => after.disabled.or(Some(now)),
        Some(false) => None,
        None => after.disabled,
    };
    Ok(after)
}

/// What the audit trail says of a change.
fn describe_change(before: &Account, after: &Account) -> (&'static str, String) {
    let action = match (before.disabled, after.disabled) {
        (None, Some(_)) => "disabled",
        (Some(_), None) => "enabled",
        _ => "changed",
    };
    let mut detail = Vec::new();
    if before.role != after.role {
        detail.push(format!("role {} to {}", before.role.name(), after.role.name()));
    }
    if before.email != after.email {
        detail.push("email".to_owned());
    }
    if before.name != after.name {
        detail.push("name".to_owned());
    }
    (action, detail.join(", "))
}

fn no_link() -> Error {
    Error::NotFound("This link was used already, is too old, or a newer one was made. Ask for another.".into())
}

fn last_owner() -> Error {
    Error::Conflict("This is the last owner: make somebody else an owner first.".into())
}
