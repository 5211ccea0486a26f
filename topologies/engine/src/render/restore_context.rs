//! Kept states on one worker: what each operator starts from, and where it reports how its state changed.
//!
//! Owns [`RestoreContext`]. The restored entries of this worker enter; each operator that keeps state takes its own. Changes go to the worker's
//! drain, epoch by epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use operators::Time;
use operators::state::KeptState;
use schemas::row::Row;

use super::drain::Drain;
use crate::epoch_clock::Clock;
use crate::state::restored::Restored;
use language::plan::kept::{Kept, KeptStates};

/// State that one worker restores.
pub struct RestoreContext {
    /// the epoch that the restored entries are of; the first that is published
    pub start: Time,
    /// states that were not kept: they are computed from records that come before `start`
    pub missing: Arc<BTreeSet<u32>>,
    /// the states that the topology keeps
    pub states: Arc<KeptStates>,
    /// the entries, by the number of the state
    pub restored: Restored,
    /// the clock by which rows of tables end
    pub clock: Clock,
}

impl RestoreContext {
    /// The state of something that is kept.
    pub fn state(&mut self, kept: Kept, drain: &Drain) -> KeptState {
        let Some(number) = self.states.number(kept) else {
            panic!("{kept:?} was rendered, but is not among what the topology keeps");
        };
        let drain = drain.clone();
        let restored = self.restored.remove(&number).unwrap_or_default();
        let start = if self.missing.contains(&number) { self.begin() } else { self.start };
        KeptState::new(start, restored, move |time, change| drain.state(time, number, change.key, change.value))
    }

    /// Returns the time at which the dataflow begins.
    pub fn begin(&self) -> Time {
        if self.missing.is_empty() { self.start } else { Time::MIN }
    }

    /// Returns true if something was restored, so that it must not see again what came until `start`.
    pub fn is_restored(&self, kept: Kept) -> bool {
        let number = self.states.number(kept);
        self.start > Time::MIN && number.is_some_and(|number| !self.missing.contains(&number))
    }

    /// The entries of something that keeps its state itself, and its number.
    pub fn entries(&mut self, kept: Kept) -> (u32, Vec<(Row, Row)>) {
        let Some(number) = self.states.number(kept) else {
            panic!("{kept:?} was rendered, but is not among what the topology keeps");
        };
        (number, self.restored.remove(&number).unwrap_or_default())
    }
}
