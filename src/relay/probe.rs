//! Health checks: every upstream of a pool with a health path is asked now and then, by each node for itself.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, header};

use super::cached::Relays;
use super::live::LiveRelay;
use super::pool::{LivePool, LiveUpstream};
use super::upload::Upload;

/// In which an upstream must have answered.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked what is due.
const ROUND: Duration = Duration::from_millis(250);

/// How often memory is tidied.
const TIDY: Duration = Duration::from_secs(60);

/// When what was asked last: an entry for each upstream that is checked.
type Asked = HashMap<(i64, String, String), Instant>;

/// Checks for as long as the server runs.
pub async fn run(relays: Relays, mut shutdown: rocket::Shutdown) {
    let mut asked = Asked::new();
    let mut tidied = Instant::now();
    loop {
        if tidied.elapsed() > TIDY {
            tidied = Instant::now();
            forget_quiet(&relays).await;
        }
        tokio::select! {
            () = &mut shutdown => return,
            () = tokio::time::sleep(ROUND) => round(&relays, &mut asked).await,
        }
    }
}

/// Addresses that were quiet need no bucket.
async fn forget_quiet(relays: &Relays) {
    let all = relays.list().await.unwrap_or_default();
    all.iter().filter_map(|live| live.rate.as_ref()).for_each(|rate| rate.0.forget_quiet());
}

async fn round(relays: &Relays, asked: &mut Asked) {
    let Ok(all) = relays.list().await else { return };
    let now = Instant::now();
    let mut present = Asked::new();
    for relay in all {
        for (p, pool) in relay.pools.iter().enumerate().filter(|(_, pool)| pool.definition.health_path.is_some()) {
            for (u, upstream) in pool.upstreams.iter().enumerate() {
                let key = (relay.relay.id, pool.definition.name.clone(), upstream.url.clone());
                let last = asked.get(&key).copied();
                let every = Duration::from_millis(pool.definition.health_ms);
                let is_due = last.is_none_or(|last| now.duration_since(last) >= every);
                if is_due {
                    tokio::spawn(check(relays.clone(), relay.clone(), p, u));
                }
                present.insert(key, if is_due { now } else { last.unwrap_or(now) });
            }
        }
    }
    *asked = present;
}

async fn check(relays: Relays, relay: std::sync::Arc<LiveRelay>, pool: usize, upstream: usize) {
    let (pool, name) = (&relay.pools[pool], &relay.relay.name);
    let upstream = &pool.upstreams[upstream];
    // One at a time: late results of a check that is no more must not add up.
    let Some(_checking) = upstream.health.checking() else { return };
    let was = upstream.health.is_available(Instant::now());
    let result = tokio::time::timeout(PATIENCE, ask(&relays, pool, upstream)).await;
    upstream.health.checked(result.unwrap_or_else(|_| Err("no answer to the health check".into())), Instant::now());
    let is = upstream.health.is_available(Instant::now());
    if was != is {
        tracing::warn!(relay = name, upstream = upstream.url, well = is, "the health check of an upstream changed");
    }
}

/// Well is an answer from 200 to 299; redirects are not followed.
async fn ask(relays: &Relays, pool: &LivePool, upstream: &LiveUpstream) -> Result<(), String> {
    let path = pool.definition.health_path.as_deref().unwrap_or("/");
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut request = Request::new(Upload::nothing().attempt().ok_or("no request")?);
    *request.uri_mut() = upstream.target.uri(path, query).ok_or("the path is no address")?;
    let fields = request.headers_mut();
    fields.insert(header::HOST, HeaderValue::from_str(upstream.target.host()).map_err(|error| error.to_string())?);
    fields.insert(header::USER_AGENT, HeaderValue::from_static("frontdesk-health-check"));
    let answer = relays.outgoing().send(pool.reach(), request).await.map_err(|failed| failed.to_string())?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("the health check says {}", answer.status().as_u16()))
    }
}
