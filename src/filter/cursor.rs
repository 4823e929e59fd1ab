//! Cursors: where a page ended. Opaque, signed, and bound to the filter, the sort and the reader.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::controls::CONTROLS;
use super::query::Query;
use crate::error::{Error, Result};

/// Where the next page starts: after the row with these values in the columns of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Values of the columns of the order, as text.
    pub values: Vec<String>,
    /// Towards the beginning.
    pub reversed: bool,
}

const MAC_LENGTH: usize = 16;

impl Cursor {
    /// Encodes and signs the cursor: it is valid on this server, for this query and this reader only.
    pub fn seal(&self, key: &[u8], query: &Query, reader: &str) -> String {
        let payload = serde_json::to_vec(&(self.reversed, &self.values)).unwrap_or_default();
        let mut sealed = mac(key, &payload, query, reader).finalize().into_bytes()[..MAC_LENGTH].to_vec();
        sealed.extend(payload);
        BASE64.encode(sealed)
    }

    /// Reads a sealed cursor back; anything else is an error that names the parameter.
    pub fn open(text: &str, key: &[u8], query: &Query, reader: &str) -> Result<Cursor> {
        let wrong = || Error::parameter("_cursor", "does not belong to this query: begin again without it");
        let sealed = BASE64.decode(text).map_err(|_| wrong())?;
        let (signature, payload) = sealed.split_at_checked(MAC_LENGTH).ok_or_else(wrong)?;
        mac(key, payload, query, reader).verify_truncated_left(signature).map_err(|_| wrong())?;
        let (reversed, values) = serde_json::from_slice(payload).map_err(|_| wrong())?;
        Ok(Cursor { values, reversed })
    }
}

/// Only what decides which entries come in which order is signed: the limit or the columns may change on the way.
fn mac(key: &[u8], payload: &[u8], query: &Query, reader: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(payload);
    mac.update(reader.as_bytes());
    for (name, value) in &query.params {
        let decides = !CONTROLS.contains(&name.as_str())
            || matches!(name.as_str(), "_sort" | "_q" | "_deleted" | "_tz" | "_secret");
        if decides {
            mac.update(&(name.len() as u64).to_be_bytes());
            mac.update(name.as_bytes());
            mac.update(&(value.len() as u64).to_be_bytes());
            mac.update(value.as_bytes());
        }
    }
    mac
}
