//! What a form leads to.

use rocket::Request;
use rocket::http::Status;
use rocket::response::{Flash, Responder};

use crate::error::{Error, FieldError, Result};
use crate::web::{Html, SeeOther};

/// A page after a form: as it was asked for, or the form again with what is wrong.
pub enum After {
    Page(Status, Html),
    On(Flash<SeeOther>),
}

impl<'r> Responder<'r, 'r> for After {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'r> {
        match self {
            After::Page(status, page) => (status, page).respond_to(request),
            After::On(redirect) => redirect.respond_to(request),
        }
    }
}

/// What was refused, for the form or for a message above it.
pub fn refused(error: Error) -> Result<(Vec<FieldError>, String)> {
    match error {
        Error::Invalid(errors) => Ok((errors, String::new())),
        Error::Conflict(text) => Ok((Vec::new(), text.into_owned())),
        Error::PreconditionFailed => {
            Ok((Vec::new(), "Somebody changed this account meanwhile. Load the page again.".into()))
        }
        other => Err(other),
    }
}
