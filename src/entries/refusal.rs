//! Why something was not taken, for people who know nothing of the API.

use super::submission::too_long;
use crate::error::{Error, FieldError};

/// Why something was refused, in words for the visitor who sent a form.
pub fn reason(error: &Error) -> String {
    match error {
        Error::Forbidden(_) => "The page you came from may not send messages here.".into(),
        Error::NotFound(_) => "The place it was meant for does not exist any more.".into(),
        Error::TooLarge(_) => "It is too long.".into(),
        Error::Invalid(errors) if errors.iter().any(|error| error.detail == too_long()) => "It is too long.".into(),
        Error::Conflict(_) => "It was sent before, with other words.".into(),
        Error::TooMany { retry_after, .. } | Error::Unavailable { retry_after, .. } => {
            let wait = crate::words::ago(i64::try_from(*retry_after).unwrap_or(i64::MAX));
            format!("Too much is arriving at the moment. Please send it again in {wait}.")
        }
        Error::Invalid(errors) => {
            let told: Vec<_> = errors.iter().map(describe).collect();
            format!("Please look at it once more: {}.", told.join("; "))
        }
        Error::Internal(_) => "Something failed on our side. Please send it again.".into(),
        _ => "It cannot be read.".into(),
    }
}

/// The field and what is wrong with it. A script sends a form as a list of one.
fn describe(error: &FieldError) -> String {
    let pointer = error.pointer.as_deref().unwrap_or("");
    let field = pointer.strip_prefix("/0").unwrap_or(pointer).trim_start_matches('/');
    format!("{field} {}", error.detail).trim().to_owned()
}
