//! Checkpoints of earlier plans, kept so that their states can be brought up to date when such a plan comes back.
//!
//! Owns [`Retained`]. When a plan takes over that lacks states of the one before, the newest checkpoint of that one enters. As long as it
//! is retained nothing that was bound since is forgotten, neither bindings nor records: the checkpoint and the epochs since are that
//! state of today, also where the log no longer has its beginning. That costs disk, so there are limits, and beyond them it is given up.

use std::collections::BTreeSet;

use super::offsets::offsets_of;
use super::settings::RetainedLimits;
use super::states::stored_state;
use crate::checkpoint::{CheckpointHeader, RetainedCheckpoint};
use crate::reader::Offsets;
use schemas::fingerprint::StateSpec;

/// A checkpoint of an earlier plan.
#[derive(Clone, Debug)]
struct Earlier {
    /// the newest checkpoint of its plan
    header: CheckpointHeader,
    /// bytes of the records that were bound since
    bytes: u64,
}

/// The checkpoints of earlier plans, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Retained {
    /// newest first; their epochs differ
    earlier: Vec<Earlier>,
}

impl Retained {
    /// Those that a start finds, newest first; `newest` knows how much was bound since.
    pub fn found<'h>(found: impl Iterator<Item = &'h CheckpointHeader>, newest: Option<&CheckpointHeader>) -> Self {
        let known = |epoch: u64| newest?.retained.iter().find(|retained| retained.epoch == epoch).map(|retained| retained.bytes);
        let earlier = found.map(|header| Earlier { header: header.clone(), bytes: known(header.epoch).unwrap_or(0) });
        Self { earlier: earlier.collect() }
    }

    /// Retains another one, which is newer than all others.
    pub fn add(&mut self, header: CheckpointHeader) {
        if self.earlier.iter().all(|earlier| earlier.header.epoch != header.epoch) {
            self.earlier.insert(0, Earlier { header, bytes: 0 });
        }
    }

    /// Records of so many bytes were bound.
    pub fn bound(&mut self, bytes: u64) {
        self.earlier.iter_mut().for_each(|earlier| earlier.bytes += bytes);
    }

    /// Lets go of those whose states are all in the plan, or in a newer one of these.
    pub fn drop_superfluous(&mut self, plan: &BTreeSet<[u8; 32]>) {
        let mut needed: Vec<(Earlier, BTreeSet<[u8; 32]>)> = Vec::new();
        for earlier in std::mem::take(&mut self.earlier) {
            let states = fingerprints(&earlier.header);
            if !states.is_subset(plan) && needed.iter().all(|(_, newer)| !states.is_subset(newer)) {
                needed.push((earlier, states));
            }
        }
        self.earlier = needed.into_iter().map(|(earlier, _)| earlier).collect();
    }

    /// Gives up those beyond a limit; their epochs.
    pub fn give_up(&mut self, completed: u64, limits: &RetainedLimits) -> Vec<u64> {
        let mut place = 0;
        let given_up = self.earlier.extract_if(.., |earlier| {
            place += 1;
            place > limits.generations
                || earlier.bytes > limits.bytes
                || completed.saturating_sub(earlier.header.epoch) > limits.epochs
        });
        given_up.map(|earlier| earlier.header.epoch).collect()
    }

    /// Gives up one of them.
    pub fn forget(&mut self, epoch: u64) {
        self.earlier.retain(|earlier| earlier.header.epoch != epoch);
    }

    /// The newest one that holds all of these states.
    pub fn holding<'s>(&self, states: impl Iterator<Item = &'s StateSpec> + Clone) -> Option<&CheckpointHeader> {
        self.headers().find(|header| states.clone().all(|state| stored_state(header, state).is_some()))
    }

    /// All of them, newest first.
    pub fn headers(&self) -> impl Iterator<Item = &CheckpointHeader> {
        self.earlier.iter().map(|earlier| &earlier.header)
    }

    /// Their epochs, newest first.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.headers().map(|header| header.epoch)
    }

    /// The epoch of the newest one.
    pub fn newest(&self) -> Option<u64> {
        self.epochs().max()
    }

    /// The epoch of the oldest one.
    pub fn oldest(&self) -> Option<u64> {
        self.epochs().min()
    }

    /// As the next checkpoint names them.
    pub fn stored(&self) -> Vec<RetainedCheckpoint> {
        self.earlier.iter().map(|earlier| RetainedCheckpoint { epoch: earlier.header.epoch, bytes: earlier.bytes }).collect()
    }

    /// Lowers offsets to those that are read from when one of these is brought up to date.
    pub fn lower(&self, floor: &mut Offsets) {
        for (partition, (id, offset)) in self.headers().flat_map(|header| offsets_of(header).0) {
            let (_, lowest) = floor.0.entry(partition).or_insert((id, offset));
            *lowest = offset.min(*lowest);
        }
    }
}

/// The fingerprints of a checkpoint's states.
pub(super) fn fingerprints(header: &CheckpointHeader) -> BTreeSet<[u8; 32]> {
    header.states.iter().map(|(_, fingerprint, _)| *fingerprint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::StateId;

    fn header(epoch: u64, states: &[u8]) -> CheckpointHeader {
        let states = states.iter().map(|state| (StateId(u32::from(*state)), [*state; 32], String::new())).collect();
        let offsets = vec![("t".to_owned(), 1, 0, epoch * 10)];
        CheckpointHeader { epoch, states, offsets, ..CheckpointHeader::default() }
    }

    #[test]
    fn only_states_that_are_nowhere_else_are_retained() {
        let mut retained = Retained::default();
        for (epoch, states) in [(1, &[1, 2][..]), (2, &[1, 3]), (3, &[1, 2, 4])] {
            retained.add(header(epoch, states));
        }
        retained.add(header(3, &[1, 2, 4]));
        retained.drop_superfluous(&BTreeSet::from([[1; 32]]));
        assert_eq!(retained.epochs().collect::<Vec<_>>(), [3, 2], "what the first holds the third holds too");
        retained.drop_superfluous(&BTreeSet::from([[1; 32], [3; 32]]));
        assert_eq!(retained.epochs().collect::<Vec<_>>(), [3], "the plan has the states of the second again");
        let mut floor = Offsets::default();
        retained.lower(&mut floor);
        assert_eq!(floor.0.values().map(|(_, offset)| offset.0).collect::<Vec<_>>(), [30]);
    }

    #[test]
    fn each_limit_gives_up_and_how_much_was_bound_is_found_again() {
        let limits = RetainedLimits { generations: 2, epochs: 100, bytes: 1_000 };
        let mut retained = Retained::default();
        (1..=3).for_each(|epoch| retained.add(header(epoch, &[epoch as u8])));
        assert_eq!(retained.give_up(3, &limits), [1], "one too many");
        retained.bound(600);
        retained.add(header(50, &[50]));
        retained.bound(500);
        let newest = CheckpointHeader { retained: retained.stored(), ..header(60, &[]) };
        let found: Vec<CheckpointHeader> = retained.headers().cloned().collect();
        let mut found = Retained::found(found.iter(), Some(&newest));
        assert_eq!(found.give_up(60, &limits), [3, 2], "more was bound since");
        assert_eq!((found.give_up(150, &limits), found.give_up(151, &limits)), (vec![], vec![50]), "too many epochs");
    }
}
