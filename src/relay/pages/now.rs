//! What goes on in a relay.

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use rocket::response::Flash;
use rocket::{State, get, post};

use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::relay::cached::Relays;
use crate::relay::definition::{Access, Mode, Policy, Rule};
use crate::relay::health::Condition;
use crate::relay::live::LiveRelay;
use crate::relay::pool::{LivePool, LiveUpstream};
use crate::relay::watch::{Back, Sum, Try};
use crate::staff::{Framed, Layout, Owner, Role, Viewer};
use crate::web::{Fields, Html, Note, SeeOther, WebHost, render, told};

#[derive(Template)]
#[template(path = "relay/show.html")]
struct NowPage {
    layout: Layout,
    live: Arc<LiveRelay>,
    host: String,
    is_owner: bool,
    note: String,
    tab: &'static str,
    day: bool,
    sum: Sum,
    chart: Chart,
    upstreams: Vec<Seen>,
    tries: Vec<Try>,
}

/// An upstream as the page shows it.
struct Seen {
    pool: String,
    url: String,
    /// Kind of the state, for its colour.
    kind: &'static str,
    state: &'static str,
    reason: String,
    drained: bool,
    /// Without it nothing of its pool would be well.
    is_only: bool,
    share: u64,
    in_flight: u32,
    hour: Sum,
}

/// Requests over time as bars of an SVG that is 100 high.
struct Chart {
    bars: Vec<Bar>,
    most: u64,
    total: u64,
    from: String,
}

struct Bar {
    x: usize,
    requests: u64,
    errors: u64,
    /// From the top.
    y: u64,
    height: u64,
    bad: u64,
}

impl Chart {
    fn new(spans: &[(u64, u64)], now: Moment, minutes: i64) -> Chart {
        let most = spans.iter().map(|(requests, _)| *requests).max().unwrap_or(0).max(1);
        let tall = |count: u64| if count == 0 { 0 } else { (count * 100 / most).max(2) };
        let bar = |(x, (requests, errors)): (usize, &(u64, u64))| {
            let (height, bad) = (tall(*requests), tall(*errors));
            Bar { x, requests: *requests, errors: *errors, y: 100 - height, height, bad }
        };
        let from = now.plus(-(spans.len() as i64) * minutes * 60_000).to_string()[11..16].to_owned();
        let total = spans.iter().map(|(requests, _)| requests).sum();
        Chart { bars: spans.iter().enumerate().map(bar).collect(), most, total, from }
    }
}

impl NowPage {
    fn address(&self) -> String {
        format!("{}/relay/{}", self.host, self.live.relay.name)
    }

    fn ms(&self, time: &Option<f64>) -> String {
        time.map_or_else(|| "–".into(), |ms| if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") })
    }

    /// In percent.
    fn failed(&self, sum: &Sum) -> String {
        let percent = sum.errors as f64 * 100.0 / sum.requests.max(1) as f64;
        if sum.requests == 0 { "–".into() } else { format!("{percent:.1} %") }
    }

    fn resting(&self) -> impl Iterator<Item = &Seen> {
        self.upstreams.iter().filter(|seen| seen.kind == "late")
    }

    fn policy(&self, pool: &LivePool) -> &'static str {
        match pool.definition.policy {
            Policy::LeastBusy => "fewer under way wins",
            Policy::RoundRobin => "in turns",
            Policy::First => "the first that is well",
            Policy::Hash => "by a value of the request",
            Policy::Sticky => "a browser stays with one",
        }
    }

    /// What an owner set, in words.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let definition = &self.live.definition;
        let answers = match definition.mode {
            Mode::Forward => "of one upstream, whole",
            Mode::Object => "to GET, of all pools, each under its name",
            Mode::Merge => "to GET, of all pools, merged",
            Mode::Concat => "to GET, of all pools, as one list",
            Mode::Race => "to GET, of the pool that is first",
        };
        let used = match definition.access {
            Access::Public => "anyone",
            Access::Key => "whoever has its key",
            Access::SignedIn => "people who are signed in",
        };
        let mut facts = vec![("Used by", used.to_owned()), ("Answers", answers.to_owned())];
        let names = |names: Vec<&str>| names.join(", ");
        if !definition.origins.is_empty() {
            facts.push(("Pages", names(definition.origins.iter().map(String::as_str).collect())));
        }
        if !definition.secret_headers.is_empty() {
            let headers = definition.secret_headers.iter().map(|header| header.name.as_str());
            facts.push(("Secret headers", names(headers.collect())));
        }
        facts
    }

    /// A rule's conditions in words.
    fn when(&self, rule: &Rule) -> String {
        let when = &rule.when;
        let mut words = Vec::new();
        words.extend(when.method.as_ref().map(|method| format!("method is {method}")));
        words.extend(when.path.as_ref().map(|path| format!("path is {path}")));
        for (kind, values) in
            [("parameter", &when.query), ("header", &when.header), ("JSON", &when.json), ("field", &when.form)]
        {
            words.extend(values.iter().map(|(name, value)| format!("{kind} {name} is {value}")));
        }
        if words.is_empty() { "anything".into() } else { words.join(" and ") }
    }
}

#[get("/relays/<name>?<chart>")]
pub(super) async fn show(
    viewer: Framed<Viewer>,
    relays: &State<Relays>,
    host: WebHost,
    name: &str,
    chart: Option<&str>,
    note: Note,
) -> Result<Html> {
    let live = relays.get(name).await?;
    let (now, day) = (relays.now(), chart == Some("day"));
    let back = if day { Back::Day } else { Back::Hour };
    let sum = live.sum(now, Back::Hour);
    let chart = Chart::new(&live.spans(now, back), now, if day { 15 } else { 1 });
    let upstreams = live.pools.iter().flat_map(|pool| pool.upstreams.iter().map(move |upstream| (pool, upstream)));
    let upstreams = upstreams.map(|(pool, upstream)| seen(&live, pool, upstream, sum.requests, now)).collect();
    render(&NowPage {
        is_owner: viewer.by.0.role == Role::Owner,
        layout: viewer.layout,
        host: host.0,
        note: note.0,
        tab: "now",
        day,
        sum,
        chart,
        upstreams,
        tries: live.memory.watch.last(),
        live,
    })
}

fn seen(live: &LiveRelay, pool: &LivePool, upstream: &LiveUpstream, all: u64, now: Moment) -> Seen {
    let tally = live.memory.watch.tally(&pool.definition.name, &upstream.url);
    let hour = tally.sum(now, Back::Hour);
    let (condition, reason) = upstream.health.condition(Instant::now());
    let (kind, state) = match condition {
        _ if upstream.takes_none() => ("closed", "taken out"),
        Condition::Well if tally.sum(now, Back::Day).requests == 0 => ("closed", "not asked yet"),
        Condition::Well => ("open", "well"),
        Condition::Failing => ("late", "failing"),
        Condition::Recovering => ("away", "coming back"),
        Condition::Out => ("late", "resting"),
        Condition::Down => ("late", "down"),
    };
    Seen {
        pool: pool.definition.name.clone(),
        url: upstream.url.clone(),
        kind,
        state,
        reason: in_words(&reason),
        drained: upstream.takes_none(),
        is_only: !pool.upstreams.iter().any(|other| other.url != upstream.url && other.is_well(Instant::now())),
        share: hour.requests * 100 / all.max(1),
        in_flight: upstream.health.in_flight(),
        hour,
    }
}

/// A code of a failure for people.
fn in_words(code: &str) -> String {
    match code {
        "connect" | "connect_timeout" => "no connection".into(),
        "timeout" => "no answer in time".into(),
        "tls" => "no secure connection: its certificate cannot be trusted".into(),
        "upstream_cut" => "the connection broke".into(),
        "out_of_reach" => "its address is not connected to".into(),
        "502" | "503" | "504" => format!("it answers {code}"),
        other => other.replace('_', " "),
    }
}

/// Takes an upstream out, or puts it back.
#[post("/relays/<name>/drains", data = "<form>")]
pub(super) async fn drain(owner: Owner, relays: &State<Relays>, name: &str, form: Fields) -> Result<Flash<SeeOther>> {
    let live = relays.get(name).await?;
    let mut definition = live.definition.clone();
    let pool = definition.pools.iter_mut().find(|pool| pool.name == form.get("pool"));
    let upstream = pool.and_then(|pool| pool.upstreams.iter_mut().find(|upstream| upstream.url == form.get("url")));
    let upstream = upstream.ok_or_else(|| Error::NotFound("This relay has no such upstream.".into()))?;
    upstream.drain = form.get("drain") == "1";
    let what = if upstream.drain { "gets no new requests" } else { "gets requests again" };
    let told_of = format!("{} {what}.", upstream.url);
    relays.change(&owner.author(), &live.relay, definition).await?;
    Ok(told(format!("/relays/{name}"), told_of))
}
