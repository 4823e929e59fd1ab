//! The last good answers of a relay, for when no upstream answers (RFC 5861, 4).

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use parking_lot::Mutex;

use crate::moment::Moment;

/// Answers that are kept for a relay.
const MOST: usize = 32;

/// A good answer.
#[derive(Debug, Clone)]
pub struct Good {
    pub at: Moment,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Answers by pool and address.
#[derive(Default)]
pub struct LastGood(Mutex<HashMap<String, Good>>);

impl LastGood {
    /// Keeps an answer in the place of the oldest.
    pub fn keep(&self, key: String, good: Good) {
        let mut all = self.0.lock();
        if all.len() >= MOST && !all.contains_key(&key) {
            let oldest = all.iter().min_by_key(|(_, good)| good.at.0).map(|(key, _)| key.clone());
            oldest.map(|key| all.remove(&key));
        }
        all.insert(key, good);
    }

    /// The last good answer, if it is not older than so many seconds; with its age.
    pub fn find(&self, key: &str, now: Moment, max_age: u32) -> Option<(Good, i64)> {
        let good = self.0.lock().get(key)?.clone();
        let age = (now.0 - good.at.0) / 1000;
        (age <= i64::from(max_age)).then_some((good, age))
    }
}

/// Fields that say nothing of who asks. Whoever sends another one gets no answer of others, and leaves none.
const IMPERSONAL: [&str; 24] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "dnt",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "referer",
    "te",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-requested-with",
];

/// A request whose answer is the same for everybody.
pub fn is_for_all(method: &Method, headers: &HeaderMap) -> bool {
    let says_nothing = |name: &str| IMPERSONAL.contains(&name) || name.starts_with("sec-");
    method == Method::GET && headers.keys().all(|name| says_nothing(name.as_str()))
}

/// An answer that may be given to others later.
pub fn may_be_kept(status: StatusCode, headers: &HeaderMap) -> bool {
    let caching = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let forbids = caching.flat_map(|line| line.split(',')).any(|directive| {
        let directive = directive.trim().to_ascii_lowercase();
        directive == "no-store" || directive.starts_with("private")
    });
    status == StatusCode::OK
        && !headers.contains_key(header::SET_COOKIE)
        && !headers.contains_key(header::VARY)
        && !forbids
}

/// A status in whose place an older answer is better (RFC 5861, 4).
pub fn is_worse_than_old(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_are_the_same_for_all_are_kept() {
        let map = |fields: &[(&'static str, &str)]| -> HeaderMap {
            fields.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
        };
        assert!(may_be_kept(StatusCode::OK, &map(&[("cache-control", "max-age=60")])));
        for (name, value) in [
            ("cache-control", "max-age=1, No-Store"),
            ("cache-control", "private=x"),
            ("set-cookie", "a=1"),
            ("vary", "cookie"),
        ] {
            assert!(!may_be_kept(StatusCode::OK, &map(&[(name, value)])), "{name}: {value}");
        }
        assert!(!may_be_kept(StatusCode::NOT_FOUND, &map(&[])));
        assert!(is_for_all(&Method::GET, &map(&[])) && !is_for_all(&Method::POST, &map(&[])));
        assert!(
            !is_for_all(&Method::GET, &map(&[("authorization", "x")]))
                && !is_for_all(&Method::GET, &map(&[("cookie", "x")]))
        );
        assert!([404, 403, 410, 501].into_iter().all(|code| !is_worse_than_old(StatusCode::from_u16(code).unwrap())));
    }

    #[test]
    fn old_answers_make_room_for_new_ones() {
        let (all, start) = (LastGood::default(), Moment::parse("2026-03-10T12:00:00Z").unwrap());
        let good = |at| Good { at, status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() };
        (0..100).for_each(|i| all.keep(i.to_string(), good(start.plus(i * 1000))));
        let now = start.plus(100_000);
        assert!(all.find("67", now, 1000).is_none() && all.find("68", now, 1000).is_some());
        assert_eq!(all.find("90", now, 10).map(|(_, age)| age), Some(10));
        assert!(all.find("89", now, 10).is_none(), "too old");
    }
}
