//! Another plan while running: what is followed from now on, what was bound since a checkpoint, and the epoch at which the plans change.
//!
//! A plan that is to replace the running one is computed aside, from a checkpoint and the epochs bound since. When it is as far as the
//! running one, [`Coordinator::switch`] binds the epoch at which it takes over, and [`Coordinator::redeploy`] hands its states over.

use std::collections::{BTreeMap, BTreeSet};

use schemas::position::{Offset, Partition, Topic};
use sources::log::TopicMetadata;

use super::{Coordinator, EpochInput, StateChanges, StateSpec, WallSource};
use crate::binding::{Binding, Control, Fingerprint};
use crate::disk::Disk;
use crate::error::EpochError;

impl<D: Disk> Coordinator<D> {
    /// Reads these topics too from the next epoch on: each from where it was read last, or else from its beginning.
    pub fn follow(&mut self, topics: &[TopicMetadata]) -> Result<(), EpochError> {
        self.reader.follow(topics, &self.complete_offsets)?;
        for (partition, position) in self.reader.positions().0 {
            self.complete_offsets.0.entry(partition).or_insert(position);
        }
        Ok(())
    }

    /// Every epoch that was bound after this one, oldest first.
    pub fn bound_after(&self, epoch: u64) -> Result<Vec<Binding>, EpochError> {
        self.bindings.read(epoch + 1).collect()
    }

    /// The epoch of the newest checkpoint that is durable.
    pub fn newest_checkpoint(&self) -> Option<u64> {
        self.kept.back().copied()
    }

    /// The next offset of every partition that is followed, behind everything that is bound.
    pub fn bound_offsets(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.reader.offsets()
    }

    /// Binds the epoch from which on generation `generation` computes, with the records that are there. It is durable when this returns.
    pub fn switch(&mut self, wall: &mut dyn WallSource, generation: u64) -> Result<EpochInput, EpochError> {
        let (ranges, records) = self.reader.read_next()?;
        self.bind(wall, ranges, records, Some(Control::Deploy(generation)))
    }

    /// Goes on with another plan from the last complete epoch on. `changes` are the entries of the states that it has and the one before
    /// had not, or that are among the `anew`: those of states that both have were handed over as they changed.
    pub fn redeploy(&mut self, plan: Fingerprint, states: Vec<StateSpec>, anew: &BTreeSet<u32>, changes: StateChanges) {
        let states = self.states.replaced(states, anew);
        let pending = std::mem::take(&mut self.changes);
        self.changes = states.translate(&self.states, pending);
        self.changes.extend(changes);
        (self.plan, self.states) = (plan, states);
    }
}
