//! How fast entries may come: token buckets per address and per collection, and daily quotas.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use super::store;
use crate::collections::{Collection, CollectionId};
use crate::db::Pool;
use crate::error::{Error, Result};
use crate::moment::{DAY, Moment};

/// The buckets of one process. `None` when limits are off.
pub struct Limits {
    rates: Option<Rates>,
    /// UTC day, and entries counted on it.
    today: Mutex<HashMap<CollectionId, (i64, i64)>>,
}

struct Rates {
    per_address: DefaultKeyedRateLimiter<u128>,
    per_collection: DefaultKeyedRateLimiter<i64>,
}

/// Entries a second, and how many more at once.
#[derive(Debug, Clone, Copy)]
pub struct RateSettings {
    pub per_address: u32,
    pub burst_per_address: u32,
    pub per_collection: u32,
}

impl Limits {
    pub fn new(settings: Option<RateSettings>) -> Limits {
        let quota = |rate: u32, burst: u32| {
            let at_least_one = |n: u32| NonZeroU32::new(n.max(1)).expect("one is not zero");
            Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst))
        };
        let rates = settings.map(|s| Rates {
            per_address: RateLimiter::keyed(quota(s.per_address, s.burst_per_address)),
            per_collection: RateLimiter::keyed(quota(s.per_collection, s.per_collection.saturating_mul(2))),
        });
        Limits { rates, today: Mutex::default() }
    }

    /// Takes room for `entries` from both buckets, or says when to come back.
    pub fn take(&self, address: Option<IpAddr>, collection: CollectionId, entries: usize) -> Result<()> {
        let Some(rates) = &self.rates else { return Ok(()) };
        if let Some(address) = address {
            take(&rates.per_address, bucket(address), entries)?;
        }
        take(&rates.per_collection, collection.0, entries)
    }

    /// Counts entries against the collection's daily quota, if it has one.
    pub async fn take_quota(&self, db: &Pool, collection: &Collection, entries: i64, now: Moment) -> Result<()> {
        let Some(quota) = collection.daily_quota else { return Ok(()) };
        let day = now.0.div_euclid(DAY);
        let known = self.lock().get(&collection.id).copied().filter(|(known_day, _)| *known_day == day);
        let before = match known {
            Some((_, count)) => count,
            None => Box::pin(store::received_since(db, collection.id, Moment(day * DAY))).await?,
        };
        if before + entries > quota {
            let seconds = ((day + 1) * DAY - now.0) / 1000 + 1;
            return Err(Error::TooMany { retry_after: seconds.unsigned_abs() });
        }
        let mut today = self.lock();
        let slot = today.entry(collection.id).or_insert((day, before));
        *slot = if slot.0 == day { (day, slot.1 + entries) } else { (day, before + entries) };
        Ok(())
    }

    /// Forgets addresses that were quiet, so that memory does not grow with the number of visitors.
    pub fn forget_quiet(&self) {
        if let Some(rates) = &self.rates {
            rates.per_address.retain_recent();
            rates.per_collection.retain_recent();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CollectionId, (i64, i64)>> {
        self.today.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// IPv6 addresses share a bucket per /64: that is what one customer is given.
fn bucket(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX) | 1 << 127,
    }
}

fn take<K: std::hash::Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: K, entries: usize) -> Result<()> {
    let count = NonZeroU32::new(u32::try_from(entries).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
    match limiter.check_key_n(&key, count) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(not_until)) => Err(Error::TooMany { retry_after: seconds(&not_until) }),
        // More at once than the bucket holds: it can never pass.
        Err(capacity) => {
            Err(Error::TooLarge(format!("At most {} entries at once may be sent from one address.", capacity.0).into()))
        }
    }
}

fn seconds(not_until: &NotUntil<governor::clock::QuantaInstant>) -> u64 {
    let wait: Duration = not_until.wait_time_from(DefaultClock::default().now());
    wait.as_secs() + 1
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn ipv6_shares_a_bucket_per_64() {
        let b = |text: &str| bucket(text.parse().unwrap());
        assert_eq!(b("2001:db8::1"), b("2001:db8::ffff:1"));
        assert_ne!(b("2001:db8::1"), b("2001:db8:0:1::1"));
        assert_ne!(b("192.0.2.1"), b("192.0.2.2"));
        assert_eq!(b("::ffff:192.0.2.1"), b("192.0.2.1"));
    }
}
