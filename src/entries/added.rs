//! The answers of `POST /add`.

use std::fmt::Write as _;

use rocket::Request;
use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder, Response};

use super::entry::{EntryId, Outcome};
use super::recording::{Recorded, RecordedItem, RequestKind};
use crate::json;
use crate::web::{Html, SeeOther};

/// An answer of `/add`.
pub enum Added {
    Json(Status, Option<EntryId>, String),
    Minimal(Status, Option<EntryId>),
    Lead(SeeOther),
    Thanks(Html),
}

impl<'r> Responder<'r, 'static> for Added {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = match self {
            Added::Lead(redirect) => return redirect.respond_to(request),
            Added::Thanks(page) => return (Status::Created, page).respond_to(request),
            Added::Json(status, id, body) => {
                let mut response =
                    Response::build_from((ContentType::JSON, body).respond_to(request)?).status(status).finalize();
                locate(&mut response, id);
                return Ok(response);
            }
            Added::Minimal(status, id) => {
                let mut response = Response::build().status(status).finalize();
                locate(&mut response, id);
                response
            }
        };
        response.set_header(Header::new("Preference-Applied", "return=minimal"));
        Ok(response)
    }
}

fn locate(response: &mut Response<'_>, id: Option<EntryId>) {
    if let Some(id) = id {
        response.set_header(Header::new("Location", format!("/api/v1/entries/{}", id.0)));
    }
}

/// What became of the entries; `minimal`: without a body where the status says it all.
pub fn answer(recorded: &Recorded, minimal: bool) -> Added {
    if let (RequestKind::One | RequestKind::Form { .. }, [item]) = (&recorded.shape, recorded.items.as_slice()) {
        let status = match item.outcome {
            Outcome::Duplicate(_) => Status::Ok,
            Outcome::Conflict(_) => Status::Conflict,
            _ => Status::Created,
        };
        let id = id_of(&item.outcome).filter(|_| status == Status::Created);
        return if minimal && status != Status::Conflict {
            Added::Minimal(status, id)
        } else {
            Added::Json(status, id, item_json(item))
        };
    }
    let all = |wanted: fn(&Outcome) -> bool| recorded.items.iter().all(|item| wanted(&item.outcome));
    let status = if all(|o| matches!(o, Outcome::Stored(_) | Outcome::Flagged(_))) {
        Status::Created
    } else if all(|o| matches!(o, Outcome::Duplicate(_))) {
        Status::Ok
    } else {
        Status::MultiStatus
    };
    if minimal && status != Status::MultiStatus {
        return Added::Minimal(status, None);
    }
    let results: Vec<_> = recorded.items.iter().map(item_json).collect();
    let warnings = match recorded.warnings.as_slice() {
        [] => String::new(),
        warnings => format!(",\"warnings\":{}", serde_json::to_string(warnings).unwrap_or_default()),
    };
    Added::Json(status, None, format!("{{\"results\":[{}]{warnings}}}", results.join(",")))
}

fn id_of(outcome: &Outcome) -> Option<EntryId> {
    match outcome {
        Outcome::Stored(id) | Outcome::Flagged(id) | Outcome::Duplicate(id) | Outcome::Conflict(id) => Some(*id),
        Outcome::Rejected(_) => None,
    }
}

fn item_json(item: &RecordedItem) -> String {
    let mut text = String::from("{");
    if let Some(id) = id_of(&item.outcome) {
        let _ = write!(text, "\"id\":{},", id.0);
    }
    let (status, error) = match &item.outcome {
        Outcome::Stored(_) => ("stored", None),
        Outcome::Flagged(_) => ("flagged", None),
        Outcome::Duplicate(_) => ("duplicate", None),
        Outcome::Conflict(_) => ("rejected", Some("another entry with this _uid was stored before".to_owned())),
        Outcome::Rejected(refusal) => {
            ("rejected", Some(format!("{} {}", refusal.pointer, refusal.detail).trim().to_owned()))
        }
    };
    let _ = write!(text, "\"status\":\"{status}\"");
    if let Some(error) = error {
        let _ = write!(text, ",\"error\":{}", json::string(&error));
    }
    if let Some(message) = &item.message {
        let _ = write!(text, ",\"message\":{}", json::string(message));
    }
    if !item.warnings.is_empty() {
        let _ = write!(text, ",\"warnings\":{}", serde_json::to_string(&item.warnings).unwrap_or_default());
    }
    text.push('}');
    text
}
