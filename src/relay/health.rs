//! How an upstream is doing: requests under way, failures in a row, what its health check said. Kept while pools are edited.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::limits::MAX_RELAY_IN_FLIGHT;

/// Failures in a row that take an upstream out.
const FAILURES: u32 = 5;
/// For how long, the first time; the second time twice as long, and so on …
const OUT: Duration = Duration::from_secs(10);
/// … at most so often.
const MOST_OUTS: u32 = 30;
/// In which an upstream that came back gets its whole share again.
const SLOW_START: Duration = Duration::from_secs(30);
/// Health checks that must fail, and succeed, in a row.
const FALL: u32 = 3;
const RISE: u32 = 2;

/// The state of one upstream.
#[derive(Default)]
pub struct Health {
    in_flight: AtomicU32,
    is_checked: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    outs: u32,
    out_until: Option<Instant>,
    recovered: Option<Instant>,
    reason: String,
    checks: Checks,
}

#[derive(Default)]
struct Checks {
    is_down: bool,
    failed: u32,
    passed: u32,
}

/// Whether an upstream gets requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It does.
    Well,
    /// It does, although its last requests failed.
    Failing,
    /// It does again, not yet its whole share.
    Recovering,
    /// Its requests failed: out for a while.
    Out,
    /// Its health check fails.
    Down,
}

/// What a try says of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answered.
    Good,
    /// It did not, or said that it cannot; why.
    Bad(String),
    /// Nothing: the client left.
    None,
}

impl Health {
    /// Requests under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Takes one of the places for requests under way; `None` if all are taken.
    pub fn enter(self: &Arc<Health>) -> Option<Underway> {
        let taken = self
            .in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < MAX_RELAY_IN_FLIGHT).then_some(n + 1));
        taken.ok().map(|_| Underway(self.clone()))
    }

    /// The right to ask how it is; `None` while somebody asks.
    pub fn checking(&self) -> Option<Checking<'_>> {
        (!self.is_checked.swap(true, Ordering::Relaxed)).then_some(Checking(self))
    }

    /// Its condition, and the reason if it is not well.
    pub fn condition(&self, now: Instant) -> (Condition, String) {
        let state = self.state.lock();
        let condition = match () {
            () if state.checks.is_down => Condition::Down,
            () if state.out_until.is_some_and(|until| now < until) => Condition::Out,
            () if state.failures > 0 => Condition::Failing,
            () if state.share(now) < 1.0 => Condition::Recovering,
            () => return (Condition::Well, String::new()),
        };
        (condition, state.reason.clone())
    }

    /// It gets requests.
    pub fn is_available(&self, now: Instant) -> bool {
        let state = self.state.lock();
        !state.checks.is_down && state.out_until.is_none_or(|until| now >= until)
    }

    /// The share of its weight that it gets, above 0 and at most 1.
    pub fn share(&self, now: Instant) -> f64 {
        self.state.lock().share(now)
    }

    /// Notes how a try went. `may_go`: another upstream of the pool can take its place. Returns whether it was taken out now.
    pub fn judge(&self, verdict: &Verdict, may_go: bool, now: Instant) -> bool {
        let mut state = self.state.lock();
        match verdict {
            Verdict::None => false,
            Verdict::Good => {
                state.failures = 0;
                // Through the slow start without a failure: it is as good as new.
                if state.share(now) >= 1.0 {
                    state.outs = 0;
                }
                false
            }
            Verdict::Bad(reason) => {
                state.failures += 1;
                state.reason.clone_from(reason);
                let goes = state.failures >= FAILURES && may_go;
                if goes {
                    state.failures = 0;
                    state.outs = (state.outs + 1).min(MOST_OUTS);
                    let until = now + OUT * state.outs;
                    state.out_until = Some(until);
                    state.recovered = Some(until);
                }
                goes
            }
        }
    }

    /// Notes what a health check said.
    pub fn checked(&self, result: Result<(), String>, now: Instant) {
        let mut state = self.state.lock();
        match result {
            Ok(()) => {
                state.checks.failed = 0;
                state.checks.passed += 1;
                if state.checks.is_down && state.checks.passed >= RISE {
                    state.checks.is_down = false;
                    state.out_until = None;
                    state.recovered = Some(now);
                }
            }
            Err(reason) => {
                state.checks.passed = 0;
                state.checks.failed += 1;
                if state.checks.failed >= FALL {
                    state.checks.is_down = true;
                    state.reason = reason;
                }
            }
        }
    }

    /// There is no health check any more: what it said counts no longer.
    pub fn unchecked(&self) {
        self.state.lock().checks = Checks::default();
    }
}

impl State {
    fn share(&self, now: Instant) -> f64 {
        let Some(since) = self.recovered else { return 1.0 };
        let passed = now.saturating_duration_since(since);
        (passed.as_secs_f64() / SLOW_START.as_secs_f64()).clamp(0.01, 1.0)
    }
}

/// A health check under way; the next may begin when this is dropped.
pub struct Checking<'h>(&'h Health);

impl Drop for Checking<'_> {
    fn drop(&mut self) {
        self.0.is_checked.store(false, Ordering::Relaxed);
    }
}

/// A request under way; its place is free again when this is dropped.
pub struct Underway(Arc<Health>);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad() -> Verdict {
        Verdict::Bad("refused".into())
    }

    #[test]
    fn five_failures_in_a_row_take_an_upstream_out_for_longer_each_time() {
        let (health, start) = (Health::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..4 {
            assert!(!health.judge(&bad(), true, start));
        }
        health.judge(&Verdict::Good, true, start);
        health.judge(&Verdict::None, true, start);
        for i in 0..5 {
            assert_eq!(health.judge(&bad(), true, start), i == 4);
        }
        assert_eq!(health.condition(at(9)), (Condition::Out, "refused".into()));
        assert_eq!(health.condition(at(10)).0, Condition::Recovering);
        assert!((health.share(at(25)) - 0.5).abs() < 0.01, "half way through the slow start");
        (0..5).for_each(|_| _ = health.judge(&bad(), true, at(12)));
        assert!(!health.is_available(at(31)) && health.is_available(at(32)), "twice as long the second time");
        assert_eq!(health.condition(at(63)).0, Condition::Well);
    }

    #[test]
    fn the_last_one_is_never_taken_out() {
        let health = Health::default();
        (0..100).for_each(|_| assert!(!health.judge(&bad(), false, Instant::now())));
        assert!(health.is_available(Instant::now()));
    }

    #[test]
    fn a_health_check_wins_over_traffic() {
        let (health, now) = (Health::default(), Instant::now());
        (0..2).for_each(|_| health.checked(Err("503".into()), now));
        assert!(health.is_available(now), "three must fail");
        health.checked(Err("503".into()), now);
        health.judge(&Verdict::Good, true, now);
        assert_eq!(health.condition(now), (Condition::Down, "503".into()));
        health.checked(Ok(()), now);
        assert!(!health.is_available(now), "two must pass");
        health.checked(Ok(()), now);
        assert_eq!(health.condition(now).0, Condition::Recovering);
    }

    #[test]
    fn places_for_requests_come_back() {
        let health = Arc::new(Health::default());
        let all: Vec<_> = (0..MAX_RELAY_IN_FLIGHT).map(|_| health.enter().expect("there is room")).collect();
        assert!(health.enter().is_none());
        drop(all);
        assert_eq!(health.in_flight(), 0);
    }
}
