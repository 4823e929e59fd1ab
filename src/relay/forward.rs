//! Sends a request to an upstream of a pool, and to another one if the first does not answer and it is safe to try again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use hyper::body::Incoming;

use super::answer::{Answer, AnswerBody, Cut, End, Kept};
use super::asked::Asked;
use super::budget::Pass;
use super::cached::Relays;
use super::definition::Policy;
use super::failure::Failure;
use super::headers;
use super::health::{Underway, Verdict};
use super::last_good::{Good, may_be_kept};
use super::last_resort::last_good_key;
use super::live::LiveRelay;
use super::path::leaves_base;
use super::pool::{LivePool, Nobody, Wish};
use super::sticky::sticky_cookie;
use super::tried::Tried;
use super::upload::{Framing, Upload};
use crate::limits::MAX_RELAY_PART;

/// Upstreams that are asked for one request, at most.
const TRIES: usize = 3;

/// What all tries of a request share.
struct Tries<'r> {
    relays: &'r Relays,
    relay: &'r Arc<LiveRelay>,
    pool: &'r LivePool,
    asked: &'r Asked,
    upload: &'r Upload,
    pass: Pass,
    deadline: Instant,
    tried: Vec<usize>,
}

/// An upstream's answer, with its place among the requests under way.
struct Got {
    upstream: usize,
    response: http::Response<Incoming>,
    underway: Underway,
    tried: Tried,
}

/// The answer of an upstream of the pool.
pub async fn forward(
    relays: &Relays,
    relay: &Arc<LiveRelay>,
    pool: &LivePool,
    asked: &Asked,
    wish: &Wish,
    upload: &Upload,
) -> Result<Answer, Failure> {
    let now = Instant::now();
    if pool.upstreams.iter().any(|upstream| upstream.target.has_base()) && leaves_base(&asked.path) {
        return Err(Failure::DotSegments);
    }
    if relay.secret_headers.is_none() {
        return Err(Failure::Secrets);
    }
    let pass = pool.memory.breaker.pass(now).map_err(|retry_after| Failure::BreakerOpen { retry_after })?;
    pool.memory.budget.note_request(now);
    let deadline = now + Duration::from_millis(pool.definition.whole_ms);
    let mut tries = Tries { relays, relay, pool, asked, upload, pass, deadline, tried: Vec::new() };
    let got = tries.run(wish).await?;
    Ok(tries.answer(got))
}

impl Tries<'_> {
    async fn run(&mut self, wish: &Wish) -> Result<Got, Failure> {
        let mut last = None;
        loop {
            let now = Instant::now();
            let (upstream, underway) = match self.pool.choose(wish, &self.tried, now) {
                Ok(chosen) => chosen,
                Err(nobody) => return Err(last.unwrap_or_else(|| told(nobody))),
            };
            self.tried.push(upstream);
            let failed = match self.ask(upstream, underway).await {
                Ok(got) => return Ok(got),
                Err(failed) => failed,
            };
            let again = failed.may_be_repeated
                && self.tried.len() < TRIES
                && Instant::now() < self.deadline
                && self.upload.attempt().is_some()
                && self.pool.memory.budget.take_retry(Instant::now());
            if !again {
                return Err(failed.failure);
            }
            last = Some(failed.failure);
        }
    }

    /// One try.
    async fn ask(&self, upstream: usize, underway: Underway) -> Result<Got, Failed> {
        let mut tried = Tried::begin(self.relays, self.relay, self.pool, upstream, self.asked, self.tried.len());
        let never = |failure| Failed { failure, may_be_repeated: false };
        let request = self.request(upstream).ok_or_else(|| never(Failure::Address))?;
        let sent = self.relays.outgoing().send(self.pool.reach(), request);
        let failed = match self.in_time(sent).await {
            Ok(Ok(response)) if response.status().as_u16() >= 200 => {
                // That it is good is said at the end of its answer.
                if let verdict @ Verdict::Bad(_) = verdict_of(response.status()) {
                    judge(self.relay, self.pool, upstream, &verdict);
                }
                self.pass.good();
                return Ok(Got { upstream, response, underway, tried });
            }
            Ok(Ok(_)) => never(Failure::BadFraming),
            Ok(Err(failed)) => {
                let limit = self.relay.definition.body_limit;
                let failure = Failure::of(failed.why(), self.upload.broken(), limit);
                let safe = failed.nothing_was_sent() || failure == Failure::Cut && self.is_repeatable();
                Failed { may_be_repeated: safe && failure.is_the_upstreams(), failure }
            }
            Err(failure) => Failed { may_be_repeated: self.is_repeatable() && failure.is_the_upstreams(), failure },
        };
        self.failed(upstream, &failed.failure);
        tried.end(None, Some(failed.failure.told().1));
        Err(failed)
    }

    /// Waits for the head of the answer: as long as it may take after the last byte of the request went on.
    async fn in_time<T>(&self, sent: impl Future<Output = T>) -> Result<T, Failure> {
        let patience = Duration::from_millis(self.pool.definition.first_byte_ms);
        let mut sent = std::pin::pin!(sent);
        let mut since = Instant::now();
        loop {
            let until = (since + patience).min(self.deadline);
            match tokio::time::timeout_at(until.into(), &mut sent).await {
                Ok(sent) => return Ok(sent),
                Err(_) => match self.upload.progress() {
                    Some(moved) if moved > since && Instant::now() < self.deadline => since = moved,
                    _ if self.upload.waits_for_client() => return Err(Failure::ClientSlow),
                    _ => return Err(Failure::FirstByteTimeout),
                },
            }
        }
    }

    /// A request that may be sent a second time although the first may have arrived (RFC 9110, 9.2.2).
    fn is_repeatable(&self) -> bool {
        let safe = matches!(self.asked.method, Method::GET | Method::HEAD | Method::OPTIONS);
        safe || self.pool.definition.retry_keyed && self.has_key()
    }

    /// The upstream gets an `Idempotency-Key`, which it is not if `Connection` names it.
    fn has_key(&self) -> bool {
        let mut fields = self.asked.headers.clone();
        headers::remove_hop_by_hop(&mut fields);
        fields.get("idempotency-key").is_some_and(|key| !key.is_empty())
    }

    fn request(&self, upstream: usize) -> Option<Request<super::upload::Sending>> {
        let upstream = &self.pool.upstreams[upstream];
        let uri: Uri = upstream.target.uri(&self.asked.path, self.asked.query.as_deref())?;
        let mut fields = headers::for_upstream(&self.asked.headers, &self.asked.client, self.relays.via());
        let host = if self.pool.definition.preserve_host { &self.asked.client.host } else { upstream.target.host() };
        fields.insert(header::HOST, HeaderValue::from_str(host).ok()?);
        frame(&mut fields, self.upload.framing());
        for (name, value) in self.relay.secret_headers.iter().flatten() {
            fields.insert(name, value.clone());
        }
        let mut request = Request::new(self.upload.attempt()?);
        *request.method_mut() = self.asked.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = fields;
        *request.extensions_mut() = self.asked.extensions.clone();
        Some(request)
    }

    fn failed(&self, upstream: usize, failure: &Failure) {
        if failure.is_the_upstreams() {
            judge(self.relay, self.pool, upstream, &Verdict::Bad(failure.told().1.to_owned()));
            self.pass.bad(Instant::now());
        }
    }

    /// The answer as the door gets it: its end is noted wherever it comes.
    fn answer(self, got: Got) -> Answer {
        let Got { upstream, response, underway, mut tried } = got;
        let (mut head, incoming) = response.into_parts();
        headers::from_upstream(&mut head.headers);
        let status = head.status;
        let (relay, upload) = (Arc::clone(self.relay), self.upload.clone());
        let pool = relay.pools.iter().position(|pool| std::ptr::eq(pool, self.pool)).unwrap_or_default();
        let on_end = Box::new(move |end: End, _bytes: u64| {
            judge(&relay, &relay.pools[pool], upstream, &at_the_end(end, status, upload.broken().is_some()));
            tried.end(Some(status), told_of(end));
            drop(underway);
        });
        let is_stream = is_event_stream(&head.headers);
        let definition = &self.pool.definition;
        let idle = if is_stream { STREAM_IDLE } else { Duration::from_millis(definition.idle_ms) };
        let deadline = (!is_stream).then(|| self.deadline.into());
        let mut body = AnswerBody::relayed(incoming, idle, deadline, on_end);
        if let Some(kept) = self.kept(&head) {
            body = body.keeping(kept);
        }
        if definition.policy == Policy::Sticky {
            head.extensions.insert(self.cookie(upstream));
        }
        http::Response::from_parts(head, body)
    }

    /// Keeps a good answer for later, if the pool wants that.
    fn kept(&self, head: &http::response::Parts) -> Option<Kept> {
        let key =
            last_good_key(self.relay, self.pool, self.asked).filter(|_| may_be_kept(head.status, &head.headers))?;
        let memory = Arc::clone(&self.relay.memory);
        let (at, status, fields) = (self.relays.now(), head.status, head.headers.clone());
        let store = Box::new(move |body: Vec<u8>| {
            let mut headers = fields;
            headers::remove_hop_by_hop(&mut headers);
            headers.insert(header::CONTENT_LENGTH, body.len().into());
            memory.last_good.keep(key, Good { at, status, headers, body: body.into() });
        });
        Some(Kept { bytes: Vec::new(), most: MAX_RELAY_PART, store })
    }

    fn cookie(&self, upstream: usize) -> StickyCookie {
        let name = sticky_cookie(self.relay, self.pool);
        let secure = if self.asked.client.scheme == "https" { "; Secure" } else { "" };
        let (tag, relay) = (&self.pool.upstreams[upstream].tag, &self.relay.relay.name);
        StickyCookie(format!("{name}={tag}; Path=/relay/{relay}; HttpOnly; SameSite=Lax{secure}"))
    }
}

/// The cookie of the policy `sticky`: added once the upstream's own fields are done with.
#[derive(Clone)]
pub struct StickyCookie(pub String);

/// A try that got no answer.
struct Failed {
    failure: Failure,
    may_be_repeated: bool,
}

/// How long an event stream may say nothing.
const STREAM_IDLE: Duration = Duration::from_secs(300);

fn is_event_stream(fields: &HeaderMap) -> bool {
    let kind = fields.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/event-stream")
}

/// Notes how a try went; where others of the pool are well, an upstream that keeps failing gets a rest.
fn judge(relay: &LiveRelay, pool: &LivePool, upstream: usize, verdict: &Verdict) {
    if pool.judge(upstream, verdict, Instant::now()) {
        let (relay, upstream) = (&relay.relay.name, &pool.upstreams[upstream].url);
        tracing::warn!(relay, upstream, "an upstream failed five times in a row; it gets a rest");
    }
}

/// What the end of an answer says of the upstream: nothing, if it was too slow for the client, or if the client's own body broke.
fn at_the_end(end: End, status: StatusCode, client_broke: bool) -> Verdict {
    match end {
        End::Whole if matches!(verdict_of(status), Verdict::Good) => Verdict::Good,
        End::Cut(Cut::Upstream | Cut::Idle) if !client_broke => Verdict::Bad("upstream_cut".into()),
        _ => Verdict::None,
    }
}

/// The end of an answer among the tries.
fn told_of(end: End) -> Option<&'static str> {
    match end {
        End::Whole => None,
        End::Gone => Some("client_gone"),
        End::Cut(Cut::Upstream) => Some("upstream_cut"),
        End::Cut(Cut::Idle | Cut::Whole) => Some("stopped"),
    }
}

/// An upstream that says itself that it cannot. What else an application answers is its business.
fn verdict_of(status: StatusCode) -> Verdict {
    match status.as_u16() {
        502..=504 => Verdict::Bad(status.as_u16().to_string()),
        _ => Verdict::Good,
    }
}

fn told(nobody: Nobody) -> Failure {
    match nobody {
        Nobody::Free => Failure::Busy,
        Nobody::Well | Nobody::Left => Failure::NoUpstream,
    }
}

/// Says how the end of the body is known, as the client said it.
fn frame(fields: &mut HeaderMap, framing: Framing) {
    match framing {
        Framing::None => {}
        Framing::Length(length) => drop(fields.insert(header::CONTENT_LENGTH, length.into())),
        Framing::Chunked => drop(fields.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))),
    }
}
