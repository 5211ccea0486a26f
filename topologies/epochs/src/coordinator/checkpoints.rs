//! Choice of the next checkpoint to write, and of what may be forgotten once it is durable.
//!
//! The changes since the last one leave as a job; its epoch comes back when it is on the disk. Then the bindings and the part of the log that
//! no start, no sink and no earlier plan that may come back reads any more may go.

use std::collections::BTreeSet;

use schemas::row::Row;

use super::offsets::{offsets_of, stored_offset};
use super::retained::{Retained, fingerprints};
use super::settings::RetainedLimits;
use super::states::holds;
use super::{CheckpointJob, Coordinator, KeptCheckpoint};
use crate::checkpoint::{CHECKPOINTS_KEPT, CheckpointHeader, Checkpoints, RetainedCheckpoint};
use crate::crash_point::{BINDINGS_TRIMMED, CHECKPOINT_WRITTEN_NOT_TRIMMED, crash_point};
use crate::disk::Disk;
use crate::error::EpochError;
use crate::reader::Offsets;
use schemas::fingerprint::StateSpec;

impl<D: Disk> Coordinator<D> {
    /// Decides which of the checkpoints that were found stay: the one that this run begins with, one before it, and those of earlier plans.
    /// What is newer than where this run begins would be continued wrongly.
    pub(super) fn keep(
        &mut self,
        checkpoints: &mut Checkpoints<D>,
        usable: &[CheckpointHeader],
        begin: Option<&CheckpointHeader>,
    ) -> Result<(), EpochError> {
        let first = begin.map(|begin| begin.epoch);
        let specs: Vec<StateSpec> = self.states.iter().map(|(state, _)| state.clone()).collect();
        let older = usable.iter().filter(|header| first.is_some_and(|first| header.epoch <= first));
        for header in older.clone().take(CHECKPOINTS_KEPT) {
            self.kept.push_front(KeptCheckpoint { header: header.clone(), is_whole: holds(header, &specs) });
        }
        // A start with another topology retains what that one lacks, as a deployment does; so does one after a crash in a deployment.
        self.retained = Retained::found(usable.iter(), usable.first());
        self.retained.drop_superfluous(&specs.iter().map(|state| state.fingerprint.0).collect());
        self.retained.give_up(u64::MAX, &RetainedLimits { epochs: u64::MAX, bytes: u64::MAX, ..self.limits });
        let kept: BTreeSet<u64> = older.map(|header| header.epoch).chain(self.retained.epochs()).collect();
        checkpoints.retain(|header| kept.contains(&header.epoch))?;
        if let Some(first) = first {
            checkpoints.continue_from(first);
        }
        Ok(())
    }

    /// A checkpoint of the last complete epoch, unless one is being written or that epoch has one. `meta` is kept with it. The
    /// checkpoints of two epochs are kept; one of them has to be no later than `sink_floor`, the least epoch of the sinks that follow.
    pub fn checkpoint(&mut self, meta: Vec<u8>, sink_floor: Option<u64>) -> Option<CheckpointJob> {
        let (epoch, wall_micros) = self.complete;
        let is_done = |last: &u64| *last >= epoch || sink_floor.is_some_and(|floor| *last > floor);
        // A run that began with a checkpoint of an earlier plan has later ones behind it.
        let is_behind = self.retained.newest().is_some_and(|newest| newest >= epoch);
        if self.writing.is_some() || is_behind || self.newest_checkpoint().as_ref().is_some_and(is_done) {
            return None;
        }
        let chain = self.history.chain(epoch)?;
        let offsets = self.complete_offsets.0.iter().chain(&self.dormant.0);
        let header = CheckpointHeader {
            timeline: self.identity.timeline,
            epoch,
            chain: chain.0,
            plan: self.plan.0,
            wall_micros,
            offsets: offsets.map(stored_offset).collect(),
            states: self.states.iter().map(|(state, id)| (*id, state.fingerprint.0, state.name.clone())).collect(),
            next_state: self.states.next(),
            retained: self.retained_beside(),
            meta,
        };
        self.writing = Some(KeptCheckpoint { header: header.clone(), is_whole: true });
        let bytes = |row: Row| Box::from(row.as_bytes());
        let changes = std::mem::take(&mut self.changes).into_iter();
        let changes = changes.map(|(number, key, value)| (self.states.id(number), bytes(key), value.map(bytes))).collect();
        let is_base = std::mem::take(&mut self.next_is_base);
        Some(CheckpointJob { header, changes, is_base, identity: self.identity.clone() })
    }

    /// Returns the checkpoints kept beside the next one: those of earlier plans, and the one that it continues, which may be
    /// older than those.
    fn retained_beside(&self) -> Vec<RetainedCheckpoint> {
        let mut retained = self.retained.stored();
        if let Some(continued) = self.newest_checkpoint()
            && !retained.is_empty()
            && retained.iter().all(|retained| retained.epoch != continued)
        {
            retained.push(RetainedCheckpoint { epoch: continued, bytes: 0 });
        }
        retained
    }

    /// A checkpoint is durable: what is older than the oldest one that is kept, and than every sink that follows, may go.
    pub fn checkpoint_written(&mut self, epoch: u64, sink_floor: Option<u64>) -> Result<(), EpochError> {
        self.identity.check(self.disk.as_ref())?;
        let written = self.writing.take().filter(|written| written.header.epoch == epoch);
        let Some(written) = written else { panic!("the checkpoint of epoch {epoch} was not being written") };
        self.kept.push_back(written);
        while self.kept.len() > CHECKPOINTS_KEPT {
            self.kept.pop_front();
        }
        self.drop_superfluous();
        let since = self.since(sink_floor);
        crash_point(CHECKPOINT_WRITTEN_NOT_TRIMMED);
        self.bindings.trim(self.retained.oldest().map_or(since, |oldest| oldest.min(since)))?;
        crash_point(BINDINGS_TRIMMED);
        // Sinks are not followed further back than that, however long bindings are kept for an earlier plan.
        let first = self.bindings.first().unwrap_or(since);
        self.history.trim(if self.retained.oldest().is_none() { first } else { since.max(first) });
        Ok(())
    }

    /// Nothing from this epoch on may be forgotten.
    fn since(&self, sink_floor: Option<u64>) -> u64 {
        // With fewer checkpoints than are wanted, the beginning is the fallback.
        let oldest = self.kept.front().filter(|_| self.kept.len() >= CHECKPOINTS_KEPT).map_or(0, |oldest| oldest.header.epoch);
        oldest.min(sink_floor.unwrap_or(u64::MAX)).saturating_sub(self.retained_epochs)
    }

    /// The offsets before which nobody reads the log: no restart, and no earlier plan that comes back. `None` as long as a start may have to
    /// begin at the beginning, or with a checkpoint that lacks states of the plan, which are computed from the beginning then.
    pub fn log_floor(&self) -> Option<Offsets> {
        let oldest = self.kept.front().filter(|_| self.is_whole())?;
        let mut floor = offsets_of(&oldest.header);
        self.retained.lower(&mut floor);
        Some(floor)
    }

    /// Returns true if there are as many checkpoints as are wanted, and each holds every state of the plan.
    fn is_whole(&self) -> bool {
        self.kept.len() >= CHECKPOINTS_KEPT && self.kept.iter().all(|kept| kept.is_whole)
    }

    /// Gives back the part of the log before [`log_floor`](Self::log_floor), unless another incarnation has taken over: that one may have
    /// begun further back.
    pub fn trim_log(&self) -> Result<(), EpochError> {
        self.identity.check(self.disk.as_ref())?;
        // Without a floor everything may still be needed.
        let Some(floor) = self.log_floor() else { return Ok(()) };
        for ((topic, partition), (_, offset)) in &floor.0 {
            self.log.trim(topic, *partition, *offset)?;
        }
        Ok(())
    }

    /// The epoch of the newest checkpoint of this plan, or of the one that it follows, that is durable.
    pub fn newest_checkpoint(&self) -> Option<u64> {
        self.kept.back().map(|kept| kept.header.epoch)
    }

    /// The checkpoints of earlier plans with states that this plan lacks and that can still be brought up to date, newest first.
    pub fn retained(&self) -> impl Iterator<Item = &CheckpointHeader> {
        let plan: BTreeSet<[u8; 32]> = self.states.iter().map(|(state, _)| state.fingerprint.0).collect();
        self.retained.headers().filter(move |header| !fingerprints(header).is_subset(&plan))
    }

    /// Gives up the checkpoint of an earlier plan that can't be read.
    pub fn forget_retained(&mut self, epoch: u64) {
        self.retained.forget(epoch);
    }

    /// Gives up the checkpoints of earlier plans for which too much was bound since; their epochs. Not to be called while one is read.
    pub fn give_up_retained(&mut self) -> Vec<u64> {
        self.retained.give_up(self.complete.0, &self.limits)
    }

    /// Retains the newest checkpoint when it holds states that the next plan lacks, and notes which hold all of that one's.
    pub(super) fn retain_for(&mut self, next: &[StateSpec]) {
        let plan = next.iter().map(|state| state.fingerprint.0).collect();
        let newest = self.kept.back().filter(|newest| !fingerprints(&newest.header).is_subset(&plan));
        if let Some(newest) = newest {
            self.retained.add(newest.header.clone());
        }
        for kept in self.kept.iter_mut().chain(&mut self.writing) {
            kept.is_whole = holds(&kept.header, next);
        }
    }

    /// Lets go of checkpoints of earlier plans that are of no use, once those of this plan need none to fall back to.
    pub(super) fn drop_superfluous(&mut self) {
        if self.is_whole() {
            self.retained.drop_superfluous(&self.states.iter().map(|(state, _)| state.fingerprint.0).collect());
        }
    }
}
