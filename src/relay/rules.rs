//! Which pool a request goes to.

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::definition::{Definition, HashOn, When};
use super::payload::{Ambiguous, form_value, json_value};

/// What rules see of a request.
pub struct Sample<'r> {
    pub method: &'r str,
    /// Below the relay, as it was sent.
    pub path: &'r str,
    pub query: Option<&'r str>,
    pub headers: &'r HeaderMap,
    pub payload: Payload<'r>,
}

/// A body that rules can read.
#[derive(Clone, Copy)]
pub enum Payload<'r> {
    /// None, one too large to be read whole, or one of another type: no rule about bodies fits.
    Unread,
    Json(&'r [u8]),
    Form(&'r [u8]),
}

impl<'r> Payload<'r> {
    /// A whole body, by what `Content-Type` calls it.
    pub fn of(headers: &HeaderMap, body: &'r [u8]) -> Payload<'r> {
        let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/json" => Payload::Json(body),
            kind if kind.ends_with("+json") => Payload::Json(body),
            "application/x-www-form-urlencoded" => Payload::Form(body),
            _ => Payload::Unread,
        }
    }
}

/// The way of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// The rule that fits, by its position; `None`: none does.
    pub rule: Option<usize>,
    /// The pool, by its position; `None`: there is no default pool.
    pub pool: Option<usize>,
}

/// Goes through the rules in their order.
pub fn way(definition: &Definition, sample: &Sample<'_>) -> Result<Way, Ambiguous> {
    for (i, rule) in definition.rules.iter().enumerate() {
        if fits(&rule.when, sample)? {
            return Ok(Way { rule: Some(i), pool: definition.pool(&rule.pool) });
        }
    }
    let pool = definition.default_pool.as_deref().and_then(|name| definition.pool(name));
    Ok(Way { rule: None, pool })
}

fn fits(when: &When, sample: &Sample<'_>) -> Result<bool, Ambiguous> {
    let method = when.method.as_deref();
    if !method.is_none_or(|methods| methods.split(',').any(|method| method.trim() == sample.method)) {
        return Ok(false);
    }
    if !when.path.as_deref().is_none_or(|pattern| fits_path(pattern, sample.path)) {
        return Ok(false);
    }
    let query = sample.query.unwrap_or_default();
    for (name, wanted) in &when.query {
        if !is_wanted(wanted, form_value(query.as_bytes(), name)?) {
            return Ok(false);
        }
    }
    for (name, wanted) in &when.header {
        if !is_wanted(wanted, header_value(sample.headers, name)?) {
            return Ok(false);
        }
    }
    fits_payload(when, sample.payload)
}

fn fits_payload(when: &When, payload: Payload<'_>) -> Result<bool, Ambiguous> {
    for (pointer, wanted) in &when.json {
        let Payload::Json(body) = payload else { return Ok(false) };
        if !is_wanted(wanted, json_value(body, pointer)?) {
            return Ok(false);
        }
    }
    for (name, wanted) in &when.form {
        let Payload::Form(body) = payload else { return Ok(false) };
        if !is_wanted(wanted, form_value(body, name)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_wanted(wanted: &str, value: Option<String>) -> bool {
    value.is_some_and(|value| wanted == "*" || wanted == value)
}

fn fits_path(pattern: &str, path: &str) -> bool {
    let path = percent_decode_str(if path.is_empty() { "/" } else { path }).decode_utf8_lossy();
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == pattern,
    }
}

fn header_value(headers: &HeaderMap, name: &str) -> Result<Option<String>, Ambiguous> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(Ambiguous(name.to_owned())),
        (first, _) => Ok(first.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())),
    }
}

/// The value that the policy `hash` goes by; without one all such requests go the same way.
pub fn hashed_value(on: &HashOn, sample: &Sample<'_>) -> Result<String, Ambiguous> {
    let value = match (on, sample.payload) {
        (HashOn::Header(name), _) => header_value(sample.headers, name)?,
        (HashOn::Query(name), _) => form_value(sample.query.unwrap_or_default().as_bytes(), name)?,
        (HashOn::Json(pointer), Payload::Json(body)) => json_value(body, pointer)?,
        (HashOn::Json(_), _) => None,
    };
    Ok(value.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        serde_json::from_value(serde_json::json!({
            "pools": [{"name": "a", "upstreams": []}, {"name": "b", "upstreams": []}, {"name": "rest", "upstreams": []}],
            "rules": [
                {"when": {"method": "DELETE, PURGE"}, "pool": "b"},
                {"when": {"path": "/sensors/*", "query": {"site": "a"}}, "pool": "a"},
                {"when": {"header": {"X-Site": "*"}}, "pool": "b"},
                {"when": {"json": {"/site": "a", "/n": "1"}}, "pool": "a"},
                {"when": {"form": {"site": "b"}}, "pool": "b"},
                {"when": {"path": "/exact path"}, "pool": "a"}
            ],
            "default_pool": "rest"
        }))
        .unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_names_the_pool() {
        let json = "application/json";
        let form = "application/x-www-form-urlencoded";
        let rows: [(&str, &str, &str, &str, Option<usize>); 14] = [
            ("DELETE /x", "", "", "", Some(0)),
            ("PURGE /x", "", "", "", Some(0)),
            ("GET /sensors/1?site=a&x=1", "", "", "", Some(1)),
            ("GET /sensors/1?site=b", "", "", "", None),
            ("GET /sensors?site=a", "", "", "", None),
            ("GET /", "X-Site", "", "", Some(2)),
            ("POST /", "", json, r#"{"site":"a","n":1}"#, Some(3)),
            ("POST /", "", "application/x+json; charset=utf-8", r#"{"n":1,"site":"\u0061"}"#, Some(3)),
            ("POST /", "", json, r#"{"site":"a","n":1.0}"#, None),
            ("POST /", "", "text/plain", r#"{"site":"a","n":1}"#, None),
            ("POST /", "", json, r#"{"site":"a","n":1"#, None),
            ("POST /", "", form, "x=1&site=b", Some(4)),
            ("POST /", "", json, "site=b", None),
            ("GET /exact%20path", "", "", "", Some(5)),
        ];
        for (line, header, kind, body, expected) in rows {
            let (method, target) = line.split_once(' ').unwrap();
            let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
            let mut headers = HeaderMap::new();
            headers.insert("content-type", kind.parse().unwrap());
            if !header.is_empty() {
                headers.insert(http::HeaderName::from_bytes(header.as_bytes()).unwrap(), "1".parse().unwrap());
            }
            let payload = Payload::of(&headers, body.as_bytes());
            let sample = Sample { method, path, query, headers: &headers, payload };
            let way = way(&definition(), &sample).unwrap();
            assert_eq!(way.rule, expected, "{line} {body}");
            assert!(way.pool.is_some());
        }
    }
}
