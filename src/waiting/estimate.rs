//! How long a student will wait, by simulation: each advisor on duty has a moment at which they are next free
//! and a service time; the line is walked, and the desk that is free first takes the next student.
//!
//! Service times are robust means, shrunk: an advisor's towards the queue's, the queue's towards everybody's,
//! each with the weight of [`PRIOR`] visits; recent visits count more. A range is told, from the 20th to the 80th
//! percentile, rounded outwards to five minutes; what is not known is said to be not known, with the reason.

use std::collections::HashMap;

use super::store::Visit;
use crate::moment::{DAY, HOUR, MINUTE, Moment, SECOND};

/// Visits that a prior weighs as much as.
const PRIOR: f64 = 5.0;
/// Below this many visits, all in all, nothing is said.
const TOO_FEW: f64 = 3.0;
/// Days after which a visit counts half.
const HALF_LIFE: f64 = 14.0;
/// What is assumed of a visit before any was seen, in minutes.
const GUESS: f64 = 10.0;
/// The standard deviation of service times against their mean, when too few are known.
const SPREAD: f64 = 0.6;
/// The 80th percentile of the normal distribution.
const P80: f64 = 0.842;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Minutes, multiples of five.
    Known {
        /// The lower end.
        low: i64,
        /// The upper end.
        high: i64,
    },
    /// Nothing can be said.
    Unknown(Why),
}

/// Why a wait is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody serves the queue.
    NobodyOnDuty,
    /// Too few visits ended to learn from.
    TooFewVisits,
}

impl Why {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Why::NobodyOnDuty => "no advisor on duty",
            Why::TooFewVisits => "too few visits yet",
        }
    }
}

impl Wait {
    /// The two ends in minutes, if they are known.
    pub fn range(self) -> Option<(i64, i64)> {
        match self {
            Wait::Known { low, high } => Some((low, high)),
            Wait::Unknown(_) => None,
        }
    }

    /// `10 to 20 min`, `under 5 min`, `not known (no advisor on duty)`.
    pub fn words(self) -> String {
        match self {
            Wait::Known { low: 0, high } => format!("under {high} min"),
            Wait::Known { low, high } => format!("{low} to {high} min"),
            Wait::Unknown(why) => format!("not known ({})", why.words()),
        }
    }
}

/// Somebody on duty.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Advisor and account, as visits name them.
    pub who: (Option<i64>, Option<i64>),
    /// For how long the present visit has lasted, in milliseconds; `None` is free.
    pub busy: Option<i64>,
}

/// Statistics of past visits. Times are in minutes.
#[derive(Debug, Clone, Default)]
pub struct Lessons {
    mean: f64,
    by_server: HashMap<(Option<i64>, Option<i64>), f64>,
    spread: f64,
    no_show: f64,
    /// Visits behind it, recent ones counting more.
    weight: f64,
}

impl Lessons {
    /// Learns from visits of one queue and of all queues.
    pub fn learn(own: &[Visit], everybody: &[Visit], shows: (i64, i64), now: Moment) -> Lessons {
        let (all, all_weight) = shrunk(&samples(everybody, now), GUESS);
        let samples = samples(own, now);
        let (mean, weight) = shrunk(&samples, all);
        let mut grouped: HashMap<_, Vec<(f64, f64)>> = HashMap::new();
        for (visit, sample) in own.iter().zip(kept(own, now)) {
            if let Some(sample) = sample {
                grouped.entry(server(visit.advisor_id, visit.user_id)).or_default().push(sample);
            }
        }
        let by_server = grouped.into_iter().map(|(who, samples)| (who, shrunk(&samples, mean).0)).collect();
        let (came, missed) = shows;
        // One in twenty, until more is known.
        let no_show = (missed as f64 + 1.0) / ((came + missed) as f64 + 20.0);
        Lessons { mean, by_server, spread: spread(&samples, mean), no_show, weight: weight.max(all_weight) }
    }

    /// The expected length of a visit with somebody, in minutes.
    fn service(&self, who: (Option<i64>, Option<i64>)) -> f64 {
        self.by_server.get(&server(who.0, who.1)).copied().unwrap_or(self.mean).max(0.5)
    }
}

/// An advisor is the same whichever account calls for them.
fn server(advisor: Option<i64>, account: Option<i64>) -> (Option<i64>, Option<i64>) {
    if advisor.is_some() { (advisor, None) } else { (None, account) }
}

/// Minutes and weight of each visit that is believable: 20 seconds to four hours.
fn kept(visits: &[Visit], now: Moment) -> impl Iterator<Item = Option<(f64, f64)>> {
    visits.iter().map(move |visit| {
        let length = visit.ended_at.0 - visit.called_at.0;
        let age = (now.0 - visit.ended_at.0).max(0) as f64 / DAY as f64;
        let believable = (20 * SECOND..=4 * HOUR).contains(&length);
        believable.then(|| (length as f64 / MINUTE as f64, 0.5_f64.powf(age / HALF_LIFE)))
    })
}

/// The believable visits, long ones cut at three times the median.
fn samples(visits: &[Visit], now: Moment) -> Vec<(f64, f64)> {
    let mut samples: Vec<_> = kept(visits, now).flatten().collect();
    let mut lengths: Vec<_> = samples.iter().map(|(length, _)| *length).collect();
    lengths.sort_by(f64::total_cmp);
    let limit = lengths.get(lengths.len() / 2).map_or(f64::MAX, |median| median * 3.0);
    for (length, _) in &mut samples {
        *length = length.min(limit);
    }
    samples
}

/// The weighted mean, drawn towards a prior; and the weight behind it.
fn shrunk(samples: &[(f64, f64)], prior: f64) -> (f64, f64) {
    let weight: f64 = samples.iter().map(|(_, weight)| weight).sum();
    let sum: f64 = samples.iter().map(|(length, weight)| length * weight).sum();
    ((sum + PRIOR * prior) / (weight + PRIOR), weight)
}

fn spread(samples: &[(f64, f64)], mean: f64) -> f64 {
    let weight: f64 = samples.iter().map(|(_, weight)| weight).sum();
    let squares: f64 = samples.iter().map(|(length, weight)| weight * (length - mean).powi(2)).sum();
    let own = (squares / weight.max(f64::MIN_POSITIVE)).sqrt() / mean.max(0.1);
    // Shrunk like the mean.
    ((own.min(2.0) * weight + SPREAD * PRIOR) / (weight + PRIOR)).max(0.2)
}

/// The waits of the first `length` students of the line, and of one who joined now (the last element).
/// `grace` is what a student who does not come costs, in seconds.
pub fn forecast(servers: &[Server], lessons: &Lessons, length: usize, grace: i64) -> Vec<Wait> {
    let unknown = |why| vec![Wait::Unknown(why); length + 1];
    if servers.is_empty() {
        return unknown(Why::NobodyOnDuty);
    }
    if lessons.weight < TOO_FEW {
        return unknown(Why::TooFewVisits);
    }
    let mut free: Vec<(f64, f64)> = servers.iter().map(|server| start(server, lessons)).collect();
    let busy = servers.iter().filter(|server| server.busy.is_some()).count() as f64;
    let count = servers.len() as f64;
    // The variance of the moment at which the next of the line is called: that of all visits before, shared.
    let deviation = lessons.mean * lessons.spread;
    let mut variance = busy * deviation.powi(2) / count.powi(2);
    let missing = grace as f64 / 60.0;
    (0..=length)
        .map(|_| {
            let next = free.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0)).expect("somebody is on duty");
            let wait = next.0;
            let told = range(wait, variance.sqrt());
            next.0 += (1.0 - lessons.no_show) * next.1 + lessons.no_show * missing;
            variance += (next.1 * lessons.spread).powi(2) / count.powi(2);
            told
        })
        .collect()
}

/// When somebody is next free, and how long they take: minutes.
fn start(server: &Server, lessons: &Lessons) -> (f64, f64) {
    let service = lessons.service(server.who);
    let rest = server.busy.map_or(0.0, |busy| {
        // A visit that lasts longer than expected is not over now.
        (service - busy as f64 / MINUTE as f64).max(0.3 * service)
    });
    (rest, service)
}

fn range(wait: f64, deviation: f64) -> Wait {
    let low = ((wait - P80 * deviation).max(0.0) / 5.0).floor() as i64 * 5;
    let high = ((wait + P80 * deviation) / 5.0).ceil() as i64 * 5;
    Wait::Known { low, high: high.max(low + 5) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visits(minutes: &[i64], advisor: i64) -> Vec<Visit> {
        let now = 100 * DAY;
        minutes
            .iter()
            .map(|m| Visit {
                queue_id: 1,
                advisor_id: Some(advisor),
                user_id: None,
                called_at: Moment(now - m * MINUTE),
                ended_at: Moment(now),
            })
            .collect()
    }

    fn free(advisor: i64) -> Server {
        Server { who: (Some(advisor), None), busy: None }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_not_known() {
        let now = Moment(100 * DAY);
        let few = Lessons::learn(&visits(&[10, 10], 1), &[], (2, 0), now);
        assert_eq!(forecast(&[free(1)], &few, 0, 120), [Wait::Unknown(Why::TooFewVisits)]);
        let many = visits(&[10; 20], 1);
        let known = Lessons::learn(&many, &many, (20, 0), now);
        assert_eq!(forecast(&[], &known, 1, 120), [Wait::Unknown(Why::NobodyOnDuty); 2]);
        assert_eq!(Wait::Unknown(Why::NobodyOnDuty).words(), "not known (no advisor on duty)");
    }

    #[test]
    fn the_line_is_shared_by_those_on_duty() {
        let now = Moment(100 * DAY);
        let many = visits(&[10; 100], 1);
        let lessons = Lessons::learn(&many, &many, (100, 0), now);
        let one = forecast(&[free(1)], &lessons, 6, 120);
        let two = forecast(&[free(1), free(2)], &lessons, 6, 120);
        assert_eq!(one[0], Wait::Known { low: 0, high: 5 });
        let middle = |wait: Wait| wait.range().map(|(low, high)| (low + high) / 2).unwrap();
        assert!((50..=70).contains(&middle(one[6])), "{one:?}");
        assert!((25..=40).contains(&middle(two[6])), "{two:?}");
    }

    #[test]
    fn a_visit_that_lasts_too_long_is_not_over_now() {
        let now = Moment(100 * DAY);
        let many = visits(&[10; 100], 1);
        let lessons = Lessons::learn(&many, &many, (100, 0), now);
        let busy = Server { who: (Some(1), None), busy: Some(3 * HOUR) };
        let Wait::Known { high, .. } = forecast(&[busy], &lessons, 0, 120)[0] else { panic!() };
        assert!(high >= 5);
    }

    /// Days of one queue, replayed: visits of random lengths, students who come at random, two or three advisors.
    /// Prints how often the truth fell inside the range that was told on joining.
    #[test]
    fn the_truth_falls_inside_the_range_more_often_than_not() {
        use rand::{Rng as _, SeedableRng as _};
        let seed = std::env::var("TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7_u64);
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let (mut told, mut inside, mut width) = (0, 0, 0);
        let mut past: Vec<Visit> = Vec::new();
        for day in 0..40_i64 {
            let advisors = random.random_range(1..=3_i64);
            let opening = (200 + day) * DAY;
            let mut at = opening;
            // When each advisor is next free, and when their present visit began.
            let mut desks = vec![(opening, None::<i64>); usize::try_from(advisors).unwrap()];
            let mut line: Vec<(i64, Wait)> = Vec::new();
            let mut ended: Vec<Visit> = Vec::new();
            // Somebody comes about as often as somebody is served.
            let every = 11.0 / advisors as f64;
            while at < opening + 6 * HOUR {
                at += (-every * (1.0 - random.random::<f64>()).ln() * MINUTE as f64) as i64;
                serve(&mut desks, &mut line, &mut ended, at, &mut random, &mut |wait, truth| {
                    if let Some((low, high)) = wait.range() {
                        told += 1;
                        width += high - low;
                        inside += i64::from((low * MINUTE..=high * MINUTE).contains(&truth));
                    }
                });
                let servers: Vec<_> = desks
                    .iter()
                    .enumerate()
                    .map(|(i, (free, since))| Server {
                        who: (Some(i as i64), None),
                        busy: since.filter(|_| *free > at).map(|since| at - since),
                    })
                    .collect();
                let known: Vec<_> = past.iter().chain(&ended).filter(|v| v.ended_at.0 <= at).cloned().collect();
                let lessons = Lessons::learn(&known, &known, (known.len() as i64, 0), Moment(at));
                let wait = *forecast(&servers, &lessons, line.len(), 120).last().unwrap();
                line.push((at, wait));
            }
            past.extend(ended);
        }
        println!(
            "seed {seed}: {inside} of {told} inside ({:.0} %), ranges of {:.0} minutes on average",
            100.0 * f64::from(inside as i32) / f64::from(told),
            width as f64 / f64::from(told)
        );
        assert!(told > 500 && f64::from(inside as i32) > 0.5 * f64::from(told), "{inside} of {told}");
    }

    /// Everybody who can be called until `at` is; visits last 2 minutes and more, 10 on average.
    fn serve(
        desks: &mut [(i64, Option<i64>)],
        line: &mut Vec<(i64, Wait)>,
        ended: &mut Vec<Visit>,
        at: i64,
        random: &mut rand::rngs::StdRng,
        seen: &mut dyn FnMut(Wait, i64),
    ) {
        use rand::Rng as _;
        loop {
            let (desk, (free, _)) = desks.iter().copied().enumerate().min_by_key(|(_, (free, _))| *free).unwrap();
            let Some((joined, wait)) = line.first().copied() else { return };
            let called = free.max(joined);
            if called > at {
                return;
            }
            line.remove(0);
            seen(wait, called - joined);
            let length = (2.0 - 8.0 * (1.0 - random.random::<f64>()).ln()) * MINUTE as f64;
            desks[desk] = (called + length as i64, Some(called));
            ended.push(Visit {
                queue_id: 1,
                advisor_id: Some(desk as i64),
                user_id: None,
                called_at: Moment(called),
                ended_at: Moment(called + length as i64),
            });
        }
    }
}
