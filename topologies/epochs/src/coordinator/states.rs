//! The states of a plan under the numbers that checkpoints know them by.
//!
//! Owns [`StateNumbers`]. The states of a plan and the newest checkpoint enter; a number for each leaves that no other state ever had.

use std::collections::BTreeSet;

use super::settings::StateChanges;
use crate::checkpoint::{CheckpointHeader, StateId};
use schemas::fingerprint::StateSpec;

/// The number under which a checkpoint holds a state.
pub fn stored_state(header: &CheckpointHeader, state: &StateSpec) -> Option<StateId> {
    header.states.iter().find(|(_, fingerprint, _)| *fingerprint == state.fingerprint.0).map(|(id, _, _)| *id)
}

/// Returns true if a checkpoint has every one of these states.
pub fn holds(header: &CheckpointHeader, states: &[StateSpec]) -> bool {
    states.iter().all(|state| stored_state(header, state).is_some())
}

/// The states of a plan in the order that numbers them in the plan, with the numbers that they have in checkpoints.
#[derive(Clone, Debug)]
pub(super) struct StateNumbers {
    /// the states in the order of the plan, each with its number
    states: Vec<(StateSpec, StateId)>,
    /// the number that no state ever had
    next: u32,
}

impl StateNumbers {
    /// Those of the checkpoint that is gone on with, and new ones behind them for what it does not hold.
    pub fn new(checkpoint: Option<&CheckpointHeader>, specs: Vec<StateSpec>) -> Self {
        let behind = |header: &CheckpointHeader| {
            let used = header.states.iter().map(|(id, _, _)| id.0 + 1).max().unwrap_or(0);
            used.max(header.next_state)
        };
        let mut next = checkpoint.map_or(0, behind);
        let mut number =
            |spec: &StateSpec| checkpoint.and_then(|header| stored_state(header, spec)).unwrap_or_else(|| take(&mut next));
        let states = specs.into_iter().map(|spec| (number(&spec), spec)).map(|(id, spec)| (spec, id)).collect();
        Self { states, next }
    }

    /// The same for another plan: a state that both have keeps its number, unless it is among the `rebuilt`, which are recomputed.
    pub fn replaced(&self, specs: Vec<StateSpec>, rebuilt: &BTreeSet<u32>) -> Self {
        let mut next = self.next;
        let known = |number: usize, spec: &StateSpec| {
            self.find(spec).filter(|_| !rebuilt.contains(&(number as u32))).map(|known| self.states[known].1)
        };
        let numbered = specs.into_iter().enumerate().map(|(number, spec)| {
            let id = known(number, &spec).unwrap_or_else(|| take(&mut next));
            (spec, id)
        });
        Self { states: numbered.collect(), next }
    }

    /// Changes by the numbers of `before`, by the numbers of this plan; those of states that it does not have are dropped.
    pub fn translate(&self, before: &Self, changes: StateChanges) -> StateChanges {
        let place =
            |(_, id): &(StateSpec, StateId)| self.states.iter().position(|(_, other)| other == id).map(|place| place as u32);
        let places: Vec<Option<u32>> = before.states.iter().map(place).collect();
        changes.into_iter().filter_map(|(number, key, value)| Some((places[number as usize]?, key, value))).collect()
    }

    /// The place of a state in the plan.
    pub fn find(&self, spec: &StateSpec) -> Option<usize> {
        self.states.iter().position(|(known, _)| known.fingerprint == spec.fingerprint)
    }

    /// The states with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &(StateSpec, StateId)> {
        self.states.iter()
    }

    /// The number of the state at a place in the plan.
    pub fn id(&self, number: u32) -> StateId {
        self.states[number as usize].1
    }

    /// The number that the next new state gets.
    pub fn next(&self) -> u32 {
        self.next
    }
}

/// Takes the next number.
fn take(next: &mut u32) -> StateId {
    let id = StateId(*next);
    *next += 1;
    id
}

#[cfg(test)]
mod tests {
    use schemas::row::Row;

    use super::*;
    use schemas::fingerprint::Fingerprint;

    fn specs(names: &[&str]) -> Vec<StateSpec> {
        names
            .iter()
            .map(|name| StateSpec { fingerprint: Fingerprint::of(name), name: (*name).to_owned(), topics: Vec::new() })
            .collect()
    }

    fn ids(numbers: &StateNumbers) -> Vec<u32> {
        numbers.iter().map(|(_, id)| id.0).collect()
    }

    #[test]
    fn a_number_is_never_given_to_another_state() {
        let first = StateNumbers::new(None, specs(&["a", "b", "c"]));
        let without = first.replaced(specs(&["a", "b"]), &BTreeSet::new());
        assert_eq!((ids(&without), without.next()), (vec![0, 1], 3));
        let other = without.replaced(specs(&["d", "b", "a"]), &BTreeSet::new());
        assert_eq!(ids(&other), [3, 1, 0], "the entries of 'c' may still be in a run under 2");
        let rebuilt = other.replaced(specs(&["d", "b", "a"]), &BTreeSet::from([1]));
        assert_eq!(ids(&rebuilt), [3, 4, 0], "what is recomputed shares nothing with what was");
    }

    #[test]
    fn changes_follow_their_state_to_another_plan() {
        let before = StateNumbers::new(None, specs(&["a", "b", "c"]));
        let after = before.replaced(specs(&["new", "c", "a"]), &BTreeSet::from([2]));
        let change = |number: u32| (number, Row::from_bytes(&[number as u8]), None);
        let translated = after.translate(&before, vec![change(0), change(1), change(2)]);
        assert_eq!(translated, [(1, Row::from_bytes(&[2]), None)], "'a' is recomputed, 'b' is gone");
    }
}
