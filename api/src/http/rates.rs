//! Requests of each client over time: a bucket that fills by the second, and a counter by the hour.
//!
//! Owns at most [`RATES_MAX`] keys: those that were not used for the longest time are forgotten first. A key that was forgotten begins with a
//! full bucket. A key and the time enter; leaves whether there is one more request, or when there will be.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::limits::{RATES_MAX, RateLimit, RatePeriod};

const HOUR: Duration = Duration::from_secs(3_600);
/// Requests that a client may make at once after it made none, in seconds of its limit.
const BURST_SECONDS: f64 = 2.0;

/// The rates of all clients.
pub(crate) struct Rates<K> {
    recent: Mutex<Recent<K>>,
}

/// Rates in two generations: a key that is used is in the young one. When that is full it becomes the old one, whose keys are forgotten.
struct Recent<K> {
    young: HashMap<K, Rate>,
    old: HashMap<K, Rate>,
}

/// The requests of one client.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// requests that may be made at once, as of `at`
    left: f64,
    at: Instant,
    /// requests of the hour that began at `hour`
    in_hour: u32,
    hour: Instant,
}

/// A client that has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooFast {
    /// the limit that it went beyond
    pub(crate) limit: RateLimit,
    /// time until it may make the next request
    pub(crate) retry_after: Duration,
}

impl<K: Copy + Eq + Hash> Rates<K> {
    pub(crate) fn new() -> Self {
        Self { recent: Mutex::new(Recent { young: HashMap::new(), old: HashMap::new() }) }
    }

    /// Counts a request within all of these limits, or none at all.
    pub(crate) fn count(&self, key: K, limits: &[RateLimit], now: Instant) -> Result<(), TooFast> {
        if limits.is_empty() {
            return Ok(());
        }
        let mut recent = self.recent.lock();
        let rate = recent.rate(key, limits, now);
        rate.refill(limits, now);
        if let Some(too_fast) = limits.iter().find_map(|limit| rate.check(*limit, now)) {
            return Err(too_fast);
        }
        rate.left -= 1.0;
        rate.in_hour = rate.in_hour.saturating_add(1);
        Ok(())
    }

    /// Refuses a request that would be beyond a limit, and counts nothing.
    pub(crate) fn check(&self, key: K, limit: RateLimit, now: Instant) -> Result<(), TooFast> {
        let recent = self.recent.lock();
        let Some(rate) = recent.young.get(&key).or_else(|| recent.old.get(&key)) else { return Ok(()) };
        let mut rate = *rate;
        rate.refill(&[limit], now);
        rate.check(limit, now).map_or(Ok(()), Err)
    }
}

impl<K: Copy + Eq + Hash> Recent<K> {
    fn rate(&mut self, key: K, limits: &[RateLimit], now: Instant) -> &mut Rate {
        if !self.young.contains_key(&key) && self.young.len() >= RATES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        self.young.entry(key).or_insert_with(|| old.remove(&key).unwrap_or_else(|| Rate::full(limits, now)))
    }
}

impl Rate {
    fn full(limits: &[RateLimit], now: Instant) -> Self {
        Self { left: burst(limits), at: now, in_hour: 0, hour: now }
    }

    fn refill(&mut self, limits: &[RateLimit], now: Instant) {
        let per_second = per_second(limits);
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * per_second).min(burst(limits));
        self.at = now;
        if now.saturating_duration_since(self.hour) >= HOUR {
            (self.in_hour, self.hour) = (0, now);
        }
    }

    /// The reason why there is no further request, if there is none.
    fn check(&self, limit: RateLimit, now: Instant) -> Option<TooFast> {
        let retry_after = match limit.period {
            RatePeriod::Second if self.left < 1.0 => Duration::from_secs_f64((1.0 - self.left) / f64::from(limit.requests)),
            RatePeriod::Hour if self.in_hour >= limit.requests => HOUR - now.saturating_duration_since(self.hour),
            _ => return None,
        };
        Some(TooFast { limit, retry_after })
    }
}

fn per_second(limits: &[RateLimit]) -> f64 {
    let of_seconds = limits.iter().filter(|limit| limit.period == RatePeriod::Second);
    of_seconds.map(|limit| f64::from(limit.requests)).fold(f64::INFINITY, f64::min)
}

/// Requests that may be made at once: at least one, or nobody could ever ask.
fn burst(limits: &[RateLimit]) -> f64 {
    (per_second(limits) * BURST_SECONDS).max(1.0).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(requests: u32, period: RatePeriod) -> RateLimit {
        RateLimit { requests, period }
    }

    #[test]
    fn a_client_may_make_so_many_requests_a_second_and_is_told_when_the_next() {
        let (rates, begin) = (Rates::new(), Instant::now());
        let limits = [limit(10, RatePeriod::Second)];
        let at = |millis| begin + Duration::from_millis(millis);
        for _ in 0..20 {
            rates.count(1, &limits, begin).unwrap();
        }
        let too_fast = rates.count(1, &limits, begin).unwrap_err();
        assert_eq!(too_fast.retry_after, Duration::from_millis(100));
        assert_eq!(rates.count(2, &limits, begin), Ok(()), "another client");
        assert_eq!(rates.count(1, &limits, at(100)), Ok(()));
        assert!(rates.count(1, &limits, at(150)).is_err());
        assert_eq!(
            (0..100).filter(|_| rates.count(1, &limits, at(1_000_000)).is_ok()).count(),
            20,
            "nobody saves more than a burst"
        );
    }

    #[test]
    fn an_hour_has_so_many_requests_and_ends() {
        let (rates, begin) = (Rates::new(), Instant::now());
        let limits = [limit(1_000, RatePeriod::Second), limit(3, RatePeriod::Hour)];
        for _ in 0..3 {
            rates.count(1, &limits, begin).unwrap();
        }
        let too_fast = rates.count(1, &limits, begin + Duration::from_secs(600)).unwrap_err();
        assert_eq!((too_fast.limit, too_fast.retry_after), (limits[1], Duration::from_secs(3_000)));
        assert_eq!(rates.count(1, &limits, begin + HOUR), Ok(()));
        assert_eq!((rates.count(2, &[], begin), rates.count(3, &limits[1..], begin)), (Ok(()), Ok(())));
    }

    #[test]
    fn looking_counts_nothing() {
        let (rates, now, one) = (Rates::new(), Instant::now(), limit(1, RatePeriod::Second));
        for _ in 0..9 {
            assert_eq!(rates.check(1, one, now), Ok(()));
        }
        assert_eq!((rates.count(1, &[one], now), rates.count(1, &[one], now)), (Ok(()), Ok(())));
        assert!(rates.check(1, one, now).is_err());
    }

    #[test]
    fn clients_that_ask_stay_known_and_there_are_never_more_than_the_limit() {
        let (rates, now) = (Rates::new(), Instant::now());
        let limits = [limit(1, RatePeriod::Hour)];
        rates.count(0, &limits, now).unwrap();
        for key in 1..2 * RATES_MAX {
            rates.count(key, &limits, now).unwrap();
            if key % (RATES_MAX / 4) == 0 {
                assert!(rates.count(0, &limits, now).is_err(), "client 0 was forgotten after {key} others");
            }
        }
        let recent = rates.recent.lock();
        assert!(recent.young.len() + recent.old.len() <= RATES_MAX);
    }
}
