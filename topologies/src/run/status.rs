//! How far a running topology is.
//!
//! Owns the counters that the driver writes and that health checks, metrics and progress displays read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Counters of a running topology.
#[derive(Debug, Default)]
pub struct Status {
    epoch: AtomicU64,
    events: AtomicU64,
    duplicates: AtomicU64,
    lag_records: AtomicU64,
    epoch_micros: AtomicU64,
    caught_up: AtomicBool,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusReport {
    /// the last visible epoch
    pub epoch: u64,
    /// events decoded so far, duplicates among them
    pub events: u64,
    /// events that were seen before
    pub duplicates: u64,
    /// records of the log that are not visible yet
    pub lag_records: u64,
    /// how long the last epoch took from binding to being visible
    pub epoch_duration: Duration,
    /// whether the log was read to its end at least once since the start
    pub caught_up: bool,
}

impl Status {
    /// The counters now.
    pub fn report(&self) -> StatusReport {
        StatusReport {
            epoch: self.epoch.load(Ordering::Acquire),
            events: self.events.load(Ordering::Acquire),
            duplicates: self.duplicates.load(Ordering::Acquire),
            lag_records: self.lag_records.load(Ordering::Acquire),
            epoch_duration: Duration::from_micros(self.epoch_micros.load(Ordering::Acquire)),
            caught_up: self.caught_up.load(Ordering::Acquire),
        }
    }

    /// Records a visible epoch.
    pub(super) fn published(&self, epoch: u64, events: u64, duplicates: u64, took: Duration) {
        self.epoch.store(epoch, Ordering::Release);
        self.events.fetch_add(events, Ordering::AcqRel);
        self.duplicates.fetch_add(duplicates, Ordering::AcqRel);
        self.epoch_micros.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Records how much of the log is not visible yet.
    pub(super) fn lag(&self, records: u64) {
        self.lag_records.store(records, Ordering::Release);
        if records == 0 {
            self.caught_up.store(true, Ordering::Release);
        }
    }
}
