//! The way from producers to the log: some events are late, some come twice.
//!
//! Owns the events under way. Lines with the time they occurred at enter in that order; lines leave in the order in which they
//! arrive. The order within an aggregate is kept, and a repeated line comes some time after its first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::event::Aggregate;
use super::random::Random;

/// One event in so many is late.
const LATE_ONE_IN: u64 = 20;
/// The most that an event is late, in microseconds.
pub const LATENESS_MICROS_MAX: i64 = 5_000_000;
/// One event in so many comes a second time.
const REPEATED_ONE_IN: u64 = 200;
/// Second copies that are kept back at once: on average a copy comes this many times [`REPEATED_ONE_IN`] lines after it
const REPEATS_HELD: usize = 64;

/// Events under way; at most what occurs within the largest lateness, and a fixed number of copies.
#[derive(Debug)]
pub(super) struct Arrivals {
    random: Random,
    /// events under way, by arrival, then in the order sent
    under_way: BinaryHeap<Reverse<(i64, u64, Aggregate, String)>>,
    /// the last arrival of each aggregate that has events under way
    last_of: BTreeMap<Aggregate, i64>,
    sent: u64,
    /// second copies
    held: Vec<String>,
    arrived: VecDeque<String>,
}

impl Arrivals {
    /// Nothing under way.
    pub(super) fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        Self {
            random,
            under_way: BinaryHeap::new(),
            last_of: BTreeMap::new(),
            sent: 0,
            held: Vec::new(),
            arrived: VecDeque::new(),
        }
    }

    /// Sends an event. Those sent before occurred earlier or at the same time.
    pub(super) fn send(&mut self, aggregate: Aggregate, occurred_at: i64, line: String) {
        let late = if self.random.one_in(LATE_ONE_IN) { self.random.below(LATENESS_MICROS_MAX as u64) as i64 } else { 0 };
        let not_before = self.last_of.get(&aggregate).copied().unwrap_or(i64::MIN);
        let arrival = (occurred_at + late).max(not_before);
        self.last_of.insert(aggregate.clone(), arrival);
        self.sent += 1;
        self.under_way.push(Reverse((arrival, self.sent, aggregate, line)));
    }

    /// Lets everything arrive that does so before `now`.
    pub(super) fn advance(&mut self, now: i64) {
        while let Some(Reverse((arrival, ..))) = self.under_way.peek() {
            if *arrival >= now {
                return;
            }
            self.arrive();
        }
    }

    /// Lets everything arrive, with all the copies.
    pub(super) fn flush(&mut self) {
        self.advance(i64::MAX);
        self.arrived.extend(self.held.drain(..));
    }

    /// The next line that has arrived.
    pub(super) fn take(&mut self) -> Option<String> {
        self.arrived.pop_front()
    }

    fn arrive(&mut self) {
        let Some(Reverse((arrival, _, aggregate, line))) = self.under_way.pop() else { return };
        if self.last_of.get(&aggregate) == Some(&arrival) {
            self.last_of.remove(&aggregate);
        }
        let copy = self.random.one_in(REPEATED_ONE_IN).then(|| line.clone());
        self.arrived.push_back(line);
        let Some(copy) = copy else { return };
        if self.held.len() < REPEATS_HELD {
            self.held.push(copy);
        } else {
            let place = self.random.index(REPEATS_HELD);
            self.arrived.push_back(std::mem::replace(&mut self.held[place], copy));
        }
    }
}
