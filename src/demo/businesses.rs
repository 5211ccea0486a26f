//! The businesses of a demo: a past for each, and what they send as time goes on.

use super::domain::Domain;
use crate::world::Producer;

/// Events of each business in its past.
const PAST_EVENTS: u64 = 6_000;

/// Producers of the domains that are no social network.
#[derive(Debug)]
pub(super) struct Businesses {
    producers: Vec<Producer>,
    /// events per second of each; 0 for none
    rate: u32,
}

impl Businesses {
    /// Businesses that opened at `start` and whose past lasts until `now`, with the lines of it.
    pub(super) fn with_past(domains: &[Domain], rate: u32, start: i64, now: i64) -> (Self, Vec<String>) {
        let mut businesses = Self::opened(domains, rate, 1, start);
        let lines = businesses.producers.iter_mut().flat_map(|producer| producer.past(PAST_EVENTS, now)).collect();
        (businesses, lines)
    }

    /// Businesses that open now, with ids from `first_id` on: those of an earlier start are below it.
    pub(super) fn opened(domains: &[Domain], rate: u32, first_id: u64, now: i64) -> Self {
        let kinds = domains.iter().filter_map(|domain| domain.business());
        Self { producers: kinds.map(|kind| Producer::new(kind, first_id, now)).collect(), rate }
    }

    /// Has them go on from `now`.
    pub(super) fn go_on(&mut self, now: i64) {
        self.producers.iter_mut().for_each(|producer| producer.go_on(self.rate, now));
    }

    /// Returns the lines whose time has come by `now`.
    pub(super) fn until(&mut self, now: i64) -> Vec<String> {
        if self.rate == 0 {
            return Vec::new();
        }
        self.producers.iter_mut().flat_map(|producer| producer.until(now)).collect()
    }
}
