//! Which pages of other origins may use a relay (the Fetch standard's CORS protocol). Without a list, whatever the upstream says
//! passes through.

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::answer::{Answer, AnswerBody};
use super::asked::Asked;
use super::definition::Definition;
use super::failure::Failure;
use super::problem::own;

/// The page's origin.
pub fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(header::ORIGIN).cloned()
}

fn allows(definition: &Definition, origin: &HeaderValue) -> bool {
    definition.origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
}

/// Refuses pages that are not on the list.
pub fn admit(definition: &Definition, headers: &HeaderMap) -> Result<(), Failure> {
    match origin(headers) {
        Some(origin) if !definition.origins.is_empty() && !allows(definition, &origin) => {
            Err(Failure::Origin(String::from_utf8_lossy(origin.as_bytes()).chars().take(200).collect()))
        }
        _ => Ok(()),
    }
}

/// The answer to a browser's question whether it may; `None`: it asked none, or the upstream answers.
pub fn preflight(definition: &Definition, asked: &Asked) -> Option<Answer> {
    let asks = asked.method == Method::OPTIONS && asked.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if definition.origins.is_empty() || !asks {
        return None;
    }
    let origin = origin(&asked.headers)?;
    if let Err(failure) = admit(definition, &asked.headers) {
        return Some(own(&failure));
    }
    let mut answer = http::Response::new(AnswerBody::Full(None));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    mark(definition, Some(&origin), headers);
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    if let Some(wanted) = asked.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    Some(answer)
}

/// Says on an answer what the page may read: only ours, whatever the upstream said.
pub fn mark(definition: &Definition, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if definition.origins.is_empty() {
        return;
    }
    let said: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
    for name in said {
        headers.remove(name);
    }
    let varies = headers.get_all(header::VARY).iter().filter_map(|line| line.to_str().ok());
    if !varies.flat_map(|line| line.split(',')).any(|name| name.trim().eq_ignore_ascii_case("origin")) {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin.filter(|origin| allows(definition, origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}
