//! Values of secret headers, encrypted with the secret of the data folder.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::secrets::random_bytes;

/// Encrypts and decrypts.
#[derive(Clone)]
pub struct Seal(Arc<ChaCha20Poly1305>);

impl Seal {
    /// The key is derived, so that it is used for nothing else.
    pub fn new(secret: &[u8; 32]) -> Seal {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(b"secret headers of relays");
        let key: [u8; 32] = mac.finalize().into_bytes().into();
        Seal(Arc::new(ChaCha20Poly1305::new(&key.into())))
    }

    /// Nonce and ciphertext, as text.
    pub fn close(&self, plain: &str) -> Result<String> {
        let nonce = random_bytes::<12>()?;
        let sealed = self.0.encrypt(&Nonce::from(nonce), plain.as_bytes());
        let sealed = sealed.map_err(|error| Error::Internal(error.to_string().into()))?;
        Ok(BASE64.encode([nonce.as_slice(), sealed.as_slice()].concat()))
    }

    /// What was closed; `None` if it was closed with another secret.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let bytes = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
        String::from_utf8(self.0.decrypt(&Nonce::from(*nonce), sealed).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Seal;

    #[test]
    fn only_the_same_secret_opens_what_was_closed() {
        let seal = Seal::new(&[1; 32]);
        let (one, two) = (seal.close("Bearer x").unwrap(), seal.close("Bearer x").unwrap());
        assert_ne!(one, two);
        assert!(!one.contains("Bearer"));
        assert_eq!(seal.open(&one).as_deref(), Some("Bearer x"));
        assert_eq!(Seal::new(&[2; 32]).open(&one), None);
        assert_eq!(seal.open("x"), None);
    }
}
