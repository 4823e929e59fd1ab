//! Accounts, sessions and tokens, shared by all requests; setting up, and what happens by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::attempts::Attempts;
use super::audit::{self, Author, Deed};
use super::sessions::{Browser, SignedIn};
use super::{Account, Email, Password, Role, Scopes, passwords, store};
use crate::db::{Pool, Tx};
use crate::error::{Error, Result};
use crate::moment::{Clock, DAY};

/// Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

impl std::ops::Deref for Accounts {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of [`Accounts`] share.
pub struct Shared {
    pub(super) db: Pool,
    pub(super) clock: Clock,
    pub(super) limits: SessionLimits,
    pub(super) attempts: Attempts,
    pub(super) recent: Recent,
    /// Told whenever somebody's rights became less, so that open streams look again.
    pub(super) endings: watch::Sender<()>,
}

/// Who was recognised within the last second, with the scopes of a token: a page and what it loads ask once.
/// What ends elsewhere ends here a second later at most; what ends here ends at once.
#[derive(Default)]
pub(super) struct Recent(Mutex<HashMap<Vec<u8>, Known>>);

type Known = (Instant, Account, Option<Scopes>);

const RECENT: Duration = Duration::from_secs(1);

impl Recent {
    pub(super) fn get(&self, hash: &[u8]) -> Option<(Account, Option<Scopes>)> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (at, ..)| at.elapsed() < RECENT);
        recent.get(hash).map(|(_, account, scopes)| (account.clone(), scopes.clone()))
    }

    pub(super) fn put(&self, hash: Vec<u8>, account: Account, scopes: Option<Scopes>) {
        let known = (Instant::now(), account, scopes);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, known);
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// How long sessions last, in days.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    pub idle: i64,
    pub absolute: i64,
}

const SETUP: &str = "setup";

impl Accounts {
    pub fn new(db: Pool, clock: Clock, limits: SessionLimits) -> Accounts {
        let (attempts, recent, endings) = (Attempts::default(), Recent::default(), watch::Sender::new(()));
        Accounts(Arc::new(Shared { db, clock, limits, attempts, recent, endings }))
    }
}

impl Shared {
    /// Nobody is taken for who they were a moment ago.
    pub(super) fn look_again(&self) {
        self.recent.forget();
        self.endings.send_replace(());
    }

    /// Writes the line of a deed and ends the transaction.
    pub(super) async fn noted(&self, mut tx: Tx, by: &Author, deed: Deed<'_>) -> Result<()> {
        audit::note(&mut tx, by, deed, self.clock.now()).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

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
        let token = random_token()?;
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
        audit::note(&mut tx, &by, Deed::new("made", "users", user).with("the first owner"), now).await?;
        let (account, _) = store::by_id_for_update(&mut tx, user).await?.ok_or_else(no_account)?;
        let signed_in = self.begin_session(&mut tx, &account, browser, false).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Makes an account with a password. The same email twice is a conflict.
    pub async fn add(&self, by: &Author, email: &Email, name: &str, role: Role, password: Password) -> Result<i64> {
        let hash = passwords::hash(password.0).await?;
        let mut tx = self.db.begin().await?;
        let id = self.insert(&mut tx, email, name, role, &hash).await?;
        self.noted(tx, by, Deed::new("made", "users", id).with(role.name())).await?;
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

/// Days for which a browser is known by.
pub(super) const KNOWN_DAYS: i64 = 365;

pub(super) fn no_account() -> Error {
    Error::NotFound("There is no such account.".into())
}

/// Says whose email it is already.
pub(super) fn taken(error: crate::db::DbError, email: &Email) -> Error {
    match error {
        crate::db::DbError::Duplicate => Error::Conflict(
            format!("{} has an account already, or had one that was removed and can be restored.", email.as_str())
                .into(),
        ),
        other => other.into(),
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

/// 256 random bits, of which only the hash is stored.
pub fn random_token() -> Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(BASE64.encode(bytes))
}

/// What is stored of a token: a fast hash is enough, its bits are random.
pub fn sha256(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
