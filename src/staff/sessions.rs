//! Signing in and out, recognising who asks, and ending sessions.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use super::account::{Account, Password, Role};
use super::audit::{self, Author, Deed};
use super::scopes::Scopes;
use super::service::{Accounts, Shared};
use super::session::{Browser, Credential, Session, SignIn, SignedIn};
use super::{passwords, store};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::moment::{DAY, MINUTE, Moment};
use crate::secrets::{random_token, sha256};

/// How often `revoked` asks the database. Revocations by this process are signalled at once; polling finds those by
/// other nodes, within the promised second.
const LOOK: Duration = Duration::from_millis(800);
/// Failed queries in a row after which the credential counts as revoked.
const PATIENCE: u32 = 10;

impl Accounts {
    /// A task that ends with the session or token, or once its account is below this role: for streams and downloads,
    /// which outlive their guard. It is a task of its own because a client may stop reading at any time: a check in the
    /// response would then stall while it holds a database connection.
    pub fn revoked(&self, credential: Credential, role: Role) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(self.clone().until_revoked(credential, role)))
    }

    async fn until_revoked(self, credential: Credential, role: Role) {
        let mut endings = self.endings.subscribe();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures = 0;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                ended = endings.changed() => if ended.is_err() { return }
            }
            match self.still_holds(&credential, role).await {
                Ok(true) => failures = 0,
                Err(_) if failures < PATIENCE => failures += 1,
                Ok(false) | Err(_) => return,
            }
        }
    }
}

impl Shared {
    /// Checks email and password and begins a session.
    /// A wrong password, an unknown email and an account that is disabled or has no password yet have the same
    /// answer and take the same time.
    pub async fn sign_in(&self, attempt: SignIn<'_>) -> Result<SignedIn> {
        let email = attempt.email.trim().to_lowercase();
        if email.contains('\0') {
            return Err(wrong());
        }
        let found = store::by_email(&self.db, &email).await?;
        let known = match (&attempt.browser.known, &found) {
            (Some(mark), Some((account, _))) => {
                let mark = sha256(mark);
                store::knows_browser(&self.db, &mark, account.id).await?.then_some(mark)
            }
            _ => None,
        };
        let is_known = known.is_some();
        self.attempts.take(attempt.address, known.unwrap_or_else(|| sha256(&email)))?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone()).filter(|hash| !hash.is_empty());
        let correct = passwords::verify(attempt.password.to_owned(), hash.clone()).await?;
        let account = found.map(|(account, _)| account).filter(|account| correct && account.is_active());
        let account = account.ok_or_else(wrong)?;
        let mut tx = self.db.begin().await?;
        // Checking took a while: meanwhile the account may have been disabled, or the password changed.
        let present = store::by_id_for_update(&mut tx, account.id).await?;
        if !present.is_some_and(|(account, now)| account.is_active() && Some(now) == hash) {
            return Err(wrong());
        }
        let signed_in = self.begin_session(&mut tx, &account, attempt.browser, is_known).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Begins a session of an account that has proven who it is, and that the transaction holds.
    pub(super) async fn begin_session(
        &self,
        tx: &mut Tx,
        account: &Account,
        browser: &Browser,
        known: bool,
    ) -> Result<SignedIn> {
        let (session, now) = (random_token::<32>()?, self.clock.now());
        store::insert_session(tx, &sha256(&session), account.id, &browser.name, now).await?;
        let mark = if known { None } else { Some(random_token::<32>()?) };
        if let Some(mark) = &mark {
            store::insert_known_browser(tx, &sha256(mark), account.id, now).await?;
        }
        let by = Author::proven(account.id, &account.email);
        audit::note(tx, &by, Deed::new("signed in", "users", account.id), now).await?;
        Ok(SignedIn { session, browser: mark })
    }

    /// The account of a session token, if the session has not ended.
    pub async fn recognise(&self, token: &str) -> Result<Option<Account>> {
        let hash = sha256(token);
        // The cache counts real seconds: under a clock that tests move it would outlive sessions.
        if self.clock.is_system()
            && let Some((account, None)) = self.recent.get(&hash)
        {
            return Ok(Some(account));
        }
        let Some(account) = self.session(&hash).await? else { return Ok(None) };
        self.recent.put(hash, account.clone(), None);
        Ok(Some(account))
    }

    /// The same, straight from the database; noted as a use.
    async fn session(&self, hash: &[u8]) -> Result<Option<Account>> {
        let Some((account, seen)) = self.open_session(hash).await? else { return Ok(None) };
        let now = self.clock.now();
        if now.0 - seen.0 > MINUTE {
            let mut tx = self.db.begin().await?;
            store::touch_session(&mut tx, hash, now).await?;
            tx.commit().await?;
        }
        Ok(Some(account))
    }

    /// A session that has not ended: its account, and when it was used last.
    async fn open_session(&self, hash: &[u8]) -> Result<Option<(Account, Moment)>> {
        let Some((account, began, seen)) = store::session(&self.db, hash).await? else { return Ok(None) };
        let now = self.clock.now();
        let ended = now.0 - began.0 > self.limits.absolute * DAY || now.0 - seen.0 > self.limits.idle * DAY;
        Ok((!ended && account.is_active()).then_some((account, seen)))
    }

    /// The account of an API token that still works, and what the token may do.
    pub async fn recognise_token(&self, token: &str) -> Result<Option<(Account, Scopes)>> {
        let hash = sha256(token);
        if self.clock.is_system()
            && let Some((account, Some(scopes))) = self.recent.get(&hash)
        {
            return Ok(Some((account, scopes)));
        }
        let Some((account, scopes)) = self.token(&hash).await? else { return Ok(None) };
        self.recent.put(hash, account.clone(), Some(scopes.clone()));
        Ok(Some((account, scopes)))
    }

    async fn token(&self, hash: &[u8]) -> Result<Option<(Account, Scopes)>> {
        let now = self.clock.now();
        let Some((account, scopes, used)) = store::token(&self.db, hash, now).await? else { return Ok(None) };
        if !account.is_active() {
            return Ok(None);
        }
        if let Some(id) = account.token
            && used.is_none_or(|used| now.0 - used.0 > MINUTE)
        {
            let mut tx = self.db.begin().await?;
            store::touch_token(&mut tx, id, now).await?;
            tx.commit().await?;
        }
        Ok(Some((account, Scopes::from_stored(&scopes))))
    }

    /// Whether this still stands for an account of this role, asked of the database itself. It is no use of it.
    async fn still_holds(&self, credential: &Credential, role: Role) -> Result<bool> {
        let account = match credential {
            Credential::Session(token) => self.open_session(&sha256(token)).await?.map(|(account, _)| account),
            Credential::Token(token) => {
                let found = store::token(&self.db, &sha256(token), self.clock.now()).await?;
                found.map(|(account, _, _)| account).filter(Account::is_active)
            }
        };
        Ok(account.is_some_and(|account| account.role >= role))
    }

    /// Ends a session. One that is not there has ended already.
    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let account = self.recognise(token).await?;
        let mut tx = self.db.begin().await?;
        store::delete_session(&mut tx, &sha256(token)).await?;
        match account {
            Some(account) => {
                let by = Author::proven(account.id, &account.email);
                self.noted(tx, &by, Deed::new("signed out", "users", account.id)).await
            }
            None => Ok(tx.commit().await?),
        }
    }

    /// The open sessions of an account, the last used first. `own`: the token of the one that asks.
    pub async fn sessions(&self, user: i64, own: Option<&str>) -> Result<Vec<Session>> {
        let own = own.map(sha256);
        let rows = store::sessions(&self.db, user).await?;
        let session = |(id, hash, began, seen, browser): (i64, Vec<u8>, _, _, _)| Session {
            id,
            began,
            seen,
            browser,
            own: own.as_ref() == Some(&hash),
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// Ends a session by its number: one's own, or as an owner anybody's.
    pub async fn end_session(&self, by: &Account, id: i64) -> Result<()> {
        let only = (by.role < Role::Owner).then_some(by.id);
        let mut tx = self.db.begin().await?;
        audit::note(&mut tx, &by.into(), Deed::new("ended", "sessions", id), self.clock.now()).await?;
        let ended = store::delete_session_by_id(&mut tx, id, only).await?;
        ended.ok_or_else(|| Error::NotFound("There is no such session.".into()))?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Changes one's own password and ends one's other sessions. `own`: the token of the session that asks.
    /// The present password is asked for, as often as when signing in.
    pub async fn change_password(
        &self,
        account: &Account,
        own: &str,
        present: &str,
        new: Password,
        address: Option<IpAddr>,
    ) -> Result<()> {
        self.attempts.take(address, sha256(own))?;
        let hash = store::by_id(&self.db, account.id).await?.map(|(_, hash)| hash).filter(|hash| !hash.is_empty());
        if !passwords::verify(present.to_owned(), hash).await? {
            return Err(Error::invalid("/present", "is not your present password"));
        }
        let hash = passwords::hash(new.0).await?;
        let mut tx = self.db.begin().await?;
        store::set_password(&mut tx, account.id, &hash, self.clock.now()).await?;
        store::delete_sessions_of(&mut tx, account.id, &sha256(own)).await?;
        store::delete_links_of(&mut tx, account.id).await?;
        self.noted(tx, &account.into(), Deed::new("changed", "users", account.id).with("password")).await
    }

    /// Sets somebody's password, as those can who run commands on the server; ends all their sessions.
    pub async fn set_password(&self, by: &Author, account: &Account, new: Password) -> Result<()> {
        let hash = passwords::hash(new.0).await?;
        let mut tx = self.db.begin().await?;
        store::set_password(&mut tx, account.id, &hash, self.clock.now()).await?;
        store::delete_sessions_of(&mut tx, account.id, &[]).await?;
        store::delete_links_of(&mut tx, account.id).await?;
        self.noted(tx, by, Deed::new("changed", "users", account.id).with("password")).await
    }
}

fn wrong() -> Error {
    Error::invalid("/password", "this email and this password do not belong together")
}
