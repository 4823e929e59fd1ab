//! How often one address may do something: a token bucket for each.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::{Error, Limit, Result};

/// A bucket for each key, all of the same size.
pub struct Buckets<K: Hash + Eq + Clone> {
    limit: Limit,
    limiter: DefaultKeyedRateLimiter<K>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// `burst` at once, and so many more a second. Zero counts as one.
    pub fn per_second(name: &'static str, rate: u32, burst: u32) -> Buckets<K> {
        Buckets::new(name, Quota::per_second(at_least_one(rate)), burst)
    }

    /// `burst` at once, and so many more a minute. Zero counts as one.
    pub fn per_minute(name: &'static str, rate: u32, burst: u32) -> Buckets<K> {
        Buckets::new(name, Quota::per_minute(at_least_one(rate)), burst)
    }

    fn new(name: &'static str, quota: Quota, burst: u32) -> Buckets<K> {
        let quota = quota.allow_burst(at_least_one(burst));
        let filled_in = quota.replenish_interval() * quota.burst_size().get();
        let seconds = filled_in.as_secs_f64().ceil().max(1.0) as u64;
        let limit = Limit { name, quota: quota.burst_size().get(), seconds };
        Buckets { limit, limiter: RateLimiter::keyed(quota) }
    }

    /// Takes `count` tokens, at most the capacity, from the bucket of `key`; 429 with the seconds to wait otherwise.
    pub fn take(&self, key: K, count: usize) -> Result<()> {
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(self.limit.quota);
        let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_key_n(&key, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(Error::TooMany { retry_after: wait.as_secs() + 1, limit: self.limit })
            }
            // More at once than the bucket holds: it can never pass.
            Err(capacity) => {
                Err(Error::TooLarge(format!("At most {} at once may be sent from one address.", capacity.0).into()))
            }
        }
    }

    /// Forgets keys that were quiet, so that memory does not grow with their number.
    pub fn forget_quiet(&self) {
        self.limiter.retain_recent();
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n.max(1)).expect("one is not zero")
}

/// A bucket per address; IPv6 addresses share one per /64, which is what one customer is given.
pub struct PerAddress(pub Buckets<u128>);

impl PerAddress {
    /// Takes room for `count`. An address that is not known is not limited.
    pub fn take(&self, address: Option<IpAddr>, count: usize) -> Result<()> {
        address.map_or(Ok(()), |address| self.0.take(bucket(address), count))
    }
}

/// The key by which addresses share a bucket: an IPv4 address, or the /64 prefix of an IPv6 address.
pub fn bucket(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX) | 1 << 127,
    }
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
