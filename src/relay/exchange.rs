//! One request and its answer: who may, which way, and what the door gets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};

use super::aggregate;
use super::answer::Answer;
use super::asked::Asked;
use super::cached::Relays;
use super::cors;
use super::definition::{Access, Mode, Policy};
use super::failure::Failure;
use super::forward::{StickyCookie, forward};
use super::headers;
use super::last_resort::{last_good_key, last_resort};
use super::live::LiveRelay;
use super::payload::Ambiguous;
use super::pool::{LivePool, Wish};
use super::problem::{Ours, own};
use super::rules::{Payload, Sample, hashed_value, way};
use super::sticky::sticky_tag;
use super::upload::{Broken, Upload};

/// Answers a request. Whatever goes wrong is an answer too.
pub async fn serve(
    relays: &Relays,
    relay: &Arc<LiveRelay>,
    mut asked: Asked,
    upload: Result<Upload, Broken>,
) -> Answer {
    let origin = cors::origin(&asked.headers);
    if let Some(preflight) = cors::preflight(&relay.definition, &asked) {
        return preflight;
    }
    let (method, door) = (asked.method.clone(), asked.door);
    let mut answer = match exchange(relays, relay, &mut asked, upload).await {
        Ok(answer) => answer,
        Err(failure) => own(&failure),
    };
    let status = answer.status();
    if answer.extensions().get::<Ours>().is_none() {
        headers::for_client(answer.headers_mut(), &method, status, door, relays.via());
    }
    if let Some(StickyCookie(cookie)) = answer.extensions_mut().remove() {
        answer.headers_mut().extend(HeaderValue::from_str(&cookie).ok().map(|cookie| (header::SET_COOKIE, cookie)));
    }
    cors::mark(&relay.definition, origin.as_ref(), answer.headers_mut());
    answer
}

async fn exchange(
    relays: &Relays,
    relay: &Arc<LiveRelay>,
    asked: &mut Asked,
    upload: Result<Upload, Broken>,
) -> Result<Answer, Failure> {
    if headers::has_passed(&asked.headers, relays.via()) {
        return Err(Failure::Loop { relay: relay.relay.name.clone() });
    }
    admit(relay, asked)?;
    let upload = upload.map_err(|broken| client_failed(relay, broken))?;
    let aggregates = relay.definition.mode != Mode::Forward && matches!(asked.method, Method::GET | Method::HEAD);
    if aggregates {
        return aggregate::answer(relays, relay, asked).await;
    }
    let (pool, wish) = route(relay, asked, &upload).await?;
    let key = last_good_key(relay, pool, asked);
    let answer = forward(relays, relay, pool, asked, &wish, &upload).await;
    last_resort(relays, relay, pool, key.as_deref(), answer)
}

/// What a client's failure to send its body is told as.
pub fn client_failed(relay: &Arc<LiveRelay>, broken: Broken) -> Failure {
    match broken {
        Broken::TooLarge => Failure::TooLarge { limit: relay.definition.body_limit },
        Broken::Client => Failure::ClientGone,
    }
}

/// Rate, origin and access; what was proof of access is taken out of the request.
fn admit(relay: &Arc<LiveRelay>, asked: &mut Asked) -> Result<(), Failure> {
    if let Some(rate) = &relay.rate {
        let taken = rate.take(asked.client.address, 1);
        taken.map_err(|error| Failure::TooMany { retry_after: error.retry_after().unwrap_or(1) })?;
    }
    cors::admit(&relay.definition, &asked.headers)?;
    if matches!(asked.method, Method::CONNECT | Method::TRACE) {
        return Err(Failure::Method);
    }
    let has_key = take_key(asked, &relay.relay.relay_key);
    match relay.access() {
        Access::Public => Ok(()),
        Access::Key if has_key => Ok(()),
        Access::Key => Err(Failure::KeyMissing),
        Access::SignedIn if asked.is_signed_in => Ok(()),
        Access::SignedIn => Err(Failure::SignInFirst),
    }
}

/// Looks for the key in `X-Frontdesk-Key`, `Authorization: Bearer` and the parameter `_key`, and takes it out of all of them.
fn take_key(asked: &mut Asked, key: &str) -> bool {
    let sent = asked.headers.remove("x-frontdesk-key");
    let mut found = sent.is_some_and(|sent| sent.to_str().is_ok_and(|sent| crate::secrets::same(sent, key)));
    found |= !headers::take_bearer(&mut asked.headers, |token| crate::secrets::same(token, key)).is_empty();
    if let Some(query) = asked.query.take() {
        let mut rest: Vec<&str> = query.split('&').collect();
        let before = rest.len();
        rest.retain(|pair| !pair.strip_prefix("_key=").is_some_and(|sent| crate::secrets::same(sent, key)));
        found |= rest.len() < before;
        asked.query = if rest.is_empty() { None } else { Some(rest.join("&")) };
    }
    found
}

/// The pool of a request, and what the choice of an upstream goes by.
async fn route<'r>(relay: &'r Arc<LiveRelay>, asked: &Asked, upload: &Upload) -> Result<(&'r LivePool, Wish), Failure> {
    let whole = if relay.definition.reads_bodies() {
        let idle = relay.pools.first().map_or(30_000, |pool| pool.definition.idle_ms);
        let read = tokio::time::timeout(Duration::from_millis(idle), upload.whole()).await;
        read.map_err(|_| Failure::ClientSlow)?.map_err(|broken| client_failed(relay, broken))?
    } else {
        None
    };
    let sample = sample(asked, whole.as_ref());
    let ambiguous = |Ambiguous(name)| Failure::Ambiguous(name);
    let pool = way(&relay.definition, &sample).map_err(ambiguous)?.pool.ok_or(Failure::NoRule)?;
    let pool = &relay.pools[pool];
    let hashed = match (&pool.definition.hash_on, pool.definition.policy) {
        (Some(on), Policy::Hash) => hashed_value(on, &sample).map_err(ambiguous)?,
        _ => String::new(),
    };
    Ok((pool, Wish { hashed, tag: sticky_tag(relay, pool, &asked.headers) }))
}

fn sample<'r>(asked: &'r Asked, whole: Option<&'r Bytes>) -> Sample<'r> {
    let payload = whole.map_or(Payload::Unread, |body| Payload::of(&asked.headers, body));
    Sample {
        method: asked.method.as_str(),
        path: &asked.path,
        query: asked.query.as_deref(),
        headers: &asked.headers,
        payload,
    }
}
