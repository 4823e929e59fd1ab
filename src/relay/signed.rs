//! Credentials of ours in requests to relays.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::error::Result;
use crate::staff::{Accounts, TOKEN_PREFIX};

/// Takes an API token of ours out of the fields, and says whether it works. Whatever else is in `Authorization` is for the
/// upstream.
pub async fn take_token(accounts: &Accounts, headers: &mut HeaderMap) -> Result<bool> {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        sent.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some(token) = token.map(|(_, token)| token.trim().to_owned()).filter(|token| token.starts_with(TOKEN_PREFIX))
    else {
        return Ok(false);
    };
    headers.remove(AUTHORIZATION);
    Ok(accounts.recognise_token(&token).await?.is_some())
}
