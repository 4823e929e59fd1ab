//! What a visitor reads who sent a form without JavaScript: that it arrived, or why it did not.

use askama::Template;

use crate::entries::submission::too_long;
use crate::error::{Error, FieldError, Result};
use crate::web::{Html, render};

#[derive(Template)]
#[template(path = "entries/thanks.html")]
struct ThanksPage {
    /// Names of files that came with the form.
    files: Vec<String>,
    /// Where the form leads, once that was read.
    next: Option<String>,
}

/// It is stored. Files that came with it are not, which is told before the form leads on to `next`.
pub fn thanks(files: Vec<String>, next: Option<String>) -> Result<Html> {
    render(&ThanksPage { files, next })
}

#[derive(Template)]
#[template(path = "entries/refused.html")]
struct RefusedPage {
    reason: String,
    /// What whoever made the page needs to know.
    detail: String,
}

/// It is not stored, in a visitor's words.
pub fn refused(error: &Error) -> String {
    let detail = error.detail().into_owned();
    RefusedPage { reason: reason(error), detail }.render().unwrap_or_else(|_| reason(error))
}

/// Why something was not taken, in the words of whoever sent a form.
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
            let told: Vec<_> = errors.iter().map(told).collect();
            format!("Please look at it once more: {}.", told.join("; "))
        }
        Error::Internal(_) => "Something failed on our side. Please send it again.".into(),
        _ => "It cannot be read.".into(),
    }
}

/// The field and what is wrong with it. A script sends a form as a list of one.
fn told(error: &FieldError) -> String {
    let pointer = error.pointer.as_deref().unwrap_or("");
    let field = pointer.strip_prefix("/0").unwrap_or(pointer).trim_start_matches('/');
    format!("{field} {}", error.detail).trim().to_owned()
}
