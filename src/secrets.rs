//! What must not be guessed: random texts, and the hashes by which they are stored.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Random bytes of the operating system.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string().into()))?;
    Ok(bytes)
}

/// `N` random bytes, hexadecimal: a name that nothing else has.
pub fn random_hex<const N: usize>() -> Result<String> {
    Ok(random_bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `N` random bytes in the alphabet of URLs, without padding (RFC 4648, 5).
pub fn random_token<const N: usize>() -> Result<String> {
    Ok(BASE64.encode(random_bytes::<N>()?))
}

/// What is stored of a token: a fast hash is enough, its bits are random.
pub fn sha256(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// Whether two secrets are the same; how long it takes says nothing of where they differ.
pub fn same(a: &str, b: &str) -> bool {
    sha256(a) == sha256(b)
}
