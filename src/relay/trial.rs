//! "Try it": which rule fits a sample request, and which upstream would get it. Nothing is sent.

use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::definition::Mode;
use super::live::LiveRelay;
use super::payload::Ambiguous;
use super::pool::Wish;
use super::rules::{Payload, Sample, hashed_value, way};
use crate::error::{Error, Result};

/// A request as somebody describes it.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    pub method: String,
    /// Below the relay, with the query.
    pub target: String,
    /// A header a line: `Name: value`.
    pub headers: String,
    pub body: String,
}

/// What would become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The rule that fits, counted from 1; `None`: none.
    pub rule: Option<usize>,
    pub pool: Option<String>,
    /// The upstream that would get it now; where chance decides, one of those.
    pub upstream: Option<String>,
    /// Why not.
    pub problem: Option<String>,
    /// What else there is to know.
    pub note: Option<String>,
}

impl LiveRelay {
    /// Goes through the rules and chooses an upstream.
    pub fn try_out(&self, trial: &Trial) -> Result<Verdict> {
        let headers = headers(&trial.headers)?;
        let target = trial.target.trim();
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let method = trial.method.trim().to_ascii_uppercase();
        let method = if method.is_empty() { "GET" } else { method.as_str() };
        let payload = Payload::of(&headers, trial.body.as_bytes());
        let sample = Sample { method, path, query, headers: &headers, payload };
        let note = self.note(method, &headers, &trial.body);
        let nothing = Verdict { rule: None, pool: None, upstream: None, problem: None, note: note.clone() };
        let way = match way(&self.definition, &sample) {
            Ok(way) => way,
            Err(Ambiguous(name)) => {
                let problem = format!("A rule reads \"{name}\", which is there twice: 400.");
                return Ok(Verdict { problem: Some(problem), ..nothing });
            }
        };
        let rule = way.rule.map(|rule| rule + 1);
        let Some(pool) = way.pool.map(|pool| &self.pools[pool]) else {
            let problem = "No rule fits, and there is no default pool: 404.".to_owned();
            return Ok(Verdict { problem: Some(problem), ..nothing });
        };
        let hashed = pool.definition.hash_on.as_ref().and_then(|on| hashed_value(on, &sample).ok()).unwrap_or_default();
        let chosen = pool.foresee(&Wish { hashed, tag: None }, Instant::now());
        let upstream = chosen.as_ref().ok().map(|upstream| pool.upstreams[*upstream].url.clone());
        let problem = chosen.is_err().then(|| "No upstream of the pool takes requests now: 503.".to_owned());
        Ok(Verdict { rule, pool: Some(pool.definition.name.clone()), upstream, problem, note })
    }
}

impl LiveRelay {
    /// What somebody who tries this may wonder about.
    fn note(&self, method: &str, headers: &HeaderMap, body: &str) -> Option<String> {
        if self.definition.mode != Mode::Forward && method == "GET" {
            return Some("A GET asks every pool of this relay; rules are for the other methods.".into());
        }
        let is_unread = matches!(Payload::of(headers, body.as_bytes()), Payload::Unread);
        (is_unread && !body.is_empty() && self.definition.reads_bodies())
            .then(|| "The body was not read: its Content-Type is neither application/json nor a form's.".into())
    }
}

fn headers(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let wrong = || {
            Error::invalid("/headers", format!("\"{}\" is not Name: value", line.chars().take(80).collect::<String>()))
        };
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
    }
    Ok(headers)
}
