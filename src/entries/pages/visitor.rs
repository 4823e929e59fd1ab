//! What a visitor reads who sent a form without JavaScript: that it arrived, or why it did not.

use askama::Template;

use crate::entries::refusal::reason;
use crate::error::{Error, Result};
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
    /// What the author of the page needs to know.
    detail: String,
}

/// It is not stored, in a visitor's words.
pub fn refused(error: &Error) -> String {
    let detail = error.detail().into_owned();
    RefusedPage { reason: reason(error), detail }.render().unwrap_or_else(|_| reason(error))
}
