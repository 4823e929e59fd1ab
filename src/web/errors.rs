//! Errors as responses: a page for browsers, `application/problem+json` (RFC 9457) for programs; and the catchers.

use askama::Template;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::response::{self, Responder};
use rocket::{Catcher, Request, Response, catch, catchers};
use serde::Serialize;

use super::form::{Html, see_other};
use super::guards::{Negotiation, Refused, WebHost};
use super::headers::RequestId;
use super::methods::Methods;
use crate::error::{Error, FieldError};

/// What a route of the API answers: errors are told as problems (RFC 9457).
pub type Answer<T> = std::result::Result<T, ApiError>;

/// An error told as a problem document, whatever the reader prefers.
#[derive(Debug)]
pub struct ApiError(pub Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        ApiError(error.into())
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    present: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    request_id: &'a str,
}

/// An error as a page.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    pub title: &'static str,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub request_id: String,
}

impl<'r> Responder<'r, 'static> for ApiError {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        log(&self.0, request);
        problem(&self.0, None, request).respond_to(request)
    }
}

impl<'r> Responder<'r, 'static> for Error {
    /// A page if the reader prefers one, else a problem document.
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        log(&self, request);
        if !Negotiation::of(request).wants_page() {
            return problem(&self, None, request).respond_to(request);
        }
        if matches!(self, Error::Unauthenticated) {
            return see_other(sign_in(request)).respond_to(request);
        }
        page(&self, request).respond_to(request)
    }
}

/// Where somebody signs in who then goes back to where they were: to the page they asked for, or the one that a form
/// came from. A form that was refused is shown at an address that may take forms only; then there is no way back.
fn sign_in(request: &Request<'_>) -> String {
    let escaped = |page: &str| form_urlencoded::byte_serialize(page.as_bytes()).collect::<String>();
    if request.method() == Method::Get {
        return format!("/sign-in?next={}", escaped(&request.uri().to_string()));
    }
    let page = request.headers().get_one("Referer").and_then(|page| page.strip_prefix(&WebHost::of(request).0));
    let Some(page) = page.filter(|page| page.starts_with('/')) else { return "/sign-in".into() };
    let path = page.split(['?', '#']).next().unwrap_or("/");
    match Methods::of_path(request, path).contains(Method::Get) {
        true => format!("/sign-in?ended=true&next={}", escaped(page)),
        false => "/sign-in?ended=true".into(),
    }
}

/// Internals are logged here, once, and never shown.
fn log(error: &Error, request: &Request<'_>) {
    if let Error::Internal(source) = error {
        // The route, not the address: the link of a place in a queue is a secret.
        let route = request.route().map_or_else(String::new, |route| route.uri.to_string());
        tracing::error!(request_id = RequestId::of(request), route, error = %source, "failed");
    }
}

/// A problem document that also has a message for the visitor who sent a form.
pub fn problem_with_message(error: &Error, message: &str, request: &Request<'_>) -> response::Result<'static> {
    log(error, request);
    problem(error, Some(message), request).respond_to(request)
}

fn problem(error: &Error, message: Option<&str>, request: &Request<'_>) -> (Status, Body) {
    let (status, title) = error.status();
    let problem = Problem {
        r#type: "about:blank",
        title,
        status: status.code,
        detail: &error.detail(),
        instance: request.uri().path().as_str(),
        errors: error.errors(),
        present: error.present(),
        message,
        request_id: RequestId::of(request),
    };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    (status, Body { kind: ContentType::new("application", "problem+json"), body, headers: headers(error, request) })
}

/// An error on a page of its own, with the status and the headers that belong to it.
pub fn error_page(error: &Error, body: &str, request: &Request<'_>) -> response::Result<'static> {
    log(error, request);
    let body = Body { kind: ContentType::HTML, body: body.to_owned(), headers: headers(error, request) };
    (error.status().0, body).respond_to(request)
}

fn page(error: &Error, request: &Request<'_>) -> (Status, Body) {
    let (status, title) = error.status();
    let page = ErrorPage {
        title,
        detail: error.detail().into_owned(),
        errors: error.errors().to_vec(),
        request_id: RequestId::of(request).to_owned(),
    };
    let body = page.render().unwrap_or_else(|_| title.to_owned());
    (status, Body { kind: ContentType::HTML, body, headers: headers(error, request) })
}

/// What an error says in headers: when to come back, which limit was reached, how to prove who one is.
fn headers(error: &Error, request: &Request<'_>) -> Vec<(&'static str, String)> {
    // The fairing that sets it elsewhere does not see requests that Rocket cannot read at all.
    let mut headers = vec![("X-Request-Id", RequestId::of(request).to_owned())];
    if let Some(seconds) = error.retry_after() {
        headers.push(("Retry-After", seconds.to_string()));
        if let Some(limit) = error.limit() {
            headers.push(("RateLimit-Policy", format!("\"{}\";q={};w={}", limit.name, limit.quota, limit.seconds)));
            headers.push(("RateLimit", format!("\"{}\";r=0;t={seconds}", limit.name)));
        }
    }
    if matches!(error, Error::Unauthenticated) {
        let said = request.headers().get_one("Authorization").is_some_and(|text| text.starts_with("Bearer "));
        let challenge = if said { "Bearer error=\"invalid_token\"" } else { "Bearer" };
        headers.push(("WWW-Authenticate", challenge.to_owned()));
    }
    headers
}

struct Body {
    kind: ContentType,
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl<'r> Responder<'r, 'static> for Body {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::build_from(self.body.respond_to(request)?);
        response.header(self.kind);
        for (name, value) in self.headers {
            response.header(Header::new(name, value));
        }
        response.ok()
    }
}

/// What Rocket itself refuses: no route, a guard that failed, a body it cannot take.
#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> Error {
    if let Some(refused) = Refused::take(request) {
        return refused;
    }
    match status.code {
        401 => Error::Unauthenticated,
        403 => Error::Forbidden("This needs another role.".into()),
        404 => Error::NotFound("There is no page at this address.".into()),
        413 => Error::TooLarge("The body is larger than this address accepts.".into()),
        415 => Error::UnsupportedType("This media type is not accepted here.".into()),
        422 => Error::invalid("", "the body cannot be read"),
        503 => Error::Unavailable { detail: "The server is stopping or busy.".into(), retry_after: 2 },
        400..=499 => Error::BadRequest(vec![FieldError::at("", "the request cannot be read")]),
        _ => Error::Internal(format!("status {status} without a reason").into()),
    }
}

/// No route: perhaps only the method is wrong, then 405 with `Allow`; `OPTIONS` is answered with the methods.
#[catch(404)]
fn not_found(request: &Request<'_>) -> NotFound {
    let allowed = Methods::of(request);
    if allowed.is_empty() || request.method() != Method::Options && allowed.contains(request.method()) {
        return NotFound::Error(any(Status::NotFound, request));
    }
    NotFound::Method(allowed)
}

enum NotFound {
    Error(Error),
    Method(Methods),
}

impl<'r> Responder<'r, 'static> for NotFound {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let allowed = match self {
            NotFound::Error(error) => return error.respond_to(request),
            NotFound::Method(allowed) => allowed,
        };
        let allow = Header::new("Allow", allowed.to_string());
        if request.method() == Method::Options {
            return Response::build().status(Status::NoContent).header(allow).ok();
        }
        let detail = format!("{} is not possible here; {allowed} is.", request.method());
        let problem = Problem {
            r#type: "about:blank",
            title: "This method is not possible here",
            status: 405,
            detail: &detail,
            instance: request.uri().path().as_str(),
            errors: &[],
            present: None,
            message: None,
            request_id: RequestId::of(request),
        };
        let body = if Negotiation::of(request).wants_page() {
            let page = ErrorPage {
                title: problem.title,
                detail: detail.clone(),
                errors: Vec::new(),
                request_id: problem.request_id.into(),
            };
            (ContentType::HTML, page.render().unwrap_or_default())
        } else {
            (ContentType::new("application", "problem+json"), serde_json::to_string(&problem).unwrap_or_default())
        };
        Response::build_from(body.respond_to(request)?).status(Status::MethodNotAllowed).header(allow).ok()
    }
}

/// What answers when no route does.
pub fn catchers() -> Vec<Catcher> {
    catchers![any, not_found]
}

/// A page, rendered.
pub fn render(template: &impl Template) -> Result<Html, Error> {
    template.render().map(Html).map_err(|error| Error::Internal(Box::new(error)))
}
