//! The loop of the driver: the one place that has epochs bound, computed and published, one after the other.
//!
//! Owns the order of things. What was bound before the start is computed first; then epochs are bound, collected from the workers and
//! published until the process is told to stop, which leaves a checkpoint behind.

use std::sync::atomic::{AtomicBool, Ordering};

use epochs::backfill::Backfill;
use epochs::coordinator::EpochInput;
use epochs::error::EpochError;

use super::driver::{Driver, HELD_WAIT_MAX};
use crate::compute::error::ComputeError;

/// Reason why the first states are not whole.
enum BackfillEnd {
    Stopped,
    Failed(ComputeError),
}

impl From<ComputeError> for BackfillEnd {
    fn from(error: ComputeError) -> Self {
        Self::Failed(error)
    }
}

impl Driver {
    /// Runs until it is told to stop, or until going on would be wrong; then the reason is in the status and readers keep what is visible.
    pub fn run(mut self, backfill: Option<Backfill>, start: EpochInput, stop: &AtomicBool) {
        self.show_recovery();
        if let Some(backfill) = backfill
            && let Err(error) = self.backfill(backfill, start.wall_micros, stop)
        {
            return self.halt(&error);
        }
        if stop.load(Ordering::Acquire) {
            // What was computed so far is a part; nothing of it is shown or kept.
            return;
        }
        self.start_epoch(start);
        let mut seen = 0;
        while !stop.load(Ordering::Acquire) {
            let bound = match self.step_deployment().and_then(|()| self.bind_next()) {
                Ok(bound) => bound,
                Err(error) if self.is_passing(&error) => false,
                Err(error) => return self.halt(&error),
            };
            if self.parts.computation.is_idle() {
                if let Err(error) = self.keep_up_checkpoints() {
                    return self.halt(&error);
                }
                if !bound {
                    seen = self.parts.log.wait(seen, self.wait_max());
                }
            } else if !bound || self.parts.computation.in_flight().len() >= self.in_flight_max() {
                let collected = self.collect();
                self.show_recovery();
                if let Err(error) = collected.and_then(|()| self.keep_up_checkpoints()) {
                    return self.halt(&error);
                }
            }
        }
        self.last_checkpoint();
    }

    /// Feeds what was bound before the start to the states that are new, in times of their own before that of the start. Returns early
    /// when the process is to stop.
    fn backfill(&mut self, backfill: Backfill, wall_micros: i64, stop: &AtomicBool) -> Result<(), EpochError> {
        let Self { parts, recovering, .. } = self;
        let (status, publisher, coordinator) = (&parts.status, parts.publisher.as_ref(), &parts.coordinator);
        let fed = parts.computation.backfill(backfill, wall_micros, |(done, total)| {
            status.replayed(done, total);
            if let Some(recovering) = recovering {
                recovering.backfilled = (done, total);
                recovering.show(status, publisher, coordinator.replayed());
            }
            if stop.load(Ordering::Acquire) { Err(BackfillEnd::Stopped) } else { Ok(()) }
        });
        match fed {
            Ok(()) | Err(BackfillEnd::Stopped) => Ok(()),
            Err(BackfillEnd::Failed(ComputeError::Read(error))) => Err(error),
            Err(BackfillEnd::Failed(error)) => panic!("the workers ended while there was work: {error}"),
        }
    }

    /// Waits for the workers and publishes what is complete; what makes too much is quarantined.
    fn collect(&mut self) -> Result<(), EpochError> {
        let wait = self.wait_max().min(self.interval.max(HELD_WAIT_MAX));
        match self.parts.computation.receive(wait) {
            Ok(_) => {}
            Err(ComputeError::OverBudget(exceeded)) => return self.over_budget(&exceeded),
            Err(error) => panic!("the workers ended while epochs were in flight: {error}"),
        }
        while let Some(epoch) = self.parts.computation.finished() {
            let takeover = self.deploying.take_over(epoch);
            if takeover.is_none() && self.deploying.machine.switch_epoch() == Some(epoch) {
                // The other topology has not computed it yet.
                return Ok(());
            }
            if let Some((bound, result)) = self.parts.computation.take_finished() {
                self.publish(bound, result, takeover)?;
            }
        }
        Ok(())
    }

    /// A process that is asked to stop leaves a checkpoint behind, so that the next start has little to compute again.
    pub(super) fn last_checkpoint(&mut self) {
        if let Err(error) = self.stop_deployment() {
            tracing::warn!(%error, "a deployment could not be given up while the process stops");
        }
        while !self.parts.computation.is_idle() {
            if let Err(error) = self.collect() {
                return tracing::warn!(%error, "the process stops without a last checkpoint");
            }
            if self.deploying.machine.is_switching()
                && let Err(error) = self.step_deployment()
            {
                tracing::warn!(%error, "a deployment could not go on while the process stops");
            }
        }
        if self.keep_up_checkpoints().is_ok() && self.parts.coordinator.unsaved_changes() > 0 {
            self.begin_checkpoint();
        }
        if self.parts.coordinator.is_writing_checkpoint()
            && let Some(epoch) = self.parts.checkpointer.wait()
            && let Err(error) = self.parts.coordinator.checkpoint_written(epoch, self.parts.sink_tasks.floor())
        {
            tracing::warn!(%error, "what the last checkpoint made superfluous could not be removed");
        }
    }
}
