//! How often one address may do something: a token bucket for each.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::{Error, Result};

/// A bucket per address; IPv6 addresses share one per /64, which is what one customer is given.
pub struct PerAddress(DefaultKeyedRateLimiter<u128>);

impl PerAddress {
    /// So many a second, and so many at once.
    pub fn new(rate: u32, burst: u32) -> PerAddress {
        PerAddress(RateLimiter::keyed(quota(rate, burst)))
    }

    /// Takes room for `count`, or says when to come back. An address that is not known is not limited.
    pub fn take(&self, address: Option<IpAddr>, count: usize) -> Result<()> {
        address.map_or(Ok(()), |address| take(&self.0, bucket(address), count))
    }

    /// Forgets addresses that were quiet, so that memory does not grow with the number of visitors.
    pub fn forget_quiet(&self) {
        self.0.retain_recent();
    }
}

/// Zero counts as one.
pub fn quota(rate: u32, burst: u32) -> Quota {
    let at_least_one = |n: u32| NonZeroU32::new(n.max(1)).expect("one is not zero");
    Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst))
}

/// Takes room for `count` from a bucket.
pub fn take<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: K, count: usize) -> Result<()> {
    let count = NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
    match limiter.check_key_n(&key, count) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(not_until)) => {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Err(Error::TooMany { retry_after: wait.as_secs() + 1 })
        }
        // More at once than the bucket holds: it can never pass.
        Err(capacity) => {
            Err(Error::TooLarge(format!("At most {} at once may be sent from one address.", capacity.0).into()))
        }
    }
}

fn bucket(address: IpAddr) -> u128 {
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
