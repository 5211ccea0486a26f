//! Publishing: an epoch that is computed becomes visible, all of it at once, and its changes of state go to the next checkpoint.
//!
//! Owns the order of the steps. Readers, sinks and checkpoints never see a part of an epoch, nor one before another that was bound earlier.

use epochs::coordinator::StateChanges;
use epochs::crash_point::{COMPUTED, PUBLISHED, crash_point};
use epochs::error::EpochError;
use schemas::dead_letter::RowError;
use schemas::position::Epoch;
use schemas::row::Diff;
use sinks::views::{CatalogueChange, Commit};

use super::driver::{BoundEpoch, Driver};
use crate::compute::computation::EpochResult;
use crate::deploy::candidate::CandidateCommit;
use crate::deploy::machine::DeployEvent;
use crate::deploy::underway::Takeover;
use crate::state::dead_letters::{EpochLetters, LetterStep, steps_in_order};

impl Driver {
    /// Makes an epoch visible, with a new topology if one takes over with it.
    pub(super) fn publish(
        &mut self,
        bound: BoundEpoch,
        result: EpochResult,
        takeover: Option<Takeover>,
    ) -> Result<(), EpochError> {
        let (number, bound_at) = (bound.epoch, bound.bound_at);
        self.check_order(number, result.epoch);
        self.parts.quarantine.computed(number);
        let (events, duplicates) = (result.events, result.duplicates);
        let is_takeover = takeover.is_some();
        let (commit, state) = self.commit(bound, result, takeover);
        crash_point(COMPUTED);
        let changes = self.parts.publisher.publish(commit).unwrap_or_else(|error| {
            eprintln!("epoch {number} can't be published: {error}; the process ends, acknowledged events are in the log");
            std::process::abort();
        });
        crash_point(PUBLISHED);
        self.parts.coordinator.complete(number, state);
        if is_takeover {
            self.deployment_event(DeployEvent::Shown)?;
        }
        self.parts.quarantine.completed(number);
        if let Some(oldest) = self.parts.computation.in_flight().next() {
            self.parts.quarantine.computing(oldest.epoch);
        }
        if let Some(next) = self.parts.computation.in_flight().find(|epoch| epoch.has_records) {
            self.parts.quarantine.given(next.epoch);
        }
        self.parts.sink_tasks.published(self.parts.coordinator.history(), &changes);
        self.parts.status.published(number, events, duplicates, bound_at.elapsed());
        // Before the next epoch, which may hold what no earlier run has shown.
        self.show_recovery();
        Ok(())
    }

    /// Epochs become visible in the order in which they were bound, each once and none left out: the position of a view stands for all
    /// epochs up to it, and a checkpoint for the state after exactly those. The epoch that a run begins with is shown again, because its
    /// state was restored and its rows were not.
    fn check_order(&self, number: u64, computed: u64) {
        assert_eq!(number, computed, "the output of epoch {computed} was to be shown as epoch {number}");
        let completed = self.parts.coordinator.completed();
        let is_first = number == completed && !self.parts.status.report().published;
        assert!(is_first || number == completed + 1, "epoch {number} was to become visible after epoch {completed}");
    }

    /// Makes of the output of an epoch what readers see of it, and the changes of state.
    fn commit(&mut self, bound: BoundEpoch, result: EpochResult, takeover: Option<Takeover>) -> (Commit, StateChanges) {
        let EpochResult { changes, dead_letters, row_errors, mut stream_errors, mut state, .. } = result;
        let mut letters = bound.letters.refused;
        letters.extend(dead_letters);
        let mut commit = Commit {
            epoch: Epoch(bound.epoch),
            wall_micros: bound.wall_micros,
            consumed: bound.consumed,
            changes,
            row_errors,
            ..Commit::default()
        };
        let mut steps = steps_in_order(letters, bound.letters.marks);
        let new_plan = takeover.map(|Takeover { shown, catalogue }| {
            let CandidateCommit { mut changes, dead_letters, row_errors, stream_errors: own } = shown;
            commit.changes.append(&mut changes);
            steps.extend(dead_letters.into_iter().map(LetterStep::Came));
            let is_known =
                |error: &RowError| self.parts.letters.knows(error) || stream_errors.iter().any(|(other, _)| other == error);
            let new: Vec<_> = own.into_iter().filter(|(error, _)| !is_known(error)).collect();
            stream_errors.extend(new);
            (row_errors.into_iter().collect(), catalogue)
        });
        self.parts.letters.add_errors(&stream_errors, &mut state);
        let EpochLetters { came, retried, discarded, let_go } = self.parts.letters.epoch(steps, &mut state);
        (commit.dead_letters, commit.retried, commit.discarded, commit.letters_let_go) = (came, retried, discarded, let_go);
        match new_plan {
            Some((row_errors, catalogue)) => self.show_new_plan(&mut commit, row_errors, catalogue),
            None => commit.row_errors.extend(stream_errors),
        }
        (commit, state)
    }

    /// Shows the errors of the new plan alone, its views, and the partitions that only it reads.
    fn show_new_plan(&self, commit: &mut Commit, row_errors: Vec<(RowError, Diff)>, catalogue: CatalogueChange) {
        commit.row_errors = row_errors;
        commit.row_errors.extend(self.parts.letters.errors());
        commit.row_errors_replaced = true;
        commit.catalogue = Some(catalogue);
        // Partitions that were not read before are waited for from now on.
        commit.consumed = self.parts.coordinator.bound_offsets();
    }
}
