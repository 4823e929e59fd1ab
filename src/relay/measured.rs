//! What monitoring wants to know of upstreams.

use std::time::Instant;

use super::cached::Relays;
use crate::error::Result;

/// An upstream in numbers, as this node has seen it since it started.
pub struct Measured {
    /// Names of the relay and the pool, and the upstream's address.
    pub names: [String; 3],
    /// Requests sent to it.
    pub tries: u64,
    /// Of those, how many failed.
    pub errors: u64,
    /// All tries together took so long.
    pub milliseconds: u64,
    /// Requests under way.
    pub in_flight: u32,
    /// It gets requests.
    pub is_up: bool,
}

impl Relays {
    /// Every upstream of every relay.
    pub async fn measured(&self) -> Result<Vec<Measured>> {
        let now = Instant::now();
        let mut all = Vec::new();
        for live in self.list().await? {
            for (pool, upstream) in live.pools.iter().flat_map(|pool| pool.upstreams.iter().map(move |up| (pool, up))) {
                let tally = live.memory.watch.tally(&pool.definition.name, &upstream.url);
                let (tries, errors, milliseconds) = tally.totals();
                all.push(Measured {
                    names: [live.relay.name.clone(), pool.definition.name.clone(), upstream.url.clone()],
                    tries,
                    errors,
                    milliseconds,
                    in_flight: upstream.health.in_flight(),
                    is_up: !upstream.takes_none() && upstream.health.is_available(now),
                });
            }
        }
        Ok(all)
    }
}
