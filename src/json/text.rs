//! Strings as canonical JSON spells them.

use jiter::JiterError;

/// A name that the reader lends, kept.
pub(super) fn own(name: Result<Option<&str>, JiterError>) -> Result<Option<String>, JiterError> {
    name.map(|name| name.map(str::to_owned))
}

/// Appends a text as a canonical JSON string, quotes included.
pub(super) fn write_string(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("a string always fits a Vec");
}

/// A text as a canonical JSON string, quotes included.
pub fn string(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len() + 2);
    write_string(&mut out, value);
    String::from_utf8(out).expect("serde_json writes UTF-8")
}
