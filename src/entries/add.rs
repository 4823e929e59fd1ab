//! `POST /add`: what comes in over HTTP, and how it is answered. No cookie is read here.

use std::fmt::Write as _;

use rocket::data::{Data, ToByteUnit};
use rocket::http::uri::Origin;
use rocket::http::{ContentType, Header, Status};
use rocket::request::{FromRequest, Outcome as GuardOutcome};
use rocket::response::{self, Responder, Response};
use rocket::{Request, Route, State, post, routes};

use super::body::{self};
use super::service::{Entries, Item, Recorded, Shape, Submission};
use super::{EntryId, Outcome, json, pages};
use crate::error::{Error, Result};
use crate::limits::MAX_BODY;
use crate::web::{ApiError, ClientAddress, Html, Idempotency, Negotiation, SeeOther, in_time, query_pairs, see_other};

/// What this route says of itself.
#[derive(utoipa::OpenApi)]
#[openapi(paths(add))]
pub struct Docs;

pub fn routes() -> Vec<Route> {
    routes![add]
}

/// The headers of `/add` that matter.
struct AddHeaders {
    origin: Option<String>,
    key: Option<String>,
    gzip: bool,
    unknown_encoding: bool,
    kind: Option<ContentType>,
    unknown_kind: bool,
    minimal: bool,
    wants_page: bool,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for AddHeaders {
    type Error = ();
    async fn from_request(request: &'r Request<'_>) -> GuardOutcome<Self, ()> {
        let header = |name: &str| request.headers().get_one(name);
        let encoding = header("Content-Encoding").unwrap_or("identity").trim().to_ascii_lowercase();
        GuardOutcome::Success(AddHeaders {
            origin: header("Origin").map(str::to_owned),
            key: header("X-Frontdesk-Key").map(str::to_owned),
            gzip: encoding == "gzip",
            unknown_encoding: !matches!(encoding.as_str(), "gzip" | "identity" | ""),
            kind: request.content_type().cloned(),
            unknown_kind: header("Content-Type").is_some() && request.content_type().is_none(),
            minimal: header("Prefer").is_some_and(|prefer| prefer.contains("return=minimal")),
            wants_page: Negotiation::of(request).wants_page(),
        })
    }
}

/// An answer of `/add`.
enum Added {
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

/// Store an entry
///
/// Takes an object, an array of objects, NDJSON or a form, packed with gzip perhaps. A 201 means that it is on disk.
/// A `_uid` in the entry makes a repetition harmless.
#[utoipa::path(
    tag = "entries",
    params(
        ("_collection" = Option<String>, Query, description = "Name of the collection"),
        ("_key" = Option<String>, Query, description = "Publishable key"),
        ("X-Frontdesk-Key" = Option<String>, Header, description = "Publishable key"),
    ),
    request_body(
        description = "Whatever the page sends",
        content(
            (ref("#/components/schemas/Data") = "application/json"),
            (String = "application/x-ndjson"),
            (ref("#/components/schemas/Data") = "application/x-www-form-urlencoded"),
            (String = "text/plain"),
        ),
    ),
    responses(
        (status = 200, description = "It was stored before", body = ref("#/components/schemas/Added")),
        (status = 201, description = "Stored", body = ref("#/components/schemas/Added")),
        (status = 207, description = "Of several, some were stored", body = ref("#/components/schemas/Added")),
        (status = 303, description = "A form without JavaScript goes on to its next page"),
        (
            status = 409,
            description = "Another entry with this _uid was stored before",
            content(
                (ref("#/components/schemas/Added") = "application/json"),
                (ref("#/components/schemas/Problem") = "application/problem+json"),
            ),
        ),
    ),
    extensions(("x-role" = json!("anybody"))),
)]
#[post("/add", data = "<data>")]
async fn add(
    entries: &State<Entries>,
    headers: AddHeaders,
    address: ClientAddress,
    idempotency: Idempotency<'_>,
    uri: &Origin<'_>,
    data: Data<'_>,
) -> std::result::Result<Added, AddError> {
    let wants_page = headers.wants_page
        && headers.kind.as_ref().is_some_and(|k| *k == ContentType::Form || *k == ContentType::FormData);
    accept(entries, headers, address, idempotency, uri, data)
        .await
        .map_err(|error| if wants_page { AddError::Page(error) } else { AddError::Api(ApiError(error)) })
}

#[derive(Responder)]
#[response(bound = "")]
enum AddError {
    Page(Error),
    Api(ApiError),
}

async fn accept(
    entries: &Entries,
    headers: AddHeaders,
    address: ClientAddress,
    idempotency: Idempotency<'_>,
    uri: &Origin<'_>,
    data: Data<'_>,
) -> Result<Added> {
    if headers.unknown_encoding || headers.unknown_kind {
        return Err(Error::UnsupportedType(
            "The body may be plain or packed with gzip, and its Content-Type must be one.".into(),
        ));
    }
    let (minimal, wants_page) = (headers.minimal, headers.wants_page);
    let mut submission = submission(headers, address, uri)?;
    submission.bytes = in_time(data.open((MAX_BODY + 1).bytes()).into_bytes()).await?.into_inner();
    if submission.bytes.len() as u64 > MAX_BODY {
        return Err(body::too_large());
    }
    if !idempotency.enter(&submission.bytes).await? {
        return Ok(Added::Minimal(Status::Ok, None));
    }
    let (origin, collection) = (submission.origin.clone(), submission.collection.clone());
    let recorded = entries.record(submission).await?;
    if let (Shape::Form { next }, true) = (&recorded.shape, wants_page) {
        return match next {
            Some(url) if entries.may_lead_to(url, origin.as_deref(), collection.as_deref()).await => {
                Ok(Added::Lead(see_other(url.clone())))
            }
            _ => pages::thanks().map(Added::Thanks),
        };
    }
    Ok(answer(&recorded, minimal))
}

/// What the headers and the address say of a request; its body follows.
fn submission(headers: AddHeaders, address: ClientAddress, uri: &Origin<'_>) -> Result<Submission> {
    let mut submission = Submission {
        collection: None,
        key: headers.key,
        origin: headers.origin,
        address: address.0,
        kind: headers.kind,
        gzip: headers.gzip,
        bytes: Vec::new(),
    };
    for (name, value) in query_pairs(uri)? {
        match name.as_str() {
            "_collection" => submission.collection = Some(value),
            "_key" => submission.key = Some(value),
            "_" => {}
            other => {
                let hint = crate::words::did_you_mean(other, ["_collection", "_key"]);
                return Err(Error::parameter(other, format!("/add takes _collection and _key in the URL{hint}")));
            }
        }
    }
    Ok(submission)
}

fn answer(recorded: &Recorded, minimal: bool) -> Added {
    if let (Shape::One | Shape::Form { .. }, [item]) = (&recorded.shape, recorded.items.as_slice()) {
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
    Added::Json(status, None, format!("{{\"results\":[{}]}}", results.join(",")))
}

fn id_of(outcome: &Outcome) -> Option<EntryId> {
    match outcome {
        Outcome::Stored(id) | Outcome::Flagged(id) | Outcome::Duplicate(id) | Outcome::Conflict(id) => Some(*id),
        Outcome::Rejected(_) => None,
    }
}

fn item_json(item: &Item) -> String {
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
    if !item.warnings.is_empty() {
        let _ = write!(text, ",\"warnings\":{}", serde_json::to_string(&item.warnings).unwrap_or_default());
    }
    text.push('}');
    text
}
