//! Our own answers: problems (RFC 9457) with a code.

use http::{HeaderValue, StatusCode, header};

use super::answer::{Answer, whole};
use super::failure::Failure;

/// The field by which our own answers differ from those of upstreams.
const ERROR: &str = "x-frontdesk-error";

/// What a failure is told as.
pub fn own(failure: &Failure) -> Answer {
    let (status, code, detail) = failure.told();
    let mut answer = problem(status, code, &detail);
    if let Some(seconds) = failure.retry_after() {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// Marks an answer of our own. It is no field, which an upstream could send too.
#[derive(Clone)]
pub struct Ours;

/// One of our own answers.
pub fn problem(status: StatusCode, code: &'static str, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code,
    });
    let mut answer = whole(body.to_string());
    *answer.status_mut() = status;
    answer.extensions_mut().insert(Ours);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ERROR, HeaderValue::from_static(code));
    answer
}
