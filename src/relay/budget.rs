//! What keeps a pool from being hit harder when it is down already: a budget for second tries, and a breaker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Half of the time over which requests are counted.
const WINDOW: Duration = Duration::from_secs(5);
/// Second tries for each hundred requests …
const PERCENT: u64 = 20;
/// … beside these: enough to find out that two upstreams are gone although there is little traffic.
const FLOOR: u64 = 10;

/// How many second tries there may be: within a share of the traffic of the last ten seconds.
#[derive(Default)]
pub struct Budget(Mutex<Windows>);

#[derive(Default)]
struct Windows {
    since: Option<Instant>,
    present: Counts,
    last: Counts,
}

#[derive(Default, Clone, Copy)]
struct Counts {
    requests: u64,
    retries: u64,
}

impl Budget {
    /// A request came.
    pub fn note_request(&self, now: Instant) {
        self.0.lock().at(now).present.requests += 1;
    }

    /// Takes a second try, if there is one left.
    pub fn take_retry(&self, now: Instant) -> bool {
        let mut windows = self.0.lock();
        let windows = windows.at(now);
        let requests = windows.present.requests + windows.last.requests;
        let left = (windows.present.retries + windows.last.retries) < requests * PERCENT / 100 + FLOOR;
        windows.present.retries += u64::from(left);
        left
    }
}

impl Windows {
    fn at(&mut self, now: Instant) -> &mut Windows {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        if passed >= WINDOW {
            self.last = if passed < WINDOW * 2 { self.present } else { Counts::default() };
            self.present = Counts::default();
            self.since = Some(now);
        }
        self
    }
}

/// Failures in a row that open the breaker: transport and time-outs, of whichever upstreams.
const OPENS: u32 = 20;
/// For how long nothing is tried then.
const OPEN: Duration = Duration::from_secs(10);

/// Spares a pool in which nothing answers: after a while one request tries whether it is back.
#[derive(Default)]
pub struct Breaker(Arc<Mutex<Gate>>);

#[derive(Default)]
struct Gate {
    failures: u32,
    open_until: Option<Instant>,
    probing: bool,
}

/// The right to try. Dropped without a word, it says nothing of the pool.
pub struct Pass {
    gate: Arc<Mutex<Gate>>,
    is_probe: bool,
}

impl Breaker {
    /// Lets a request pass; otherwise the seconds to wait.
    pub fn pass(&self, now: Instant) -> Result<Pass, u64> {
        let mut gate = self.0.lock();
        let pass = |is_probe| Pass { gate: self.0.clone(), is_probe };
        match gate.open_until {
            None => Ok(pass(false)),
            Some(until) if now < until => Err((until - now).as_secs() + 1),
            Some(_) if gate.probing => Err(1),
            Some(_) => {
                gate.probing = true;
                Ok(pass(true))
            }
        }
    }

    /// Nothing is tried at present.
    pub fn is_open(&self) -> bool {
        self.0.lock().open_until.is_some()
    }
}

impl Pass {
    /// An upstream answered.
    pub fn good(&self) {
        let mut gate = self.gate.lock();
        gate.failures = 0;
        gate.open_until = None;
    }

    /// None did.
    pub fn bad(&self, now: Instant) {
        let mut gate = self.gate.lock();
        gate.failures += 1;
        if self.is_probe || gate.failures >= OPENS {
            gate.failures = 0;
            gate.open_until = Some(now + OPEN);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe {
            self.gate.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_tries_stay_within_a_fifth_of_the_traffic() {
        let (budget, now) = (Budget::default(), Instant::now());
        assert_eq!((0..20).filter(|_| budget.take_retry(now)).count(), 10, "the floor");
        (0..1000).for_each(|_| budget.note_request(now));
        assert_eq!((0..1000).filter(|_| budget.take_retry(now)).count(), 200);
        let later = now + Duration::from_secs(30);
        assert_eq!((0..20).filter(|_| budget.take_retry(later)).count(), 10, "old traffic does not count");
    }

    #[test]
    fn an_open_breaker_lets_one_try_whether_the_pool_is_back() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        let later = start + OPEN;
        let open = || (0..OPENS).for_each(|_| breaker.pass(start).unwrap().bad(start));
        open();
        assert_eq!(breaker.pass(start).err(), Some(11));
        let probe = breaker.pass(later).unwrap();
        assert_eq!((0..99).filter(|_| breaker.pass(later).is_ok()).count(), 0, "one reaches the upstream");
        drop(probe);
        let probe = breaker.pass(later).expect("the place came back, although the client left");
        probe.bad(later);
        drop(probe);
        assert!(breaker.pass(later).is_err(), "open again");
        let probe = breaker.pass(later + OPEN).unwrap();
        probe.good();
        drop(probe);
        assert!(breaker.pass(later + OPEN).is_ok() && !breaker.is_open());
    }
}
