//! Changes of the last epochs, for those who follow a view from one epoch to the next.
//!
//! Owns [`ChangeHistory`], one for all followers: a follower is no more than the epoch it has come to. Published changes enter; [`Step`]s
//! leave, one epoch at a time and none left out. What is older than the limits is forgotten, and a follower that has not come that far gets
//! [`Forgotten`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use schemas::position::Epoch;

use super::commit::EpochChanges;
use super::ids::IndexId;

/// The most bytes of changes that are remembered, unless configured.
pub const HISTORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most epochs whose changes are remembered, unless configured.
pub const HISTORY_EPOCHS_MAX: usize = 4_096;

/// Limits of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// bytes of changes
    pub bytes: usize,
    /// epochs
    pub epochs: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { bytes: HISTORY_BYTES_MAX, epochs: HISTORY_EPOCHS_MAX }
    }
}

/// The way from one published epoch to the next.
#[derive(Clone, Debug)]
pub struct Step {
    /// the epoch before
    pub previous: Epoch,
    /// changes that became visible after it
    pub changes: Arc<EpochChanges>,
}

/// The error that the changes after an epoch are not known, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the changes after epoch {epoch} are not remembered; read the rows again and follow them from there")]
pub struct Forgotten {
    /// the epoch that was asked for
    pub epoch: Epoch,
}

/// The changes of the last epochs, in their order, without a gap.
#[derive(Default)]
pub(super) struct ChangeHistory {
    /// limits in force; a change takes effect at once
    limits: HistoryLimits,
    /// steps with their bytes, oldest first; the epoch of one is the previous epoch of the next
    steps: VecDeque<(Step, usize)>,
    /// sum of the bytes of `steps`
    bytes: usize,
    /// `None` until the first publish, which shows rows and changes none
    latest: Option<Epoch>,
    /// epochs at which indexes became visible that were not there from the start
    shown: BTreeMap<IndexId, Epoch>,
}

impl ChangeHistory {
    /// Adds an epoch, with the indexes that became visible and those that went away with it; returns what is forgotten, to be freed where
    /// no reader has to wait for it.
    pub fn push(&mut self, changes: &Arc<EpochChanges>, shown: &[IndexId], removed: &[IndexId]) -> Vec<Step> {
        let epoch = changes.epoch;
        removed.iter().for_each(|index| {
            self.shown.remove(index);
        });
        self.shown.extend(shown.iter().map(|index| (*index, epoch)));
        if let Some(previous) = self.latest.replace(epoch) {
            let bytes = size_of::<Step>() + changes.memory_bytes();
            self.bytes += bytes;
            self.steps.push_back((Step { previous, changes: Arc::clone(changes) }, bytes));
        }
        self.forget()
    }

    /// Sets the limits; returns what they no longer allow, to be freed where no reader has to wait for it.
    pub fn set_limits(&mut self, limits: HistoryLimits) -> Vec<Step> {
        self.limits = limits;
        self.forget()
    }

    /// Drops the oldest steps until both limits hold, also when that leaves none.
    fn forget(&mut self) -> Vec<Step> {
        let mut forgotten = Vec::new();
        while self.bytes > self.limits.bytes || self.steps.len() > self.limits.epochs {
            let Some((step, bytes)) = self.steps.pop_front() else { break };
            self.bytes -= bytes;
            forgotten.push(step);
        }
        forgotten
    }

    /// The steps after an epoch at which the index was there.
    pub fn after(&self, index: IndexId, epoch: Epoch) -> Result<impl Iterator<Item = &Step>, Forgotten> {
        let first = self.steps.partition_point(|(step, _)| step.previous < epoch);
        let begins_there = match self.steps.get(first) {
            Some((step, _)) => step.previous == epoch,
            // Nothing is published yet: epoch 0 is what a snapshot shows, and nothing follows it.
            None => self.latest.unwrap_or(Epoch(0)) == epoch,
        };
        if !begins_there || self.shown.get(&index).is_some_and(|shown| *shown > epoch) {
            return Err(Forgotten { epoch });
        }
        Ok(self.steps.range(first..).map(|(step, _)| step))
    }
}
