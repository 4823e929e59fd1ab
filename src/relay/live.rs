//! A relay at work: its definition with all that requests need at hand.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;

use super::definition::{Access, Definition};
use super::last_good::LastGood;
use super::pool::{LivePool, Memory};
use super::seal::Seal;
use super::stored::Relay;
use super::watch::{Back, Sum, Watch};
use crate::moment::Moment;
use crate::rate::{Buckets, PerAddress};

/// What is remembered of a relay while it is edited.
#[derive(Default)]
pub struct RelayMemory {
    pub watch: Watch,
    pub last_good: LastGood,
    pools: Mutex<HashMap<String, Arc<Memory>>>,
    rate: Mutex<Option<(u32, Arc<PerAddress>)>>,
}

impl RelayMemory {
    /// The buckets of addresses; new ones only if the rate is another.
    fn rate(&self, rate: u32) -> Arc<PerAddress> {
        let mut known = self.rate.lock();
        match &*known {
            Some((same, buckets)) if *same == rate => buckets.clone(),
            _ => {
                let buckets = Buckets::per_second("relay-address", rate, rate.saturating_mul(4));
                known.insert((rate, Arc::new(PerAddress(buckets)))).1.clone()
            }
        }
    }
}

/// A relay at work.
pub struct LiveRelay {
    pub relay: Relay,
    pub definition: Definition,
    pub pools: Vec<LivePool>,
    /// `None`: they cannot be read with this server's secret.
    pub secret_headers: Option<HeaderMap>,
    pub memory: Arc<RelayMemory>,
    pub rate: Option<Arc<PerAddress>>,
}

impl LiveRelay {
    /// `limited`: rates count.
    pub fn new(
        relay: Relay,
        definition: Definition,
        memory: Arc<RelayMemory>,
        seal: &Seal,
        limited: bool,
    ) -> LiveRelay {
        let mut known = memory.pools.lock();
        known.retain(|name, _| definition.pool(name).is_some());
        let pools: Vec<_> = definition
            .pools
            .iter()
            .map(|pool| LivePool::new(pool, known.entry(pool.name.clone()).or_default().clone(), &relay.name))
            .collect();
        drop(known);
        let has = |pool: &str, url: &str| {
            pools.iter().any(|live| live.definition.name == pool && live.upstreams.iter().any(|up| up.url == url))
        };
        memory.watch.keep(has);
        let rate = limited.then(|| memory.rate(definition.rate));
        let secret_headers = opened(&relay, &definition, seal);
        LiveRelay { relay, definition, pools, secret_headers, memory, rate }
    }

    /// Who may use it.
    pub fn access(&self) -> Access {
        self.definition.access
    }
}

impl LiveRelay {
    /// What came to all upstreams.
    pub fn sum(&self, now: Moment, back: Back) -> Sum {
        self.memory.watch.sum(now, back)
    }

    /// Requests and errors of all upstreams over time, the oldest first.
    pub fn spans(&self, now: Moment, back: Back) -> Vec<(u64, u64)> {
        self.memory.watch.spans(now, back)
    }
}

/// The secret headers in clear. The fields are marked sensitive, so that nothing prints them.
fn opened(relay: &Relay, definition: &Definition, seal: &Seal) -> Option<HeaderMap> {
    let sealed = relay.secrets();
    let mut headers = HeaderMap::new();
    for header in &definition.secret_headers {
        let mut value = HeaderValue::from_str(&seal.open(sealed.get(&header.name)?)?).ok()?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(header.name.as_bytes()).ok()?, value);
    }
    Some(headers)
}
