//! What goes on in a relay: counts and times of each upstream by the minute, and the last tries.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::moment::Moment;

/// Tries that are kept to be looked at.
const LAST: usize = 50;
/// Steps in which times are counted, each a quarter longer than the one before: from 0.1 ms to 15 minutes.
const STEPS: usize = 72;
const FIRST_STEP_MS: f64 = 0.1;
const STEP: f64 = 1.25;

/// One try of a request.
#[derive(Debug, Clone)]
pub struct Try {
    pub at: Moment,
    pub method: String,
    /// Without the query, which may hold what is nobody's business.
    pub path: String,
    pub pool: String,
    pub upstream: String,
    /// The status that came, if one did.
    pub status: Option<u16>,
    /// Code of what went wrong.
    pub error: Option<&'static str>,
    pub took: Duration,
    /// 1 for the first one of a request.
    pub number: usize,
}

/// What is watched of one relay. Kept while it is edited.
#[derive(Default)]
pub struct Watch {
    last: Mutex<VecDeque<Try>>,
    upstreams: Mutex<HashMap<(String, String), Arc<Tally>>>,
}

/// Counts of one upstream: of the last hour by minutes, of the last day by quarters of an hour.
pub struct Tally {
    series: Mutex<[Series; 2]>,
    tries: AtomicU64,
    errors: AtomicU64,
    microseconds: AtomicU64,
}

/// Spans of equal length, the newest last; those in which nothing came are left out.
struct Series {
    minutes: i64,
    most: usize,
    spans: VecDeque<Span>,
}

struct Span {
    /// Spans since 1970.
    at: i64,
    requests: u32,
    errors: u32,
    steps: Box<[u32; STEPS]>,
}

/// How far back counts are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    Hour = 0,
    Day = 1,
}

/// Counts over some time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    pub requests: u64,
    pub errors: u64,
    /// Half of the tries took at most so many milliseconds; `None` without tries.
    pub p50: Option<f64>,
    /// 99 of 100 did.
    pub p99: Option<f64>,
}

/// Counts that are being summed.
struct Counts {
    requests: u64,
    errors: u64,
    steps: [u64; STEPS],
}

impl Default for Counts {
    fn default() -> Counts {
        Counts { requests: 0, errors: 0, steps: [0; STEPS] }
    }
}

impl Counts {
    fn sum(&self) -> Sum {
        let (p50, p99) = (percentile(&self.steps, 50), percentile(&self.steps, 99));
        Sum { requests: self.requests, errors: self.errors, p50, p99 }
    }
}

impl Watch {
    /// The counts of an upstream of a pool.
    pub fn tally(&self, pool: &str, upstream: &str) -> Arc<Tally> {
        self.upstreams.lock().entry((pool.to_owned(), upstream.to_owned())).or_default().clone()
    }

    /// Notes a try: in the counts, among the last ones, and in the log.
    pub fn note(&self, relay: &str, tally: &Tally, one: Try) {
        let failed =
            one.error.is_some_and(|error| error != "client_gone") || one.status.is_some_and(|status| status >= 500);
        tally.count(one.at, one.took, failed);
        tracing::info!(
            relay,
            pool = one.pool,
            upstream = one.upstream,
            method = one.method,
            status = one.status,
            error = one.error,
            ms = one.took.as_millis() as u64,
            number = one.number,
            "relayed"
        );
        let mut last = self.last.lock();
        if last.len() == LAST {
            last.pop_front();
        }
        last.push_back(one);
    }

    /// The last tries, the newest first.
    pub fn last(&self) -> Vec<Try> {
        self.last.lock().iter().rev().cloned().collect()
    }

    /// The counts of all upstreams together.
    pub fn sum(&self, now: Moment, back: Back) -> Sum {
        let mut all = Counts::default();
        self.upstreams.lock().values().for_each(|tally| tally.add_to(&mut all, now, back));
        all.sum()
    }

    /// Requests and errors of all upstreams by minutes or quarters of an hour, the oldest first.
    pub fn spans(&self, now: Moment, back: Back) -> Vec<(u64, u64)> {
        let mut all: Vec<(u64, u64)> = Vec::new();
        for tally in self.upstreams.lock().values() {
            let spans = tally.spans(now, back);
            all.resize(spans.len(), (0, 0));
            all.iter_mut().zip(spans).for_each(|(all, span)| *all = (all.0 + span.0, all.1 + span.1));
        }
        if all.is_empty() { Tally::default().spans(now, back) } else { all }
    }

    /// Forgets upstreams that the relay no longer has.
    pub fn keep(&self, has: impl Fn(&str, &str) -> bool) {
        self.upstreams.lock().retain(|(pool, upstream), _| has(pool, upstream));
    }
}

impl Default for Tally {
    fn default() -> Tally {
        let series = |minutes, most| Series { minutes, most, spans: VecDeque::new() };
        Tally {
            series: Mutex::new([series(1, 60), series(15, 96)]),
            tries: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            microseconds: AtomicU64::new(0),
        }
    }
}

impl Tally {
    fn count(&self, at: Moment, took: Duration, failed: bool) {
        self.tries.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        for series in self.series.lock().iter_mut() {
            series.count(at, step(took), failed);
        }
    }

    /// Tries, failed tries and the milliseconds of all of them since the program started.
    pub fn totals(&self) -> (u64, u64, u64) {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (read(&self.tries), read(&self.errors), read(&self.microseconds) / 1000)
    }

    /// What came within the last hour or day.
    pub fn sum(&self, now: Moment, back: Back) -> Sum {
        let mut counts = Counts::default();
        self.add_to(&mut counts, now, back);
        counts.sum()
    }

    fn add_to(&self, counts: &mut Counts, now: Moment, back: Back) {
        let all = self.series.lock();
        let series = &all[back as usize];
        let from = series.at(now) - series.most as i64;
        for span in series.spans.iter().filter(|span| span.at > from) {
            counts.requests += u64::from(span.requests);
            counts.errors += u64::from(span.errors);
            counts.steps.iter_mut().zip(span.steps.iter()).for_each(|(sum, count)| *sum += u64::from(*count));
        }
    }

    /// Requests and errors by minutes or quarters of an hour, the oldest first.
    pub fn spans(&self, now: Moment, back: Back) -> Vec<(u64, u64)> {
        let all = self.series.lock();
        let series = &all[back as usize];
        let mut counts = vec![(0, 0); series.most];
        for span in &series.spans {
            let age = usize::try_from(series.at(now) - span.at).unwrap_or(usize::MAX);
            if let Some(count) = series.most.checked_sub(age.saturating_add(1)).and_then(|i| counts.get_mut(i)) {
                *count = (u64::from(span.requests), u64::from(span.errors));
            }
        }
        counts
    }
}

impl Series {
    fn at(&self, moment: Moment) -> i64 {
        moment.0 / (self.minutes * 60_000)
    }

    fn count(&mut self, at: Moment, step: usize, failed: bool) {
        let at = self.at(at);
        if self.spans.back().is_none_or(|last| last.at < at) {
            if self.spans.len() == self.most {
                self.spans.pop_front();
            }
            self.spans.push_back(Span { at, requests: 0, errors: 0, steps: Box::new([0; STEPS]) });
        }
        if let Some(last) = self.spans.back_mut() {
            last.requests += 1;
            last.errors += u32::from(failed);
            last.steps[step] += 1;
        }
    }
}

fn step(took: Duration) -> usize {
    let ms = took.as_secs_f64() * 1000.0;
    let step = (ms / FIRST_STEP_MS).max(1.0).log(STEP).ceil();
    (step as usize).min(STEPS - 1)
}

/// The longest time of the step within which so many percent are.
fn percentile(steps: &[u64; STEPS], percent: u64) -> Option<f64> {
    let sum: u64 = steps.iter().sum();
    let wanted = (sum * percent).div_ceil(100).max(1);
    let mut passed = 0;
    let found = steps.iter().position(|count| {
        passed += count;
        passed >= wanted
    })?;
    Some(FIRST_STEP_MS * STEP.powi(i32::try_from(found).unwrap_or(i32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_within_a_quarter() {
        let tally = Tally::default();
        let now = Moment::parse("2026-03-10T12:00:30Z").unwrap();
        (0..98).for_each(|_| tally.count(now, Duration::from_millis(10), false));
        (0..2).for_each(|_| tally.count(now, Duration::from_millis(1000), true));
        let sum = tally.sum(now, Back::Hour);
        assert_eq!((sum.requests, sum.errors), (100, 2));
        let (p50, p99) = (sum.p50.unwrap(), sum.p99.unwrap());
        assert!((10.0..12.5).contains(&p50) && (1000.0..1250.0).contains(&p99), "{sum:?}");
        assert_eq!(tally.sum(now.plus(3_600_000), Back::Hour), Sum::default(), "an hour later nothing is left of it");
    }

    #[test]
    fn a_chart_has_the_newest_span_last() {
        let tally = Tally::default();
        let now = Moment::parse("2026-03-10T12:00:30Z").unwrap();
        tally.count(now.plus(-5 * 60_000), Duration::ZERO, true);
        tally.count(now, Duration::ZERO, false);
        let hour = tally.spans(now, Back::Hour);
        assert_eq!((hour.len(), hour[59], hour[58], hour[54]), (60, (1, 0), (0, 0), (1, 1)));
        assert_eq!(tally.spans(now, Back::Day).iter().filter(|span| span.0 > 0).count(), 2, "11:45 and 12:00");
    }
}
