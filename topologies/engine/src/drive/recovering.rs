//! Progress of a recovery, as readers are told it.

use std::time::Instant;

use sinks::views::{Hydration, ViewPublisher};

use crate::status::Status;

/// A recovery that is under way.
pub struct Recovering {
    since: Instant,
    /// the last epoch that an earlier run bound: it can't have shown more, and what came into the log since is not waited for
    goal: u64,
    /// records that were read for states the checkpoint does not hold, and how many there are
    pub backfilled: (u64, u64),
}

impl Recovering {
    /// A recovery that begins now and ends when this epoch is visible.
    pub fn until(goal: u64) -> Self {
        Self { since: Instant::now(), goal, backfilled: (0, 0) }
    }

    /// Until everything that an earlier run has shown is visible again, readers are told how far that is and not shown less. From then on
    /// they are served, however much was appended meanwhile. Returns true when it is over. `replayed` are the records of bound epochs that
    /// were read again, and how many there are.
    pub fn show(&self, status: &Status, views: &dyn ViewPublisher, replayed: (u64, u64)) -> bool {
        let report = status.report();
        if report.published && report.epoch >= self.goal {
            views.set_hydration_of_all(None);
            return true;
        }
        let (rows, backfilled) = (report.rows, self.backfilled);
        let total = rows.1 + replayed.1 + backfilled.1;
        let done = rows.0.min(rows.1) + replayed.0 + backfilled.0;
        let left = self.since.elapsed().as_secs_f64() * (total.saturating_sub(done)) as f64 / done.max(1) as f64;
        let seconds_left = (done > 0).then_some(left.ceil() as u64);
        views.set_hydration_of_all(Some(Hydration { done, total, seconds_left }));
        false
    }
}
