//! `POST /add`: what comes in over HTTP, and how it is answered. No cookie is read here.

use std::time::Duration;

use futures::StreamExt as _;
use rocket::data::Data;
use rocket::http::uri::Origin;
use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome as GuardOutcome};
use rocket::response::{self, Responder};
use rocket::{Request, State, post};
use tokio_util::io::ReaderStream;

use super::added::{Added, answer};
use super::body::{self, Body};
use super::entry::Outcome;
use super::form::{self, Form};
use super::multipart;
use super::pages;
use super::recording::{RequestKind, Submission};
use super::refusal::reason;
use super::service::Entries;
use crate::error::{Error, FieldError, Result};
use crate::limits::{MAX_BODY, MAX_UPLOAD, UPLOAD_SECONDS};
use crate::web::{self, Api, ClientAddress, Idempotency, Negotiation, api, see_other};
use crate::words::did_you_mean;

/// What `/add` takes from the address.
const CONTROLS: [&str; 3] = ["_collection", "_key", "_next"];
/// Parameters that are told as not used.
const MAX_STRAYS: usize = 5;

/// `POST /add`.
pub fn api() -> Api {
    api![add]
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

/// Store an entry
///
/// Takes an object, an array of objects, NDJSON or a form, packed with gzip perhaps. A 201 means that it is on disk.
/// A `_uid` in the entry makes a repetition harmless.
#[utoipa::path(
    tag = "entries",
    params(
        ("_collection" = Option<String>, Query, description = "Name of the collection"),
        ("_key" = Option<String>, Query, description = "Publishable key"),
        ("_next" = Option<String>, Query, description = "For a form without JavaScript: the page to lead to"),
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
    extensions(("x-role" = json!("anybody")), ("x-errors" = json!([403, 404, 429]))),
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
        .map_err(|error| if wants_page { AddError::Page(error) } else { AddError::Problem(error) })
}

enum AddError {
    /// For the visitor who sent a form without JavaScript.
    Page(Error),
    /// For a script, with words that it can show to the visitor.
    Problem(Error),
}

impl<'r> Responder<'r, 'static> for AddError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            AddError::Page(error) => web::error_page(&error, &pages::refused(&error), request),
            AddError::Problem(error) => web::problem_with_message(&error, &reason(&error), request),
        }
    }
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
            "The body may be plain or compressed with gzip, and its Content-Type must be valid.".into(),
        ));
    }
    let Some(body) = read(&headers, &idempotency, data).await? else {
        return Ok(Added::Minimal(Status::Ok, None));
    };
    let (minimal, wants_page) = (headers.minimal, headers.wants_page);
    let submission = submission(headers, address, uri);
    let recorded = entries.record(&submission, body).await?;
    if let (RequestKind::Form { next, files, collection }, true) = (&recorded.shape, wants_page) {
        if recorded.items.iter().any(|item| matches!(item.outcome, Outcome::Conflict(_))) {
            return Err(Error::Conflict("Another entry with this _uid was stored before.".into()));
        }
        let origin = submission.origin.as_deref();
        let next = match next {
            Some(next) => entries.lead_to(next, origin, collection).await,
            None => None,
        };
        return match next {
            Some(url) if files.is_empty() => Ok(Added::Lead(see_other(url))),
            next => pages::thanks(files.clone(), next).map(Added::Thanks),
        };
    }
    Ok(answer(&recorded, minimal))
}

/// The body, once its idempotency key was taken; `None`: it was answered before.
async fn read(headers: &AddHeaders, idempotency: &Idempotency<'_>, data: Data<'_>) -> Result<Option<Body>> {
    if let Some(kind) = headers.kind.as_ref().filter(|kind| **kind == ContentType::FormData && !headers.gzip) {
        let form = read_upload(kind, data).await?;
        return Ok(idempotency.enter(&form.object).await?.then_some(Body::Form(form)));
    }
    let bytes = web::body::read(data, MAX_BODY, form::too_large).await?;
    if !idempotency.enter(&bytes).await? {
        return Ok(None);
    }
    body::read(headers.kind.as_ref(), headers.gzip, bytes).await.map(Some)
}

/// A multipart form, whose files are skipped while they are read.
async fn read_upload(kind: &ContentType, data: Data<'_>) -> Result<Form> {
    let mut body = web::body::open(data, MAX_UPLOAD);
    let mut came = 0;
    let pieces = ReaderStream::new(&mut body).map(|piece| {
        let piece = piece?;
        came += piece.len() as u64;
        if came > MAX_UPLOAD { Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge)) } else { Ok(piece) }
    });
    let read = Box::pin(multipart::read(kind, pieces));
    let form = tokio::time::timeout(Duration::from_secs(UPLOAD_SECONDS), read).await;
    let form =
        form.unwrap_or_else(|_| Err(Error::BadRequest(vec![FieldError::at("", "the form took too long to come")])));
    if form.is_err() {
        web::body::skip(body).await;
    }
    if came > MAX_UPLOAD {
        return Err(Error::TooLarge(format!("A form holds at most {MAX_UPLOAD} bytes with its files.").into()));
    }
    form
}

/// What the headers and the address say of a request. A parameter that is no control of ours is no reason to lose an
/// entry: campaigns add their own to every link.
fn submission(headers: AddHeaders, address: ClientAddress, uri: &Origin<'_>) -> Submission {
    let mut submission = Submission {
        collection: None,
        key: headers.key,
        origin: headers.origin,
        address: address.0,
        next: None,
        strays: Vec::new(),
    };
    let query = uri.query().map_or("", |query| query.as_str());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "_" => {}
            // As in a form: an empty one is none.
            "_collection" | "_key" | "_next" if value.is_empty() => {}
            "_collection" => submission.collection = Some(value.into_owned()),
            "_key" => submission.key = Some(value.into_owned()),
            "_next" => submission.next = Some(value.into_owned()),
            other if submission.strays.len() < MAX_STRAYS => {
                let hint = if other.starts_with('_') { did_you_mean(other, CONTROLS) } else { String::new() };
                let shown: String = other.chars().take(80).collect();
                submission.strays.push(format!("\"{shown}\" in the address is not used{hint}"));
            }
            _ => {}
        }
    }
    submission
}
