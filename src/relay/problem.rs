//! Our own answers: problems (RFC 9457) with a code.

use http::{HeaderValue, header};

use super::answer::{Answer, AnswerBody};
use super::failure::Failure;

/// The field by which our own answers differ from those of upstreams.
pub const ERROR: &str = "x-frontdesk-error";

/// One of our own answers: a problem (RFC 9457).
pub fn own(failure: &Failure) -> Answer {
    let (status, code, detail) = failure.told();
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code,
    });
    let mut answer = http::Response::new(AnswerBody::full(body.to_string()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ERROR, HeaderValue::from_static(code));
    if let Some(seconds) = failure.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}
