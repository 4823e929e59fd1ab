//! What is answered when no upstream of a pool does.

use http::{HeaderValue, StatusCode, header};

use super::answer::{Answer, whole};
use super::asked::Asked;
use super::cached::Relays;
use super::definition::LastResort;
use super::failure::Failure;
use super::last_good::{Good, is_for_all, is_worse_than_old};
use super::live::LiveRelay;
use super::pool::LivePool;

/// Under which the answer to a request is kept; `None`: it is not.
pub fn last_good_key(relay: &LiveRelay, pool: &LivePool, asked: &Asked) -> Option<String> {
    let keeps = matches!(pool.definition.last_resort, Some(LastResort::LastGood { .. }));
    let said =
        |name: header::HeaderName| asked.headers.get(name).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    (keeps && is_for_all(&asked.method, &asked.headers)).then(|| {
        let forms = (said(header::ACCEPT), said(header::ACCEPT_ENCODING), said(header::ACCEPT_LANGUAGE));
        let version = relay.relay.version;
        format!("{version} {} {}?{:?} {forms:?}", pool.definition.name, asked.path, asked.query)
    })
}

/// Puts the pool's last resort in the place of a failure.
pub fn last_resort(
    relays: &Relays,
    relay: &LiveRelay,
    pool: &LivePool,
    key: Option<&str>,
    answer: Result<Answer, Failure>,
) -> Result<Answer, Failure> {
    let failed = match &answer {
        Ok(answer) => is_worse_than_old(answer.status()),
        Err(failure) => {
            failure.is_the_upstreams()
                || matches!(failure, Failure::NoUpstream | Failure::BreakerOpen { .. } | Failure::Busy)
        }
    };
    if !failed {
        return answer;
    }
    match (&pool.definition.last_resort, key) {
        (Some(LastResort::Static { status, content_type, body }), _) if answer.is_err() => {
            Ok(fixed(*status, content_type, body))
        }
        (Some(LastResort::LastGood { max_age }), Some(key)) => {
            let found = relay.memory.last_good.find(key, relays.now(), *max_age);
            found.map_or(answer, |(good, age)| Ok(stale(good, age)))
        }
        _ => answer,
    }
}

/// Says that an answer is not from an upstream, or not of now.
const SOURCE: &str = "x-frontdesk-source";

fn fixed(status: u16, content_type: &str, body: &str) -> Answer {
    let mut answer = whole(body.to_owned());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.extend(HeaderValue::from_str(content_type).ok().map(|kind| (header::CONTENT_TYPE, kind)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SOURCE, HeaderValue::from_static("static"));
    answer
}

fn stale(good: Good, age: i64) -> Answer {
    let mut answer = whole(good.body);
    *answer.status_mut() = good.status;
    *answer.headers_mut() = good.headers;
    let headers = answer.headers_mut();
    headers.insert(header::AGE, age.into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SOURCE, HeaderValue::from_static("last-good"));
    answer
}
