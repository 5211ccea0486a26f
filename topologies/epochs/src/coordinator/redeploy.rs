//! Another plan while running: what is followed from now on, what was bound since a checkpoint, and the epoch at which the plans change.
//!
//! A plan that is to replace the running one is computed beside it, from a checkpoint and the epochs bound since. When it is as far as the
//! running one, [`Coordinator::switch`] binds the epoch at which it takes over, and [`Coordinator::redeploy`] hands its states over.

use std::collections::{BTreeMap, BTreeSet};

use schemas::position::{Offset, Partition, Topic};
use sources::record::TopicMetadata;

use super::begin::lost_states;
use super::settings::StateChanges;
use super::{Coordinator, EpochInput, WallSource};
use crate::binding::{Binding, Control};
use crate::checkpoint::CheckpointHeader;
use crate::disk::Disk;
use crate::error::EpochError;
use crate::lost_history::LostHistory;
use schemas::fingerprint::{Fingerprint, StateSpec};

impl<D: Disk> Coordinator<D> {
    /// Reads these topics too from the next epoch on: each from where it was read last, or else from its beginning.
    pub fn follow(&mut self, topics: &[TopicMetadata]) -> Result<(), EpochError> {
        let mut read_until = self.dormant.clone();
        read_until.0.extend(self.complete_offsets.0.clone());
        self.reader.follow(topics, &read_until)?;
        for (partition, position) in self.reader.positions().0 {
            self.dormant.0.remove(&partition);
            self.complete_offsets.0.entry(partition).or_insert(position);
        }
        Ok(())
    }

    /// True while topics that are followed later than others are still behind them, so that their history is only partly bound.
    pub fn is_catching_up(&self) -> bool {
        self.reader.is_catching_up()
    }

    /// Every epoch that was bound after this one, oldest first.
    pub fn bound_after(&self, epoch: u64) -> impl Iterator<Item = Result<Binding, EpochError>> + '_ {
        self.bindings.read(epoch + 1)
    }

    /// The states of a plan to come that would be computed from a log whose beginning is gone: those that neither the plan has nor, all of
    /// them, a checkpoint of an earlier one. Those among the `rebuilt` are computed from the log in any case.
    pub fn lost_history(&self, states: &[StateSpec], rebuilt: &BTreeSet<u32>) -> Result<Vec<LostHistory>, EpochError> {
        let is_rebuilt = |number: usize| rebuilt.contains(&(number as u32));
        let is_retained = self.retained_checkpoint(states, rebuilt).is_some();
        let computed = states
            .iter()
            .enumerate()
            .filter(|(number, state)| is_rebuilt(*number) || (!is_retained && self.states.find(state).is_none()));
        lost_states(self.log.as_ref(), computed.map(|(_, state)| state))
    }

    /// The checkpoint of an earlier plan with which a plan to come begins, because it holds all of these states and the plan lacks some;
    /// those among the `rebuilt` are of no interest.
    pub fn retained_checkpoint(&self, states: &[StateSpec], rebuilt: &BTreeSet<u32>) -> Option<&CheckpointHeader> {
        let numbered = states.iter().enumerate();
        let wanted = numbered.filter(|(number, _)| !rebuilt.contains(&(*number as u32))).map(|(_, state)| state);
        if wanted.clone().all(|state| self.states.find(state).is_some()) {
            return None;
        }
        self.retained.holding(wanted)
    }

    /// Returns true if the plan has this state.
    pub fn has_state(&self, state: &StateSpec) -> bool {
        self.states.find(state).is_some()
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

    /// Goes on with another plan from the last complete epoch on. The states that it lacks are retained as of the newest checkpoint.
    /// `changes` are the entries of the states that it has and the one before had not, or that are among the `rebuilt`: those of states
    /// that both have were handed over as they changed.
    pub fn redeploy(&mut self, plan: Fingerprint, states: Vec<StateSpec>, rebuilt: &BTreeSet<u32>, changes: StateChanges) {
        self.retain_for(&states);
        let states = self.states.replaced(states, rebuilt);
        let pending = std::mem::take(&mut self.changes);
        self.changes = states.translate(&self.states, pending);
        self.changes.extend(changes);
        (self.plan, self.states) = (plan, states);
    }
}
