//! A pool at work: its definition, the state of its upstreams, and which of them is next.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

use super::budget::{Breaker, Budget};
use super::definition::{Policy, Pool};
use super::health::{Condition, Health, Underway, Verdict};
use crate::outgoing::{Reach, Target};

/// What a pool remembers while it is edited.
#[derive(Default)]
pub struct Memory {
    health: Mutex<HashMap<String, Arc<Health>>>,
    turns: Mutex<HashMap<String, f64>>,
    judging: Mutex<()>,
    pub budget: Budget,
    pub breaker: Breaker,
}

/// A pool at work.
pub struct LivePool {
    pub definition: Pool,
    pub upstreams: Vec<LiveUpstream>,
    pub memory: Arc<Memory>,
}

/// An upstream at work.
pub struct LiveUpstream {
    pub url: String,
    pub target: Target,
    weight: u32,
    drain: bool,
    pub health: Arc<Health>,
    /// Stands for it in the cookie of the policy `sticky`.
    pub tag: String,
}

impl LiveUpstream {
    /// It gets requests, and they succeed.
    pub fn is_well(&self, now: Instant) -> bool {
        use Condition::{Recovering, Well};
        !self.takes_none() && matches!(self.health.condition(now).0, Well | Recovering)
    }

    /// Somebody took it out.
    pub fn takes_none(&self) -> bool {
        self.drain || self.weight == 0
    }
}

/// Why no upstream can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nobody {
    /// None is well.
    Well,
    /// Those that are have as many requests under way as they may.
    Free,
    /// All were tried.
    Left,
}

/// What the choice of an upstream goes by, beside the policy.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The value that the policy `hash` goes by.
    pub hashed: String,
    /// The tag in the cookie of the policy `sticky`.
    pub tag: Option<String>,
}

impl LivePool {
    /// `memory` is what the pool of this name remembers. A definition that was checked has only addresses that can be read.
    pub fn new(definition: &Pool, memory: Arc<Memory>, salt: &str) -> LivePool {
        let reach = if definition.allow_private { Reach::Private } else { Reach::Public };
        let mut known = memory.health.lock();
        known.retain(|url, _| definition.upstreams.iter().any(|upstream| upstream.url == *url));
        let live = |upstream: &super::definition::Upstream| {
            let health = known.entry(upstream.url.clone()).or_default().clone();
            if definition.health_path.is_none() {
                health.unchecked();
            }
            Some(LiveUpstream {
                url: upstream.url.clone(),
                target: Target::parse(&upstream.url, reach).ok()?,
                weight: upstream.weight,
                drain: upstream.drain,
                health,
                tag: tag(salt, &definition.name, &upstream.url),
            })
        };
        let upstreams = definition.upstreams.iter().filter_map(live).collect();
        drop(known);
        LivePool { definition: definition.clone(), upstreams, memory }
    }

    /// How far its requests may go.
    pub fn reach(&self) -> Reach {
        if self.definition.allow_private { Reach::Private } else { Reach::Public }
    }

    /// Chooses an upstream that was not tried, and takes a place there.
    pub fn choose(&self, wish: &Wish, tried: &[usize], now: Instant) -> Result<(usize, Underway), Nobody> {
        let mut left: Vec<_> = self.available(now)?.into_iter().filter(|i| !tried.contains(i)).collect();
        if left.is_empty() {
            return Err(Nobody::Left);
        }
        while !left.is_empty() {
            let next = self.next(wish, &left, now);
            if let Some(underway) = self.upstreams[next].health.enter() {
                return Ok((next, underway));
            }
            left.retain(|i| *i != next);
        }
        Err(Nobody::Free)
    }

    /// The upstream that would be chosen now, without taking a place or a turn.
    pub fn foresee(&self, wish: &Wish, now: Instant) -> Result<usize, Nobody> {
        let available = self.available(now)?;
        let mut turns = self.memory.turns.lock().clone();
        Ok(match self.definition.policy {
            Policy::RoundRobin => self.in_turns(&available, now, &mut turns),
            _ => self.next(wish, &available, now),
        })
    }

    /// Those that get requests.
    fn available(&self, now: Instant) -> Result<Vec<usize>, Nobody> {
        let gets = |i: &usize| !self.upstreams[*i].takes_none() && self.upstreams[*i].health.is_available(now);
        let available: Vec<_> = (0..self.upstreams.len()).filter(gets).collect();
        if available.is_empty() { Err(Nobody::Well) } else { Ok(available) }
    }

    fn next(&self, wish: &Wish, among: &[usize], now: Instant) -> usize {
        match self.definition.policy {
            Policy::First => among[0],
            Policy::RoundRobin => self.in_turns(among, now, &mut self.memory.turns.lock()),
            Policy::Hash => self.by_hash(&wish.hashed, among),
            Policy::LeastBusy => self.least_busy(among, now),
            Policy::Sticky => {
                let known = |i: &&usize| wish.tag.as_deref() == Some(self.upstreams[**i].tag.as_str());
                among.iter().find(known).copied().unwrap_or_else(|| self.least_busy(among, now))
            }
        }
    }

    /// The weight as it counts now: less for an upstream that has just come back.
    fn weight(&self, i: usize, now: Instant) -> f64 {
        f64::from(self.upstreams[i].weight) * self.upstreams[i].health.share(now)
    }

    fn least_busy(&self, among: &[usize], now: Instant) -> usize {
        let first = self.draw(among, now);
        let others: Vec<_> = among.iter().copied().filter(|i| *i != first).collect();
        if others.is_empty() {
            return first;
        }
        let second = self.draw(&others, now);
        let load = |i: usize| f64::from(self.upstreams[i].health.in_flight()) / self.weight(i, now);
        if load(second) < load(first) { second } else { first }
    }

    /// One by chance, as often as its weight says.
    fn draw(&self, among: &[usize], now: Instant) -> usize {
        let sum: f64 = among.iter().map(|i| self.weight(*i, now)).sum();
        let mut at = rand::rng().random::<f64>() * sum;
        for i in among {
            at -= self.weight(*i, now);
            if at < 0.0 {
                return *i;
            }
        }
        among[among.len() - 1]
    }

    /// Smooth weighted turns: each gains its weight, the one that has most is next and pays the sum.
    fn in_turns(&self, among: &[usize], now: Instant, turns: &mut HashMap<String, f64>) -> usize {
        turns.retain(|url, _| self.upstreams.iter().any(|upstream| upstream.url == *url));
        let mut best = (among[0], f64::MIN);
        let mut sum = 0.0;
        for i in among {
            let weight = self.weight(*i, now);
            sum += weight;
            let turn = turns.entry(self.upstreams[*i].url.clone()).or_default();
            *turn += weight;
            if *turn > best.1 {
                best = (*i, *turn);
            }
        }
        *turns.entry(self.upstreams[best.0].url.clone()).or_default() -= sum;
        best.0
    }

    /// Rendezvous hashing by weight: values move only from and to upstreams that come or go.
    fn by_hash(&self, value: &str, among: &[usize]) -> usize {
        let score = |i: &usize| {
            let upstream = &self.upstreams[*i];
            let digest = Sha256::digest(format!("{}\0{value}", upstream.url));
            let bits = u64::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes"));
            let uniform = (bits as f64 + 1.0) / (u64::MAX as f64 + 2.0);
            f64::from(upstream.weight) / -uniform.ln()
        };
        let best = among.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
        *best.expect("among is not empty")
    }

    /// Notes how a try went. Whether it was taken out now: never if no other one gets requests.
    pub fn judge(&self, upstream: usize, verdict: &Verdict, now: Instant) -> bool {
        // One after the other: two that fail at the same moment must not both think that the other one stays.
        let _one = self.memory.judging.lock();
        self.upstreams[upstream].health.judge(verdict, self.can_spare(upstream, now), now)
    }

    /// Another upstream than this one gets requests too.
    fn can_spare(&self, upstream: usize, now: Instant) -> bool {
        let others = self.upstreams.iter().enumerate().filter(|(i, _)| *i != upstream);
        others.into_iter().any(|(_, other)| !other.takes_none() && other.health.is_available(now))
    }
}

fn tag(salt: &str, pool: &str, url: &str) -> String {
    let digest = Sha256::digest(format!("{salt}\0{pool}\0{url}"));
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pool(policy: &str, weights: &[u32], memory: &Arc<Memory>) -> LivePool {
        let upstream = |(i, weight)| serde_json::json!({"url": format!("http://u{i}.example"), "weight": weight});
        let upstreams: Vec<_> = weights.iter().enumerate().map(upstream).collect();
        let pool = serde_json::json!({"name": "p", "policy": policy, "upstreams": upstreams});
        LivePool::new(&serde_json::from_value(pool).unwrap(), memory.clone(), "salt")
    }

    fn shares(pool: &LivePool, requests: usize, now: Instant) -> Vec<usize> {
        let mut counts = vec![0; pool.upstreams.len()];
        (0..requests).for_each(|_| counts[pool.choose(&Wish::default(), &[], now).unwrap().0] += 1);
        counts
    }

    fn is_about(counts: &[usize], percents: &[usize]) -> bool {
        let sum: usize = counts.iter().sum();
        counts.iter().zip(percents).all(|(count, percent)| (count * 100).abs_diff(percent * sum) <= 5 * sum)
    }

    #[test]
    fn weights_are_the_shares_and_change_without_an_interval() {
        for policy in ["least-busy", "round-robin"] {
            let (memory, now) = (Arc::default(), Instant::now());
            assert!(is_about(&shares(&pool(policy, &[25, 50, 25], &memory), 2000, now), &[25, 50, 25]), "{policy}");
            let changed = pool(policy, &[60, 20, 20, 0], &memory);
            assert!(is_about(&shares(&changed, 2000, now), &[60, 20, 20, 0]), "{policy}");
            assert!(shares(&changed, 30, now).iter().take(3).all(|count| *count > 0), "{policy}: nobody is left out");
        }
    }

    #[test]
    fn case_48_weights_are_the_same_after_a_recovery() {
        let (memory, start) = (Arc::default(), Instant::now());
        let pool = pool("round-robin", &[100, 1], &memory);
        (0..5).for_each(|_| _ = pool.upstreams[0].health.judge(&Verdict::Bad("x".into()), true, start));
        assert_eq!(shares(&pool, 100, start), [0, 100], "taken out");
        let after = start + Duration::from_secs(60);
        let counts = shares(&pool, 1010, after);
        assert!(counts[0].abs_diff(1000) <= 5, "{counts:?}");
    }

    #[test]
    fn each_policy_keeps_its_promise() {
        let (memory, now) = (Arc::default(), Instant::now());
        let first = pool("first", &[1, 1], &memory);
        assert_eq!(shares(&first, 10, now), [10, 0]);
        assert_eq!(first.choose(&Wish::default(), &[0], now).unwrap().0, 1, "the next one, if the first was tried");
        assert_eq!(first.choose(&Wish::default(), &[0, 1], now).err(), Some(Nobody::Left));
        let hash = pool("hash", &[1, 1, 1], &Arc::default());
        let at =
            |pool: &LivePool, value: &str| pool.choose(&Wish { hashed: value.into(), tag: None }, &[], now).unwrap().0;
        let before: Vec<_> = (0..300).map(|i| at(&hash, &i.to_string())).collect();
        assert!((0..3).all(|i| before.iter().filter(|at| **at == i).count() > 60));
        (0..5).for_each(|_| _ = hash.upstreams[2].health.judge(&Verdict::Bad("x".into()), true, now));
        let moved = (0..300).filter(|i| at(&hash, &i.to_string()) != before[*i]);
        assert!(moved.into_iter().all(|i| before[i] == 2), "only what was at the one that is gone");
        let sticky = pool("sticky", &[1, 1, 1], &Arc::default());
        let wish = Wish { hashed: String::new(), tag: Some(sticky.upstreams[1].tag.clone()) };
        assert!((0..20).all(|_| sticky.choose(&wish, &[], now).unwrap().0 == 1));
        let tampered = Wish { hashed: String::new(), tag: Some("nobody".into()) };
        assert!(sticky.choose(&tampered, &[], now).is_ok());
    }

    #[test]
    fn a_trial_takes_no_turn() {
        let (now, memory) = (Instant::now(), Arc::default());
        let pool = pool("round-robin", &[1, 1, 1], &memory);
        let wish = Wish::default();
        for _ in 0..6 {
            let foreseen = pool.foresee(&wish, now).unwrap();
            assert_eq!(pool.foresee(&wish, now).unwrap(), foreseen);
            assert_eq!(pool.choose(&wish, &[], now).unwrap().0, foreseen);
        }
    }

    #[test]
    fn the_busy_one_of_two_is_spared() {
        let pool = pool("least-busy", &[1, 1], &Arc::default());
        let busy: Vec<_> = (0..5).filter_map(|_| pool.upstreams[0].health.enter()).collect();
        assert_eq!(shares(&pool, 20, Instant::now()), [0, 20]);
        drop(busy);
    }
}
