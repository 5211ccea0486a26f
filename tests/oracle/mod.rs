//! The truth: every view computed from scratch from the events, as its definition says it, with nothing but ordered maps.
//!
//! Lines enter in order of arrival ([`Oracle::add`]); [`Oracle::state`] recomputes what the events lead to, and each view is a
//! function of that [`State`] (`views.rs`) that yields rows of JSON, sorted as the definition says. Slow on purpose.

pub mod event;
pub mod expected;
pub mod state;
pub mod views;

use std::collections::BTreeSet;

use event::Event;
use state::State;

/// The distinct events so far, in order of their first arrival.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    seen: BTreeSet<String>,
    events: Vec<Event>,
}

impl Oracle {
    /// No events.
    pub fn new() -> Self {
        Self::default()
    }

    /// The oracle of all these lines.
    pub fn of<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut oracle = Self::new();
        for line in lines {
            oracle.add(line);
        }
        oracle
    }

    /// One line; of lines with one event id the first counts.
    pub fn add(&mut self, line: &str) {
        let (id, event) = event::read(line);
        if self.seen.insert(id) {
            self.events.push(event);
        }
    }

    /// The largest time of all events, microseconds since 1970.
    pub fn end(&self) -> i64 {
        self.events.iter().map(|event| event.at).max().unwrap_or(0)
    }

    /// Returns the state that the events lead to.
    pub fn state(&self) -> State {
        State::of(&self.events)
    }
}
