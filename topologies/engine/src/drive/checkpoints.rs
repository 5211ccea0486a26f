//! Checkpoints as the driver begins them, and what may be forgotten after each.

use std::time::Instant;

use epochs::error::EpochError;
use sinks::views::Views;

use super::driver::Driver;

impl Driver {
    /// Begins a checkpoint when it is time, and forgets what the last one made superfluous.
    pub(super) fn keep_up_checkpoints(&mut self) -> Result<(), EpochError> {
        for epoch in self.parts.checkpointer.written() {
            match self.parts.coordinator.checkpoint_written(epoch, self.parts.sink_tasks.floor()) {
                // It failed before it was noted that the checkpoint is there. There is no other one: they are written one by one.
                Err(error) if self.parts.coordinator.is_writing_checkpoint() && self.is_passing(&error) => {
                    self.parts.checkpointer.tell_again(epoch);
                    return Ok(());
                }
                noted => noted?,
            }
            self.parts.status.checkpoint(epoch);
            if !self.deploying.machine.is_under_way() {
                // A candidate may have to read from before.
                self.parts.retention.trim(self.parts.coordinator.log_floor());
                self.give_up_retained();
            }
        }
        let unsaved = self.parts.coordinator.unsaved_changes();
        let is_time = self.is_checkpoint_due || (self.checkpointed_at.elapsed() >= self.checkpoint_interval && unsaved > 0);
        if (is_time || unsaved >= self.checkpoint_changes) && !self.parts.coordinator.is_replaying() {
            self.begin_checkpoint();
        }
        Ok(())
    }

    /// Tells which states of earlier topologies are kept; some are kept no longer.
    fn give_up_retained(&mut self) {
        for epoch in self.parts.coordinator.give_up_retained() {
            tracing::warn!(
                epoch,
                "the states of an earlier topology, as of this epoch, are given up: too much came since, or too many took over since; \
                 a rollback to it computes them from what the log has"
            );
        }
        self.parts.deployment_handle.show_retained(self.parts.coordinator.retained());
    }

    pub(super) fn begin_checkpoint(&mut self) {
        let (identities, seen) = (self.parts.identities.clone(), self.parts.sink_tasks.seen());
        let meta = self.parts.letters.meta(total_rows(&self.parts.views), identities, seen);
        let meta = meta.write();
        if let Some(job) = self.parts.coordinator.checkpoint(meta, self.parts.sink_tasks.floor()) {
            self.checkpointed_at = Instant::now();
            self.is_checkpoint_due = false;
            self.parts.checkpointer.write(job);
        }
    }
}

/// Rows of all indexes.
fn total_rows(views: &Views) -> u64 {
    let snapshot = views.snapshot();
    snapshot.total_rows()
}
