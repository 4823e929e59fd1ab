//! Making and revoking API tokens.

use super::account::Account;
use super::audit::{self, Author, Deed};
use super::scopes::{Scope, Scopes};
use super::service::Shared;
use super::session::Token;
use super::store;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::secrets::{random_token, sha256};

/// A token to be made.
#[derive(Debug)]
pub struct NewToken {
    /// What it is for, in a few words.
    pub name: String,
    /// What it opens.
    pub scopes: Vec<&'static Scope>,
    /// When it stops working; `None`: never.
    pub expires: Option<Moment>,
}

/// How every API token begins.
pub const PREFIX: &str = "fd_";

impl Shared {
    /// Makes a token of an account. Returns its number and its text, which is not stored and cannot be shown again.
    pub async fn create_token(&self, by: &Author, account: &Account, new: NewToken) -> Result<(i64, String)> {
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            return Err(Error::invalid("/name", "must be 1 to 100 characters"));
        }
        if new.expires.is_some_and(|expires| expires <= self.clock.now()) {
            return Err(Error::invalid("/expires_at", "is over already"));
        }
        let token = format!("{PREFIX}{}", random_token::<32>()?);
        let hash = sha256(&token);
        let row = store::TokenRow {
            hash: &hash,
            user: account.id,
            name,
            scopes: Scopes::stored(&new.scopes),
            hint: &token[token.len() - 4..],
            expires: new.expires,
        };
        let mut tx = self.db.begin().await?;
        let present = store::by_id_for_update(&mut tx, account.id).await?.map(|(account, _)| account);
        let present = present.filter(Account::is_active);
        let present = present.ok_or_else(|| Error::Conflict("This account is disabled or removed.".into()))?;
        if let Some(scope) = new.scopes.iter().find(|scope| scope.role > present.role) {
            let (scope, role) = (scope.name, scope.role.name());
            return Err(Error::invalid("/scopes", format!("{scope} is for accounts with the role {role}")));
        }
        let id = store::insert_token(&mut tx, row, self.clock.now()).await?;
        let detail = format!(
            "{} for account {}",
            new.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" "),
            account.id
        );
        self.noted(tx, by, Deed::new("created", "tokens", id).with(detail)).await?;
        Ok((id, token))
    }

    /// The tokens that work, of one account or of all.
    pub async fn tokens(&self, user: Option<i64>) -> Result<Vec<Token>> {
        Ok(store::tokens(&self.db, user, self.clock.now()).await?)
    }

    /// Revokes a token; requests and streams that use it end. `user`: only if it is theirs. Twice is 404.
    pub async fn revoke_token(&self, by: &Author, id: i64, user: Option<i64>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        // First the line: a token may revoke itself.
        audit::note(&mut tx, by, Deed::new("revoked", "tokens", id), self.clock.now()).await?;
        let name = store::revoke_token(&mut tx, id, user, self.clock.now()).await?;
        name.ok_or_else(|| Error::NotFound("There is no such token, or it is revoked already.".into()))?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}
