//! Cursors: where a page ended. Opaque, signed, and bound to the filter, the sort and the reader.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::order::SORT_LENGTH;
use super::query::{Field, Query, SortKey, System};
use super::store::EntryRef;
use super::{json, operand, path};
use crate::error::{Error, Result};

/// Where to go on from: the last entry's values of the order's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub values: Vec<String>,
    /// Towards the beginning.
    pub reversed: bool,
}

const MAC_LENGTH: usize = 16;

impl Cursor {
    /// A text that only this server, this query and this reader can use.
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
        let decides = !name.starts_with('_')
            || name.starts_with("_or")
            || name.starts_with("_not.")
            || matches!(name.as_str(), "_sort" | "_q" | "_deleted" | "_tz" | "_secret")
            || System::ALL.iter().any(|(system, _)| name.starts_with(system));
        if decides {
            mac.update(&(name.len() as u64).to_be_bytes());
            mac.update(name.as_bytes());
            mac.update(&(value.len() as u64).to_be_bytes());
            mac.update(value.as_bytes());
        }
    }
    mac
}

/// The values of an entry in the columns of `sql::order(keys)`, in the same order.
pub fn values(keys: &[SortKey], entry: &EntryRef<'_>, collection: &str) -> Vec<String> {
    let mut values = Vec::new();
    for key in keys {
        match &key.field {
            Field::System(System::Id) => break,
            Field::System(System::Received) => values.push(entry.received.0.to_string()),
            Field::System(System::At) => {
                values.push(u8::from(entry.at.is_none()).to_string());
                values.push(entry.at.map_or(0, |at| at.0).to_string());
            }
            Field::System(system) => {
                let text = match system {
                    System::Session => entry.session,
                    System::Origin => entry.origin,
                    System::Flags => entry.flags,
                    System::State => entry.work.state,
                    System::Assignee => entry.work.assignee,
                    System::Note => entry.work.note,
                    _ => collection,
                };
                values.push(u8::from(text.is_empty()).to_string());
                values.push(text.to_owned());
            }
            Field::Data(path) => values.extend(data_values(entry.data, path)),
        }
    }
    values.push(entry.id.0.to_string());
    values
}

/// Missing or not, rank of the type, number, text.
fn data_values(data: &str, path: &path::Path) -> [String; 4] {
    let row =
        |rank: u8, number: String, text: String| [u8::from(rank == 4).to_string(), rank.to_string(), number, text];
    let zero = || "0".to_owned();
    match json::find(data, path) {
        None | Some("null") => row(4, zero(), String::new()),
        Some(truth @ ("true" | "false")) => row(2, zero(), truth.to_owned()),
        Some(raw) if raw.starts_with('"') => {
            let text: String = serde_json::from_str(raw).unwrap_or_default();
            row(1, zero(), text.chars().take(SORT_LENGTH).collect())
        }
        Some(raw) if raw.starts_with(['[', '{']) => row(3, zero(), String::new()),
        Some(raw) => row(0, operand::number(raw).unwrap_or_else(zero), String::new()),
    }
}
