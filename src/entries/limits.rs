//! How fast entries may come: token buckets per address and per collection, and daily quotas.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use super::store;
use crate::collections::{Collection, CollectionId};
use crate::db::Pool;
use crate::error::{Error, Limit, Result};
use crate::moment::{DAY, Moment};
use crate::rate::{Buckets, PerAddress};

/// The buckets of one process. `None` when limits are off.
pub struct Limits {
    rates: Option<Rates>,
    /// UTC day, and entries counted on it.
    today: Mutex<HashMap<CollectionId, (i64, i64)>>,
}

struct Rates {
    per_address: PerAddress,
    per_collection: Buckets<i64>,
}

/// The rate limits of entries.
#[derive(Debug, Clone, Copy)]
pub struct RateSettings {
    /// Entries a second from one address.
    pub per_address: u32,
    /// Entries that one address may send at once.
    pub burst_per_address: u32,
    /// Entries a second to one collection.
    pub per_collection: u32,
}

impl Limits {
    pub fn new(settings: Option<RateSettings>) -> Limits {
        let rates = settings.map(|s| Rates {
            per_address: PerAddress(Buckets::per_second("add-address", s.per_address, s.burst_per_address)),
            per_collection: Buckets::per_second("add-collection", s.per_collection, s.per_collection.saturating_mul(2)),
        });
        Limits { rates, today: Mutex::default() }
    }

    /// Takes room for `entries` of one request from the bucket of an address, or says when to come back.
    pub fn take_address(&self, address: Option<IpAddr>, entries: usize) -> Result<()> {
        self.rates.as_ref().map_or(Ok(()), |rates| rates.per_address.take(address, entries))
    }

    /// The same from the bucket of a collection.
    pub fn take_collection(&self, collection: CollectionId, entries: usize) -> Result<()> {
        self.rates.as_ref().map_or(Ok(()), |rates| rates.per_collection.take(collection.0, entries))
    }

    /// Counts entries against the collection's daily quota, if it has one.
    pub async fn take_quota(&self, db: &Pool, collection: &Collection, entries: i64, now: Moment) -> Result<()> {
        let Some(quota) = collection.daily_quota else { return Ok(()) };
        let day = now.0.div_euclid(DAY);
        let known = self.lock().get(&collection.id).copied().filter(|(known_day, _)| *known_day == day);
        let before = match known {
            Some((_, count)) => count,
            None => Box::pin(store::stored_since(db, collection.id, Moment(day * DAY))).await?,
        };
        if before + entries > quota {
            let seconds = ((day + 1) * DAY - now.0) / 1000 + 1;
            let quota = u32::try_from(quota).unwrap_or(u32::MAX);
            let limit = Limit { name: "add-daily", quota, seconds: (DAY / 1000).unsigned_abs() };
            return Err(Error::TooMany { retry_after: seconds.unsigned_abs(), limit });
        }
        let mut today = self.lock();
        let slot = today.entry(collection.id).or_insert((day, before));
        *slot = if slot.0 == day { (day, slot.1 + entries) } else { (day, before + entries) };
        Ok(())
    }

    /// Forgets addresses that were quiet, so that memory does not grow with the number of visitors.
    pub fn forget_quiet(&self) {
        if let Some(rates) = &self.rates {
            rates.per_address.0.forget_quiet();
            rates.per_collection.forget_quiet();
        }
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, HashMap<CollectionId, (i64, i64)>> {
        self.today.lock()
    }
}
