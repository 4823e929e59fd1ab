//! What people write in the waiting room.

use crate::error::{Error, Result};

/// Characters of a reason, or of a message to those who wait.
pub const MAX_LINE: usize = 300;

/// Characters of a note about a visit.
pub const MAX_NOTE: usize = 2000;

/// A reason in a few words; blank is none.
pub fn checked_reason(text: Option<&str>) -> Result<Option<&str>> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) if text.chars().count() > MAX_LINE => {
            Err(Error::invalid("/reason", format!("has more than {MAX_LINE} characters")))
        }
        Some(text) if text.contains('\0') => Err(Error::invalid("/reason", "holds a NUL character")),
        text => Ok(text),
    }
}

/// What those who are sent home are told.
pub fn closing_message(text: &str) -> Result<&str> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(Error::invalid("/message", "is required: what those who wait are told")),
        1..=MAX_LINE => Ok(text),
        _ => Err(Error::invalid("/message", format!("has more than {MAX_LINE} characters"))),
    }
}
