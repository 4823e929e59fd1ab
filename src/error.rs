//! The error type of the application: a variant for each meaning, with its HTTP status and title.
//!
//! One table gives status and title. A page shows an error as HTML, everything else as
//! `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use rocket::http::Status;
use serde::Serialize;

use crate::db::DbError;

/// A failure, by what it means to the client.
#[derive(Debug)]
pub enum Error {
    /// The request cannot be parsed: 400.
    BadRequest(Vec<FieldError>),
    /// Not signed in: 401.
    Unauthenticated,
    /// Not allowed: 403.
    Forbidden(Cow<'static, str>),
    /// There is no such thing, or it must not be known that there is: 404.
    NotFound(Cow<'static, str>),
    /// Contradicts what is stored: 409.
    Conflict(Cow<'static, str>),
    /// Somebody was faster: 409.
    Outdated {
        /// What changed, in a sentence.
        detail: Cow<'static, str>,
        /// What the record is now.
        present: Box<serde_json::Value>,
    },
    /// `If-Match` names another version: 412.
    PreconditionFailed,
    /// The change must say which version it means: 428.
    PreconditionRequired,
    /// The client's `Accept` header leaves out the one media type that the address has: 406.
    NotAcceptable(&'static str),
    /// The body is larger than the limit, which the text names: 413.
    TooLarge(Cow<'static, str>),
    /// The fields of the request are larger than the limit, which the text names: 431.
    HeadTooLarge(Cow<'static, str>),
    /// The body has a media type that is not taken here: 415.
    UnsupportedType(Cow<'static, str>),
    /// Well formed, but breaks a rule: 422.
    Invalid(Vec<FieldError>),
    /// Too many requests: 429.
    TooMany {
        /// Seconds until it may be tried again.
        retry_after: u64,
        /// The limit that was reached.
        limit: Limit,
    },
    /// Cannot be done now, perhaps later: 503.
    Unavailable {
        /// What is missing, in a sentence.
        detail: Cow<'static, str>,
        /// Seconds until it may be tried again.
        retry_after: u64,
    },
    /// A fault of ours: 500. Logged where the request ends, never shown.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

/// A limit as answers tell it (`RateLimit-Policy`): so many within so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited, such as `add-address`.
    pub name: &'static str,
    /// So many are allowed …
    pub quota: u32,
    /// … within so many seconds.
    pub seconds: u64,
}

/// One thing that is wrong, and where: a parameter of the URL, or a JSON pointer into the body.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct FieldError {
    /// RFC 6901 pointer into the body; `None` if a parameter is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Parameter of the URL; `None` if a place in the body is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong, in a sentence.
    pub detail: String,
}

impl FieldError {
    /// `pointer` is an RFC 6901 pointer into the body, or the name of a form's field.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        FieldError { pointer: Some(pointer.into()), parameter: None, detail: detail.into() }
    }

    /// A mistake in the parameter `name` of the URL.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        FieldError { pointer: None, parameter: Some(name.into()), detail: detail.into() }
    }
}

/// The message for a field of a form, empty if it is right.
pub fn message(errors: &[FieldError], field: &str) -> String {
    let is_field = |error: &&FieldError| error.pointer.as_deref().is_some_and(|p| p.strip_prefix('/') == Some(field));
    errors.iter().find(is_field).map_or(String::new(), |error| error.detail.clone())
}

/// What all of our functions return that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Two parsers: what both have read, or every error of both.
pub fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => {
            let errors = [a.err(), b.err()];
            Err(Error::Invalid(errors.iter().flatten().flat_map(|error| error.errors().to_vec()).collect()))
        }
    }
}

impl Error {
    /// One field that breaks a rule.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::Invalid(vec![FieldError::at(pointer, detail)])
    }

    /// One parameter of the URL that cannot be read.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Error {
        Error::BadRequest(vec![FieldError::parameter(name, detail)])
    }

    /// The one table of statuses and titles.
    pub fn status(&self) -> (Status, &'static str) {
        match self {
            Error::BadRequest(_) => (Status::BadRequest, "This cannot be read"),
            Error::Unauthenticated => (Status::Unauthorized, "Sign in first"),
            Error::Forbidden(_) => (Status::Forbidden, "This is not allowed"),
            Error::NotFound(_) => (Status::NotFound, "There is nothing here"),
            Error::Conflict(_) | Error::Outdated { .. } => (Status::Conflict, "This conflicts with what is stored"),
            Error::PreconditionFailed => (Status::PreconditionFailed, "Somebody changed it meanwhile"),
            Error::PreconditionRequired => (Status::PreconditionRequired, "Say which version this replaces"),
            Error::NotAcceptable(_) => (Status::NotAcceptable, "No media type that you accept is available"),
            Error::TooLarge(_) => (Status::PayloadTooLarge, "This is too large"),
            Error::HeadTooLarge(_) => (Status::RequestHeaderFieldsTooLarge, "The head of the request is too large"),
            Error::UnsupportedType(_) => (Status::UnsupportedMediaType, "This media type is not accepted here"),
            Error::Invalid(_) => (Status::UnprocessableEntity, "This breaks a rule"),
            Error::TooMany { .. } => (Status::TooManyRequests, "Too many requests"),
            Error::Unavailable { .. } => (Status::ServiceUnavailable, "This cannot be done right now"),
            Error::Internal(_) => (Status::InternalServerError, "Something failed on our side"),
        }
    }

    /// One sentence for people.
    pub fn detail(&self) -> Cow<'_, str> {
        match self {
            Error::BadRequest(errors) | Error::Invalid(errors) => {
                errors.first().map_or("".into(), |first| sentence(first).into())
            }
            Error::Forbidden(text)
            | Error::NotFound(text)
            | Error::Conflict(text)
            | Error::Outdated { detail: text, .. }
            | Error::TooLarge(text)
            | Error::HeadTooLarge(text)
            | Error::UnsupportedType(text)
            | Error::Unavailable { detail: text, .. } => text.as_ref().into(),
            Error::Unauthenticated => "This is for staff who are signed in.".into(),
            Error::PreconditionFailed => "Load it again, then repeat the change.".into(),
            Error::PreconditionRequired => {
                "PUT replaces everything: send If-Match with the ETag you read, or * for any version.".into()
            }
            Error::NotAcceptable(kind) => format!("This address sends {kind}; the Accept header leaves it out.").into(),
            Error::TooMany { retry_after, .. } => format!("Try again in {retry_after} s.").into(),
            Error::Internal(_) => "It was logged with this request's id.".into(),
        }
    }

    /// The mistakes by their places; empty for errors that have none.
    pub fn errors(&self) -> &[FieldError] {
        match self {
            Error::BadRequest(errors) | Error::Invalid(errors) => errors,
            _ => &[],
        }
    }

    /// What it is now, where somebody was faster.
    pub fn present(&self) -> Option<&serde_json::Value> {
        match self {
            Error::Outdated { present, .. } => Some(present),
            _ => None,
        }
    }

    /// The limit that was reached.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Error::TooMany { limit, .. } => Some(*limit),
            _ => None,
        }
    }

    /// Seconds after which another try makes sense.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Error::TooMany { retry_after, .. } | Error::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

fn sentence(error: &FieldError) -> String {
    match (&error.parameter, &error.pointer) {
        (Some(name), _) => format!("{name}: {}", error.detail),
        (None, Some(pointer)) if !pointer.is_empty() => format!("{pointer}: {}", error.detail),
        _ => error.detail.clone(),
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Internal(source) => write!(f, "{source}"),
            other => write!(f, "{}. {}", other.status().1, other.detail()),
        }
    }
}

impl std::error::Error for Error {}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Duplicate => Error::Conflict("That is already there.".into()),
            DbError::OverBudget => {
                Error::Unavailable { detail: "This took longer than it may. Narrow it down.".into(), retry_after: 5 }
            }
            DbError::Crowded => Error::Unavailable {
                detail: "Others read as much as can be read at once. Please try again.".into(),
                retry_after: 5,
            },
            DbError::Unavailable(reason) => {
                tracing::error!(reason, "the database is unavailable");
                Error::Unavailable { detail: "It was not stored. Please try again.".into(), retry_after: 2 }
            }
            DbError::Other(source) => Error::Internal(Box::new(source)),
        }
    }
}
