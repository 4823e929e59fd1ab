//! What a relay's definition must keep to. Every mistake is told at its field.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};

use super::definition::{Definition, HashOn, LastResort, Mode, Policy, Pool, Rule};
use crate::error::{Error, FieldError, Result};
use crate::limits::{MAX_RELAY_BODY, MAX_RELAY_POOLS, MAX_RELAY_RULES, MAX_RELAY_UPSTREAMS};
use crate::outgoing::{Reach, Target};

/// Where this server itself is reached: an upstream there would be a loop.
#[derive(Debug, Clone, Default)]
pub struct OwnPlaces(pub Vec<(String, u16)>);

/// Milliseconds that a time of a pool may be.
const TIMES: std::ops::RangeInclusive<u64> = 50..=3_600_000;

/// Collects mistakes.
struct Mistakes(Vec<FieldError>);

impl Mistakes {
    fn unless(&mut self, holds: bool, pointer: String, detail: &str) {
        if !holds {
            self.0.push(FieldError::at(pointer, detail));
        }
    }
}

/// 422 with everything that is wrong.
pub fn check(definition: &Definition, own: &OwnPlaces) -> Result<()> {
    let mut wrong = Mistakes(Vec::new());
    let d = definition;
    wrong.unless(d.title.chars().count() <= 200, "/title".into(), "must be at most 200 characters");
    wrong.unless((1..=100_000).contains(&d.rate), "/rate".into(), "must be 1 to 100,000 requests a second");
    wrong.unless((1..=MAX_RELAY_BODY).contains(&d.body_limit), "/body_limit".into(), "must be 1 to 268,435,456 bytes");
    wrong.unless((1..=MAX_RELAY_POOLS).contains(&d.pools.len()), "/pools".into(), "must be 1 to 16 pools");
    wrong.unless(d.rules.len() <= MAX_RELAY_RULES, "/rules".into(), "must be at most 100 rules");
    let default = d.default_pool.as_deref();
    wrong.unless(default.is_none_or(|name| d.pool(name).is_some()), "/default_pool".into(), "is none of the pools");
    check_origins(d, &mut wrong);
    check_secrets(d, &mut wrong);
    let mut names = HashSet::new();
    for (i, pool) in d.pools.iter().enumerate() {
        wrong.unless(names.insert(&pool.name), format!("/pools/{i}/name"), "is the name of another pool too");
        check_pool(pool, &format!("/pools/{i}"), d.mode, own, &mut wrong);
    }
    for (i, rule) in d.rules.iter().enumerate() {
        wrong.unless(d.pool(&rule.pool).is_some(), format!("/rules/{i}/pool"), "is none of the pools");
        check_rule(rule, &format!("/rules/{i}/when"), &mut wrong);
    }
    if wrong.0.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong.0)) }
}

fn check_origins(definition: &Definition, wrong: &mut Mistakes) {
    for (i, origin) in definition.origins.iter().enumerate() {
        let is_origin = url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        wrong.unless(is_origin, format!("/origins/{i}"), "must be an origin such as https://www.example.org");
    }
}

/// Fields that belong to the connection, or that the relay sets itself.
const RESERVED: [&str; 12] = [
    "connection",
    "content-length",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "expect",
];

fn check_secrets(definition: &Definition, wrong: &mut Mistakes) {
    let mut names = HashSet::new();
    for (i, header) in definition.secret_headers.iter().enumerate() {
        let at = |field: &str| format!("/secret_headers/{i}/{field}");
        let name = header.name.to_ascii_lowercase();
        let usable = HeaderName::from_bytes(name.as_bytes()).is_ok() && !RESERVED.contains(&name.as_str());
        wrong.unless(usable, at("name"), "must be the name of a header that a relay does not set itself");
        let value = header.value.as_deref();
        let is_value = value.is_none_or(|value| !value.is_empty() && HeaderValue::from_str(value).is_ok());
        wrong.unless(is_value, at("value"), "must be a value of a header: visible characters on one line");
        wrong.unless(names.insert(name), at("name"), "is there twice");
    }
}

fn check_pool(pool: &Pool, at: &str, mode: Mode, own: &OwnPlaces, wrong: &mut Mistakes) {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    wrong.unless(
        (1..=40).contains(&pool.name.len()) && pool.name.chars().all(is_name),
        format!("{at}/name"),
        "must be 1 to 40 small letters, digits, - and _",
    );
    let upstreams = &pool.upstreams;
    wrong.unless(
        (1..=MAX_RELAY_UPSTREAMS).contains(&upstreams.len()),
        format!("{at}/upstreams"),
        "must be 1 to 32 upstreams",
    );
    let takes = upstreams.is_empty() || upstreams.iter().any(|upstream| upstream.weight > 0);
    wrong.unless(takes, format!("{at}/upstreams"), "must have one whose weight is not 0");
    check_upstreams(pool, at, own, wrong);
    for (field, ms) in [
        ("first_byte_ms", pool.first_byte_ms),
        ("idle_ms", pool.idle_ms),
        ("whole_ms", pool.whole_ms),
        ("health_ms", pool.health_ms),
    ] {
        wrong.unless(TIMES.contains(&ms), format!("{at}/{field}"), "must be 50 to 3,600,000 milliseconds");
    }
    let is_path = |path: &str| path.starts_with('/') && path.parse::<http::uri::PathAndQuery>().is_ok();
    let health = pool.health_path.as_deref();
    wrong.unless(health.is_none_or(is_path), format!("{at}/health_path"), "must be a path that begins with /");
    let hashes = pool.policy == Policy::Hash;
    wrong.unless(!hashes || pool.hash_on.is_some(), format!("{at}/hash_on"), "is required for the policy hash");
    if let Some(HashOn::Json(pointer)) = &pool.hash_on {
        wrong.unless(is_pointer(pointer), format!("{at}/hash_on/json"), POINTER);
    }
    check_last_resort(pool, at, mode, wrong);
}

fn check_upstreams(pool: &Pool, at: &str, own: &OwnPlaces, wrong: &mut Mistakes) {
    let reach = if pool.allow_private { Reach::Private } else { Reach::Public };
    let mut urls = HashSet::new();
    for (i, upstream) in pool.upstreams.iter().enumerate() {
        let field = format!("{at}/upstreams/{i}/url");
        match Target::parse(&upstream.url, reach) {
            Err(reason) => wrong.unless(false, field, &reason),
            Ok(target) => {
                let (host, port) = target.place();
                let is_own = own.0.iter().any(|(own, at)| own == host && *at == port);
                wrong.unless(!is_own, field.clone(), "is this server itself: a loop");
                wrong.unless(urls.insert(&upstream.url), field, "is there twice; use its weight");
            }
        }
        wrong.unless(upstream.weight <= 1000, format!("{at}/upstreams/{i}/weight"), "must be 0 to 1000");
    }
}

fn check_last_resort(pool: &Pool, at: &str, mode: Mode, wrong: &mut Mistakes) {
    let at = format!("{at}/last_resort");
    match &pool.last_resort {
        None => {}
        Some(_) if mode != Mode::Forward => {
            wrong.unless(false, at, "is for relays that forward; an aggregate says what is missing");
        }
        Some(LastResort::Static { status, content_type, body }) => {
            wrong.unless((200..=599).contains(status), format!("{at}/status"), "must be 200 to 599");
            let is_type = !content_type.is_empty() && HeaderValue::from_str(content_type).is_ok();
            wrong.unless(is_type, format!("{at}/content_type"), "must be a media type");
            wrong.unless(body.len() <= 65_536, format!("{at}/body"), "must be at most 65,536 bytes");
        }
        Some(LastResort::LastGood { max_age }) => {
            wrong.unless((1..=604_800).contains(max_age), format!("{at}/max_age"), "must be 1 to 604,800 seconds");
        }
    }
}

const POINTER: &str = "must be a JSON pointer such as /site or /a/0";

fn is_pointer(text: &str) -> bool {
    text.is_empty() || text.starts_with('/')
}

fn check_rule(rule: &Rule, at: &str, wrong: &mut Mistakes) {
    let when = &rule.when;
    let methods = when.method.as_deref().unwrap_or("GET");
    let is_method = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase());
    wrong.unless(
        methods.split(',').map(str::trim).all(is_method),
        format!("{at}/method"),
        "must be methods in capitals, such as GET or PUT,PATCH",
    );
    let path = when.path.as_deref().unwrap_or("/");
    wrong.unless(path.starts_with('/') || path == "*", format!("{at}/path"), "must begin with /");
    let pointers = when.json.keys().all(|pointer| is_pointer(pointer));
    wrong.unless(pointers, format!("{at}/json"), POINTER);
    let header = |name: &String| HeaderName::from_bytes(name.as_bytes()).is_ok();
    wrong.unless(when.header.keys().all(header), format!("{at}/header"), "has a name that no header has");
    let one_body = when.json.is_empty() || when.form.is_empty();
    wrong.unless(one_body, format!("{at}/form"), "and json cannot both fit: a body is one of them");
}
