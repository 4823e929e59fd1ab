//! Credentials of ours in requests to relays.

use http::HeaderMap;

use super::headers::take_bearer;
use crate::error::Result;
use crate::staff::{Accounts, TOKEN_PREFIX};

/// Takes API tokens of ours out of the fields, and says whether one of them works. Whatever else is in `Authorization` is for the
/// upstream. Only a relay for those signed in asks whether they work (`asks`).
pub async fn take_token(accounts: &Accounts, headers: &mut HeaderMap, asks: bool) -> Result<bool> {
    let tokens = take_bearer(headers, |token| token.starts_with(TOKEN_PREFIX));
    for token in tokens.iter().filter(|_| asks) {
        if accounts.recognise_token(token).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
