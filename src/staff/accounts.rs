//! Accounts: finding and making them, and the first owner.

use super::account::{Account, Email, Password, Role, name_or_email};
use super::audit::{self, Author, Deed};
use super::service::Shared;
use super::session::{Browser, SignedIn};
use super::{passwords, store};
use crate::db::{DbError, Tx};
use crate::error::{Error, Result};
use crate::moment::DAY;
use crate::secrets::{random_token, sha256};

const SETUP: &str = "setup";

impl Shared {
    pub async fn list(&self) -> Result<Vec<Account>> {
        Ok(store::all(&self.db).await?)
    }

    /// An account, removed or not.
    pub async fn find(&self, id: i64) -> Result<Account> {
        let found = store::by_id(&self.db, id).await?;
        found.map(|(account, _)| account).ok_or_else(no_account)
    }

    /// An account that is not removed, by its email.
    pub async fn find_by_email(&self, email: &Email) -> Result<Account> {
        let found = store::by_email(&self.db, email.as_str()).await?.map(|(account, _)| account);
        found
            .filter(|account| account.deleted.is_none())
            .ok_or_else(|| Error::NotFound(format!("There is no account {}.", email.as_str()).into()))
    }

    /// If nobody owns this Frontdesk yet: the token of the link through which the first owner is made.
    /// A link that was printed before stops working.
    pub async fn setup_token(&self) -> Result<Option<String>> {
        if store::has_owner(&self.db).await? {
            return Ok(None);
        }
        let token = random_token::<32>()?;
        let mut tx = self.db.begin().await?;
        let link = store::NewLink { token_hash: &sha256(&token), purpose: SETUP, user: None, expires: None };
        store::insert_link(&mut tx, link, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Some(token))
    }

    /// Whether a set-up link can still be used.
    pub async fn setup_is_open(&self, token: &str) -> Result<bool> {
        let open = store::open_link(&self.db, &sha256(token), SETUP, self.clock.now()).await?;
        Ok(open.is_some() && !store::has_owner(&self.db).await?)
    }

    /// Makes the first owner and uses the link up. Signs in.
    pub async fn set_up(
        &self,
        token: &str,
        email: &Email,
        name: &str,
        password: Password,
        browser: &Browser,
    ) -> Result<SignedIn> {
        if !self.setup_is_open(token).await? {
            return Err(Error::NotFound("This link was used already, or a newer one was printed.".into()));
        }
        let name = name_or_email(name, email)?;
        let hash = passwords::hash(password.0).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !store::use_link(&mut tx, &sha256(token), now).await? {
            return Err(Error::NotFound("This link was used already.".into()));
        }
        let user = store::insert(&mut tx, email.as_str(), &name, Role::Owner, &hash, now).await?;
        let by = Author::proven(user, email.as_str());
        audit::note(&mut tx, &by, Deed::new("created", "users", user).with("the first owner"), now).await?;
        let (account, _) = store::by_id_for_update(&mut tx, user).await?.ok_or_else(no_account)?;
        let signed_in = self.begin_session(&mut tx, &account, browser, false).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Makes an account with a password. The same email twice is a conflict.
    pub async fn create(&self, by: &Author, email: &Email, name: &str, role: Role, password: Password) -> Result<i64> {
        let hash = passwords::hash(password.0).await?;
        let mut tx = self.db.begin().await?;
        let id = self.insert(&mut tx, email, name, role, &hash).await?;
        self.noted(tx, by, Deed::new("created", "users", id).with(role.name())).await?;
        Ok(id)
    }

    pub(super) async fn insert(&self, tx: &mut Tx, email: &Email, name: &str, role: Role, hash: &str) -> Result<i64> {
        let name = name_or_email(name, email)?;
        store::insert(tx, email.as_str(), &name, role, hash, self.clock.now())
            .await
            .map_err(|error| taken(error, email))
    }

    /// Removes sessions that have ended by time, and what is no longer needed to limit attempts.
    pub async fn upkeep(&self) -> Result<()> {
        self.attempts.forget_quiet();
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        store::delete_old_sessions(&mut tx, now.plus(-self.limits.absolute * DAY), now.plus(-self.limits.idle * DAY))
            .await?;
        store::delete_old_browsers(&mut tx, now.plus(-KNOWN_DAYS * DAY)).await?;
        Ok(tx.commit().await?)
    }
}

/// Days for which a browser stays known after signing in.
pub(super) const KNOWN_DAYS: i64 = 365;

pub(super) fn no_account() -> Error {
    Error::NotFound("There is no such account.".into())
}

/// Says whose email it is already.
pub(super) fn taken(error: DbError, email: &Email) -> Error {
    match error {
        DbError::Duplicate => Error::Conflict(
            format!("{} has an account already, or had one that was removed and can be restored.", email.as_str())
                .into(),
        ),
        other => other.into(),
    }
}
