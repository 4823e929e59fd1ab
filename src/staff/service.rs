//! The verbs of staff: set up, sign in, recognise, sign out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest as _, Sha256};

use super::{Account, Email, Password, Role, passwords, store};
use crate::db::Pool;
use crate::error::{Error, Result};
use crate::moment::{Clock, DAY, MINUTE};

/// Accounts and sessions, shared by all requests. Cheap to clone.
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
    db: Pool,
    clock: Clock,
    limits: SessionLimits,
    /// Sign-in attempts of one address. Limiting accounts would let strangers lock people out.
    attempts: DefaultKeyedRateLimiter<IpAddr>,
    recent: Recent,
}

/// Sessions that were recognised within the last second: a page and what it loads ask once.
/// So a session that ends elsewhere ends here a second later at most; one that is signed out here ends at once.
#[derive(Default)]
struct Recent(Mutex<HashMap<Vec<u8>, (Instant, Account)>>);

const RECENT: Duration = Duration::from_secs(1);

impl Recent {
    fn get(&self, hash: &[u8]) -> Option<Account> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (at, _)| at.elapsed() < RECENT);
        recent.get(hash).map(|(_, account)| account.clone())
    }

    fn put(&self, hash: Vec<u8>, account: Account) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, (Instant::now(), account));
    }

    fn forget(&self, hash: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
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
        // Ten at once, then one every six seconds.
        let ten = NonZeroU32::new(10).expect("ten is not zero");
        let attempts = RateLimiter::keyed(Quota::per_minute(ten));
        Accounts(Arc::new(Shared { db, clock, limits, attempts, recent: Recent::default() }))
    }

    /// If nobody owns this Frontdesk yet: the token of the link through which the first owner is made.
    /// A link that was printed before stops working.
    pub async fn setup_token(&self) -> Result<Option<String>> {
        if store::has_owner(&self.db).await? {
            return Ok(None);
        }
        let token = random_token()?;
        let mut tx = self.db.begin().await?;
        store::insert_link(&mut tx, &sha256(&token), SETUP, self.clock.now()).await?;
        tx.commit().await?;
        Ok(Some(token))
    }

    /// Whether a set-up link can still be used.
    pub async fn setup_is_open(&self, token: &str) -> Result<bool> {
        Ok(store::link_is_open(&self.db, &sha256(token), SETUP).await? && !store::has_owner(&self.db).await?)
    }

    /// Makes the first owner, uses the link up, and signs in. Returns the session's token.
    pub async fn set_up(&self, token: &str, email: &Email, name: &str, password: Password) -> Result<String> {
        if !self.setup_is_open(token).await? {
            return Err(Error::NotFound("This link was used already, or a newer one was printed.".into()));
        }
        let hash = passwords::hash(password.0).await?;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !store::use_link(&mut tx, &sha256(token), now).await? {
            return Err(Error::NotFound("This link was used already.".into()));
        }
        let user = store::insert(&mut tx, email.as_str(), &name_or_email(name, email), Role::Owner, &hash, now).await?;
        let session = random_token()?;
        store::insert_session(&mut tx, &sha256(&session), user, now).await?;
        tx.commit().await?;
        Ok(session)
    }

    /// Makes an account. The same email twice is a conflict.
    pub async fn add(&self, email: &Email, name: &str, role: Role, password: Password) -> Result<()> {
        let hash = passwords::hash(password.0).await?;
        let mut tx = self.db.begin().await?;
        match store::insert(&mut tx, email.as_str(), &name_or_email(name, email), role, &hash, self.clock.now()).await {
            Err(crate::db::DbError::Duplicate) => {
                Err(Error::Conflict(format!("{} has an account already.", email.as_str()).into()))
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(tx.commit().await?),
        }
    }

    pub async fn list(&self) -> Result<Vec<Account>> {
        Ok(store::all(&self.db).await?)
    }

    /// Checks email and password and begins a session; its token is for the cookie.
    /// A wrong password, an unknown email and a disabled account have the same answer and take the same time.
    pub async fn sign_in(&self, email: &str, password: &str, address: Option<IpAddr>) -> Result<String> {
        if let Some(address) = address
            && self.attempts.check_key(&address).is_err()
        {
            return Err(Error::TooMany { retry_after: 6 });
        }
        let email = email.trim().to_lowercase();
        let found = store::by_email(&self.db, &email).await?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let correct = passwords::verify(password.to_owned(), hash).await?;
        let account = found.map(|(account, _)| account).filter(|account| correct && account.disabled.is_none());
        let account = account
            .ok_or_else(|| Error::invalid("/password", "this email and this password do not belong together"))?;
        self.begin_session(account.id).await
    }

    async fn begin_session(&self, user: i64) -> Result<String> {
        let token = random_token()?;
        let mut tx = self.db.begin().await?;
        store::insert_session(&mut tx, &sha256(&token), user, self.clock.now()).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The account of a session token, if the session has not ended.
    pub async fn recognise(&self, token: &str) -> Result<Option<Account>> {
        let hash = sha256(token);
        // A clock that is moved by hand makes sessions end between two looks.
        if self.clock.is_system()
            && let Some(account) = self.recent.get(&hash)
        {
            return Ok(Some(account));
        }
        let Some((account, began, seen)) = store::session(&self.db, &hash).await? else { return Ok(None) };
        let now = self.clock.now();
        let ended = now.0 - began.0 > self.limits.absolute * DAY || now.0 - seen.0 > self.limits.idle * DAY;
        if ended || account.disabled.is_some() {
            return Ok(None);
        }
        if now.0 - seen.0 > MINUTE {
            let mut tx = self.db.begin().await?;
            store::touch_session(&mut tx, &hash, now).await?;
            tx.commit().await?;
        }
        self.recent.put(hash, account.clone());
        Ok(Some(account))
    }

    /// Ends a session. One that is not there has ended already.
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let hash = sha256(token);
        store::delete_session(&mut tx, &hash).await?;
        tx.commit().await?;
        self.recent.forget(&hash);
        Ok(())
    }

    /// Removes sessions that have ended by time.
    pub async fn upkeep(&self) -> Result<()> {
        self.attempts.retain_recent();
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        store::delete_old_sessions(&mut tx, now.plus(-self.limits.absolute * DAY), now.plus(-self.limits.idle * DAY))
            .await?;
        Ok(tx.commit().await?)
    }
}

fn name_or_email(name: &str, email: &Email) -> String {
    let name: String = name.trim().chars().take(100).collect();
    if name.is_empty() { email.as_str().to_owned() } else { name }
}

/// 256 random bits.
fn random_token() -> Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(BASE64.encode(bytes))
}

/// What is stored of a token: a fast hash is enough, its bits are random.
pub fn sha256(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
