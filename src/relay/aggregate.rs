//! Asks every pool of a relay at once and makes one answer of theirs.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::value::RawValue;

use super::answer::{Answer, Cut, whole};
use super::asked::Asked;
use super::cached::Relays;
use super::definition::Mode;
use super::failure::Failure;
use super::forward::forward;
use super::live::LiveRelay;
use super::merge::{concat, merge, object};
use super::part::Part;
use super::pool::{LivePool, Wish};
use super::rules::{Payload, Sample, hashed_value};
use super::upload::Upload;
use crate::limits::MAX_RELAY_PART;

/// The aggregate for a request.
pub async fn answer(relays: &Relays, relay: &Arc<LiveRelay>, asked: &Asked) -> Result<Answer, Failure> {
    let asked = Asked {
        method: Method::GET,
        path: asked.path.clone(),
        query: asked.query.clone(),
        headers: for_parts(&asked.headers),
        client: asked.client.clone(),
        extensions: http::Extensions::new(),
        ..*asked
    };
    if relay.definition.mode == Mode::Race {
        return race(relays, relay, &asked).await;
    }
    let asking = relay.pools.iter().map(|pool| part(relays, relay, pool, &asked));
    let mut parts = futures::future::join_all(asking).await;
    let body = match relay.definition.mode {
        Mode::Merge => merge(&mut parts),
        Mode::Concat => concat(&mut parts),
        _ => object(&parts),
    };
    let good = parts.iter().filter(|part| part.body.is_ok()).count();
    let is_complete = good == parts.len();
    if good == 0 {
        let late = |part: &Part| matches!(part.body, Err("timeout" | "connect_timeout" | "stopped"));
        return Err(Failure::NoPart { timed_out: parts.iter().all(late) });
    }
    if relay.definition.strict && !is_complete {
        return Err(Failure::Incomplete);
    }
    Ok(aggregated(body, &parts, is_complete))
}

/// What each part was, such as `near=200, far=timeout`.
const PARTS: &str = "x-frontdesk-parts";
const COMPLETE: &str = "x-frontdesk-complete";

fn aggregated(body: String, parts: &[Part], is_complete: bool) -> Answer {
    let mut answer = whole(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(COMPLETE, HeaderValue::from_static(if is_complete { "true" } else { "false" }));
    let told = parts.iter().map(|part| match (&part.body, part.status) {
        (Err(code), _) => format!("{}={code}", part.name),
        (Ok(_), status) => format!("{}={}", part.name, status.map_or(0, |status| status.as_u16())),
    });
    let told = told.collect::<Vec<_>>().join(", ");
    headers.extend(HeaderValue::from_str(&told).ok().map(|told| (http::HeaderName::from_static(PARTS), told)));
    if !is_complete {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    answer
}

/// The fields that parts get: whole answers, not coded, as if nobody had any of them yet.
fn for_parts(sent: &HeaderMap) -> HeaderMap {
    let mut headers = sent.clone();
    let conditional = [
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
        header::RANGE,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
    ];
    for name in conditional {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers
}

/// What the choice of an upstream of a part goes by. Cookies of the policy `sticky` stay with forwarded requests.
fn wish(pool: &LivePool, asked: &Asked) -> Wish {
    let sample = Sample {
        method: "GET",
        path: &asked.path,
        query: asked.query.as_deref(),
        headers: &asked.headers,
        payload: Payload::Unread,
    };
    let hashed = pool.definition.hash_on.as_ref().and_then(|on| hashed_value(on, &sample).ok());
    Wish { hashed: hashed.unwrap_or_default(), tag: None }
}

async fn part(relays: &Relays, relay: &Arc<LiveRelay>, pool: &LivePool, asked: &Asked) -> Part {
    let begun = Instant::now();
    let answer = forward(relays, relay, pool, asked, &wish(pool, asked), &Upload::nothing()).await;
    let (status, body) = match answer {
        Err(failure) => (None, Err(failure.told().1)),
        Ok(answer) => (Some(answer.status()), json_of(answer).await),
    };
    Part { name: pool.definition.name.clone(), status, ms: begun.elapsed().as_millis(), body }
}

/// The JSON of an answer; otherwise the code of what is wrong with it.
async fn json_of(answer: Answer) -> Result<Option<Box<RawValue>>, &'static str> {
    let (head, body) = answer.into_parts();
    if !head.status.is_success() {
        return Err("status");
    }
    if head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err("coded");
    }
    let bytes = match Limited::new(body, MAX_RELAY_PART).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            let cut = error.downcast_ref::<Cut>();
            return Err(
                cut.map_or("part_too_large", |cut| if *cut == Cut::Upstream { "upstream_cut" } else { "stopped" })
            );
        }
    };
    if head.status == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    parsed(&bytes).map(Some)
}

fn parsed(bytes: &Bytes) -> Result<Box<RawValue>, &'static str> {
    serde_json::from_slice::<Box<RawValue>>(bytes).map_err(|_| "not_json")
}

/// The first good answer, whole. The others are given up.
async fn race(relays: &Relays, relay: &Arc<LiveRelay>, asked: &Asked) -> Result<Answer, Failure> {
    let nothing = Upload::nothing();
    let wishes: Vec<_> = relay.pools.iter().map(|pool| wish(pool, asked)).collect();
    let mut running: FuturesUnordered<_> = relay
        .pools
        .iter()
        .zip(&wishes)
        .map(|(pool, wish)| forward(relays, relay, pool, asked, wish, &nothing))
        .collect();
    let mut timed_out = true;
    while let Some(answer) = running.next().await {
        match answer {
            Ok(answer) if answer.status().is_success() => return Ok(answer),
            Ok(_) => timed_out = false,
            Err(failure) => timed_out &= matches!(failure, Failure::FirstByteTimeout | Failure::ConnectTimeout),
        }
    }
    Err(Failure::NoPart { timed_out })
}
