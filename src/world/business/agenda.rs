//! Events that a made-up business will send, in the order of their times.
//!
//! Owns the form of their lines, which is that of the envelope of topologies/commerce, tasks and agents. Events are planned for a time, also one
//! that lies ahead; lines leave when their time has come, some of them a second time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;

use schemas::time::write_timestamp;

use crate::world::event::write_event_id;
use crate::world::random::Random;

/// Microseconds of a second.
pub(super) const SECOND: i64 = 1_000_000;
/// One event in so many is sent again, as by a relay that did not hear that it was taken.
const REPEATED_ONE_IN: u64 = 200;
/// Longest time after which an event is sent again.
const REPEATED_AFTER_MAX: u64 = 60 * SECOND as u64;

/// A business that can be made up.
pub(super) trait Business: std::fmt::Debug {
    /// Plans what everything else refers to, from `at` on.
    fn open(&mut self, agenda: &mut Agenda, at: i64);

    /// Begins one thing at `at`, such as an order, and plans all of its events: at least one.
    fn begin(&mut self, agenda: &mut Agenda, at: i64);
}

/// One event without its id and time.
#[derive(Debug)]
pub(super) struct Happening<'a> {
    /// topic that it is sent to
    pub(super) topic: &'a str,
    /// such as `order.created`
    pub(super) event_type: &'a str,
    /// id of its aggregate
    pub(super) aggregate: &'a str,
    /// user who caused it
    pub(super) actor: u64,
    /// members of its own, as a JSON object
    pub(super) payload: String,
}

/// Lines that wait for their times.
#[derive(Debug)]
pub(super) struct Agenda {
    random: Random,
    /// part of every event id, so that businesses side by side have ids of their own
    world: u16,
    /// number of the last event
    number: u64,
    /// lines planned so far, those that are sent again not counted
    planned: u64,
    /// lines that ever waited, which orders those of one time
    order: u64,
    /// lines that are still to be sent, ordered by time and then as they were planned
    waiting: BinaryHeap<Reverse<(i64, u64, String)>>,
}

impl Agenda {
    /// Nothing planned; events are numbered from `first_id` on.
    pub(super) fn new(seed: u64, world: u16, first_id: u64) -> Self {
        Self { random: Random::new(seed), world, number: first_id, planned: 0, order: 0, waiting: BinaryHeap::new() }
    }

    /// Plans an event.
    pub(super) fn plan(&mut self, at: i64, happening: &Happening<'_>) {
        self.number += 1;
        let Happening { topic, event_type, aggregate, actor, payload } = happening;
        let mut line = format!("{{\"topic\":\"{topic}\",\"event\":{{\"event_id\":\"");
        write_event_id(at, self.world, self.number, &mut line);
        let _ = write!(
            line,
            "\",\"event_type\":\"{event_type}\",\"schema_version\":1,\"aggregate_id\":\"{aggregate}\",\"occurred_at\":\""
        );
        write_timestamp(at, &mut line);
        let _ = write!(line, "\",\"actor_id\":\"{actor}\",\"payload\":{payload}}}}}");
        if self.random.one_in(REPEATED_ONE_IN) {
            let later = at + self.random.below(REPEATED_AFTER_MAX) as i64;
            self.wait(later, line.clone());
        }
        self.planned += 1;
        self.wait(at, line);
    }

    /// Plans a line that has another form.
    pub(super) fn plan_line(&mut self, at: i64, line: String) {
        self.planned += 1;
        self.wait(at, line);
    }

    fn wait(&mut self, at: i64, line: String) {
        self.order += 1;
        self.waiting.push(Reverse((at, self.order, line)));
    }

    /// Returns the number of lines planned so far.
    pub(super) fn planned(&self) -> u64 {
        self.planned
    }

    /// Takes the lines whose time has come by `now`.
    pub(super) fn until(&mut self, now: i64) -> Vec<String> {
        let mut lines = Vec::new();
        while self.waiting.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            lines.extend(self.waiting.pop().map(|Reverse((.., line))| line));
        }
        lines
    }
}
