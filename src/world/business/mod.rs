//! Made-up businesses for `topologies/commerce`, `tasks` and `agents`: endless, different for each seed, and the same for the same seed.
//!
//! A kind, a seed and a time enter; lines of JSON leave as their times come. Memory is bounded by what is under way, a few minutes of it.
//!
//! ```
//! use tidewater::world::{BusinessKind, Producer};
//!
//! let start = 1_704_067_200_000_000;
//! let mut producer = Producer::new(BusinessKind::Commerce, 1, start);
//! let past = producer.past(500, start + 3_600_000_000);
//! assert!(past.iter().any(|line| line.contains("order.created")));
//! ```

mod agenda;
mod assistant;
mod shop;
mod todo;

use agenda::{Agenda, Business, SECOND};
use assistant::Assistant;
use shop::Shop;
use todo::ToDoList;

/// Seed of every producer: each start makes up the same business.
const SEED: u64 = 1;

/// Businesses that can be made up, each with the topology of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusinessKind {
    /// a shop with orders, stock and devices
    Commerce,
    /// a to-do application
    Tasks,
    /// a coding assistant
    Agents,
}

impl BusinessKind {
    /// Returns a number that no other business has.
    fn number(self) -> u16 {
        match self {
            Self::Commerce => 2,
            Self::Tasks => 3,
            Self::Agents => 4,
        }
    }
}

/// A business at work; see the module.
#[derive(Debug)]
pub struct Producer {
    business: Box<dyn Business>,
    agenda: Agenda,
    /// time at which it opened, microseconds since 1970
    start: i64,
    /// beginning of the time that [`Producer::until`] fills
    from: i64,
    /// events that were planned before it
    planned_before: u64,
    events_per_second: u32,
    /// time up to which lines were given out
    shown: i64,
}

impl Producer {
    /// A business that opens at `start`, microseconds since 1970; its ids are `first_id` and larger ones.
    pub fn new(kind: BusinessKind, first_id: u64, start: i64) -> Self {
        let mut agenda = Agenda::new(SEED, kind.number(), first_id);
        let mut business: Box<dyn Business> = match kind {
            BusinessKind::Commerce => Box::new(Shop::new(SEED, first_id)),
            BusinessKind::Tasks => Box::new(ToDoList::new(SEED, first_id)),
            BusinessKind::Agents => Box::new(Assistant::new(SEED, first_id)),
        };
        business.open(&mut agenda, start);
        let planned = agenda.planned();
        Self { business, agenda, start, from: start, planned_before: planned, events_per_second: 0, shown: start }
    }

    /// Returns the lines of a past of about so many events that lasts from the opening until `until`. What is under way then goes on later.
    pub fn past(&mut self, events: u64, until: i64) -> Vec<String> {
        let span = (until - self.start).max(0) as u128;
        let before = self.agenda.planned();
        while self.agenda.planned() - before < events {
            let since = u128::from(self.agenda.planned() - before) * span / u128::from(events);
            self.business.begin(&mut self.agenda, self.start + since as i64);
        }
        self.shown = until;
        self.agenda.until(until)
    }

    /// Goes on from `from` with about so many events a second.
    pub fn go_on(&mut self, events_per_second: u32, from: i64) {
        self.from = from;
        self.planned_before = self.agenda.planned();
        self.events_per_second = events_per_second;
    }

    /// Returns the lines whose time has come by `now`.
    pub fn until(&mut self, now: i64) -> Vec<String> {
        let rate = u128::from(self.events_per_second);
        let due = (now - self.from).max(0) as u128 * rate / SECOND as u128;
        while self.planned_live() < due {
            let since = self.planned_live() * SECOND as u128 / rate.max(1);
            // Nothing begins before what was given out already: events of an aggregate keep the order of their times.
            let at = (self.from + since as i64).max(self.shown + 1);
            self.business.begin(&mut self.agenda, at);
        }
        self.shown = now.max(self.shown);
        self.agenda.until(now)
    }

    fn planned_live(&self) -> u128 {
        u128::from(self.agenda.planned() - self.planned_before)
    }
}

#[cfg(test)]
mod tests;
