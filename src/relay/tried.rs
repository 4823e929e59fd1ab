//! One try from its beginning to its end, noted once.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;

use super::asked::Asked;
use super::cached::Relays;
use super::live::{LiveRelay, RelayMemory};
use super::pool::LivePool;
use super::watch::{Tally, Try};

/// A try under way. Dropped before its end, the client has left.
pub struct Tried {
    relay: String,
    memory: Arc<RelayMemory>,
    tally: Arc<Tally>,
    begun: Instant,
    what: Option<Try>,
}

impl Tried {
    /// It begins now. `number`: 1 for the first of a request.
    pub fn begin(
        relays: &Relays,
        relay: &LiveRelay,
        pool: &LivePool,
        upstream: usize,
        asked: &Asked,
        number: usize,
    ) -> Tried {
        let url = &pool.upstreams[upstream].url;
        let what = Try {
            at: relays.now(),
            method: asked.method.to_string(),
            path: asked.path.chars().take(200).collect(),
            pool: pool.definition.name.clone(),
            upstream: url.clone(),
            status: None,
            error: None,
            took: std::time::Duration::ZERO,
            number,
        };
        let tally = relay.memory.watch.tally(&pool.definition.name, url);
        let memory = relay.memory.clone();
        Tried { relay: relay.relay.name.clone(), memory, tally, begun: Instant::now(), what: Some(what) }
    }

    /// It ended: with a status, with an error's code, or with both if the answer was cut off.
    pub fn end(&mut self, status: Option<StatusCode>, error: Option<&'static str>) {
        let Some(what) = self.what.take() else { return };
        let status = status.map(|status| status.as_u16());
        self.memory.watch.note(&self.relay, &self.tally, Try { status, error, took: self.begun.elapsed(), ..what });
    }
}

impl Drop for Tried {
    fn drop(&mut self) {
        self.end(None, Some("client_gone"));
    }
}
