//! Notices and errors about a file.

use crate::error::{Error, FieldError};

/// Something that people should know about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice(pub String);

/// The file cannot be read, and why.
pub fn unreadable(detail: String) -> Error {
    Error::BadRequest(vec![FieldError::at("/file", detail)])
}
