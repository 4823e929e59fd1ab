//! Trying a relay out, and what goes on in it.

use std::time::Instant;

use rocket::{State, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;
use crate::relay::cached::Relays;
use crate::relay::health::Condition;
use crate::relay::live::LiveRelay;
use crate::relay::pool::LivePool;
use crate::relay::trial::{Trial, Verdict};
use crate::relay::watch::{Back, Sum};
use crate::staff::{Owner, Viewer};
use crate::web::{Answer, JsonAnswer, JsonObject};

/// A request as somebody describes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RelayTrial)]
struct Sample {
    /// Default GET.
    #[serde(default)]
    method: String,
    /// Path below the relay, with the query.
    #[serde(default)]
    target: String,
    /// A header a line: `Name: value`.
    #[serde(default)]
    headers: String,
    #[serde(default)]
    body: String,
}

/// What would become of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayVerdict)]
struct Shown {
    /// The rule that fits, counted from 1.
    rule: Option<usize>,
    pool: Option<String>,
    /// The upstream that would get it now; where chance decides, one of those.
    upstream: Option<String>,
    /// Why no upstream gets it.
    problem: Option<String>,
    /// What else there is to know, such as that the body was not read.
    note: Option<String>,
}

/// Try a relay out
///
/// Says which rule fits a request and which upstream would get it. Nothing is sent.
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    request_body = Sample,
    responses((status = 200, description = "What would become of it", body = Shown)),
    extensions(("x-role" = json!("owner"))),
)]
#[post("/api/v1/relays/<name>/trial", data = "<body>")]
pub(super) async fn try_out(_owner: Owner, relays: &State<Relays>, name: &str, body: JsonObject) -> Answer<JsonAnswer> {
    let sample: Sample = body.parse()?;
    let live = relays.get(name).await?;
    let trial = Trial { method: sample.method, target: sample.target, headers: sample.headers, body: sample.body };
    let Verdict { rule, pool, upstream, problem, note } = live.try_out(&trial)?;
    let shown = Shown { rule, pool, upstream, problem, note };
    Ok(JsonAnswer::ok(&serde_json::to_value(shown).unwrap_or_default()))
}

/// What goes on in a relay, as this node has seen it.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayWatch)]
struct Watched {
    upstreams: Vec<UpstreamSeen>,
    /// The last 50 tries, the newest first.
    tries: Vec<TrySeen>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RelayUpstreamSeen)]
struct UpstreamSeen {
    pool: String,
    url: String,
    /// `well`, `failing` (its last requests failed), `recovering`, `out` (they failed too often) or `down` (its health check fails).
    condition: &'static str,
    /// Why it is not well.
    reason: String,
    in_flight: u32,
    hour: Numbers,
    day: Numbers,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RelayNumbers)]
struct Numbers {
    requests: u64,
    errors: u64,
    /// Half of the tries took at most so many milliseconds.
    p50_ms: Option<f64>,
    /// 99 of 100 did.
    p99_ms: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RelayTry)]
struct TrySeen {
    #[schema(value_type = String, format = DateTime)]
    at: Moment,
    method: String,
    path: String,
    pool: String,
    upstream: String,
    status: Option<u16>,
    error: Option<&'static str>,
    ms: u64,
    /// 1 for the first one of a request.
    number: usize,
}

/// See what goes on in a relay
#[utoipa::path(
    tag = "relays",
    params(("name" = String, Path, description = "Name of the relay")),
    responses((status = 200, description = "Upstreams and tries, as this node has seen them", body = Watched)),
    extensions(("x-role" = json!("viewer"))),
)]
#[get("/api/v1/relays/<name>/watch")]
pub(super) async fn watch(_viewer: Viewer, relays: &State<Relays>, name: &str) -> Answer<JsonAnswer> {
    let live = relays.get(name).await?;
    let upstreams = live.pools.iter().flat_map(|pool| seen(&live, pool, relays.now())).collect();
    let tries = live.memory.watch.last().into_iter().map(|one| TrySeen {
        at: one.at,
        method: one.method,
        path: one.path,
        pool: one.pool,
        upstream: one.upstream,
        status: one.status,
        error: one.error,
        ms: u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX),
        number: one.number,
    });
    let watched = Watched { upstreams, tries: tries.collect() };
    Ok(JsonAnswer::ok(&serde_json::to_value(watched).unwrap_or_default()).live())
}

fn seen(live: &LiveRelay, pool: &LivePool, now: Moment) -> Vec<UpstreamSeen> {
    let upstream = |upstream: &crate::relay::pool::LiveUpstream| {
        let tally = live.memory.watch.tally(&pool.definition.name, &upstream.url);
        let (condition, reason) = upstream.health.condition(Instant::now());
        UpstreamSeen {
            pool: pool.definition.name.clone(),
            url: upstream.url.clone(),
            condition: name(condition),
            reason,
            in_flight: upstream.health.in_flight(),
            hour: numbers(tally.sum(now, Back::Hour)),
            day: numbers(tally.sum(now, Back::Day)),
        }
    };
    pool.upstreams.iter().map(upstream).collect()
}

fn name(condition: Condition) -> &'static str {
    match condition {
        Condition::Well => "well",
        Condition::Failing => "failing",
        Condition::Recovering => "recovering",
        Condition::Out => "out",
        Condition::Down => "down",
    }
}

fn numbers(sum: Sum) -> Numbers {
    let rounded = |ms: Option<f64>| ms.map(|ms| (ms * 10.0).round() / 10.0);
    Numbers { requests: sum.requests, errors: sum.errors, p50_ms: rounded(sum.p50), p99_ms: rounded(sum.p99) }
}
