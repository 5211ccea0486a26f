//! Progress of a running topology.
//!
//! Owns the counters that the driver writes and that health checks, metrics and progress displays read. How far the views are behind the
//! log is no counter: whoever asks compares the two as they are then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use schemas::position::{Offset, Partition, Topic};

/// Counters of a running topology.
#[derive(Debug, Default)]
pub struct Status {
    epoch: AtomicU64,
    events: AtomicU64,
    duplicates: AtomicU64,
    epoch_micros: AtomicU64,
    published: AtomicBool,
    checkpoint: AtomicU64,
    checkpoints: AtomicU64,
    last_checkpoint: Mutex<Option<WrittenCheckpoint>>,
    restored: AtomicU64,
    replayed: AtomicU64,
    replayed_total: AtomicU64,
    rows_given: AtomicU64,
    rows_total: AtomicU64,
    clock_held_micros: AtomicU64,
    incarnation: AtomicU64,
    begin: Mutex<BTreeMap<(Topic, Partition), Offset>>,
    trouble: Mutex<Trouble>,
}

/// A checkpoint that this run has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenCheckpoint {
    /// time when it became durable, microseconds since 1970
    pub at_micros: i64,
    /// time that writing it took, waits for space included
    pub duration: Duration,
    /// bytes of all runs that it stands on
    pub bytes: u64,
}

/// Reason why no further epoch is computed, for now or for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// all is well
    #[default]
    None,
    /// it is tried again, and this is what stands in the way
    Stalled(String),
    /// it is tried again, and the disk has no space for what is to be written first
    DiskFull(String),
    /// it needs someone to look, and this is what was found
    Halted(String),
    /// a later incarnation of the process took over
    Fenced(String),
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusReport {
    /// the last visible epoch
    pub epoch: u64,
    /// events decoded so far, duplicates among them
    pub events: u64,
    /// events that were seen before
    pub duplicates: u64,
    /// time of the last epoch from binding to being visible
    pub epoch_duration: Duration,
    /// true if an epoch is visible
    pub published: bool,
    /// the epoch of the last durable checkpoint, 0 when there is none, and how many this run wrote
    pub checkpoint: (u64, u64),
    /// the last one that this run wrote
    pub last_checkpoint: Option<WrittenCheckpoint>,
    /// entries of the checkpoint that were restored at the start
    pub restored: u64,
    /// records of bound epochs that were computed again since the start, and how many there are
    pub replayed: (u64, u64),
    /// rows of views that were computed again from the checkpoint, and about how many there are
    pub rows: (u64, u64),
    /// time by which the system's clock is ahead of the epochs because its jump is held
    pub clock_held: Duration,
    /// number of times that the data directory was taken over, this run included
    pub incarnation: u64,
    /// reason why no further epoch is computed
    pub trouble: Trouble,
}

impl Status {
    /// The counters now.
    pub fn report(&self) -> StatusReport {
        StatusReport {
            epoch: self.epoch.load(Ordering::Acquire),
            events: self.events.load(Ordering::Acquire),
            duplicates: self.duplicates.load(Ordering::Acquire),
            epoch_duration: Duration::from_micros(self.epoch_micros.load(Ordering::Acquire)),
            published: self.published.load(Ordering::Acquire),
            checkpoint: (self.checkpoint.load(Ordering::Acquire), self.checkpoints.load(Ordering::Acquire)),
            last_checkpoint: *self.last_checkpoint.lock(),
            restored: self.restored.load(Ordering::Acquire),
            replayed: (self.replayed.load(Ordering::Acquire), self.replayed_total.load(Ordering::Acquire)),
            rows: (self.rows_given.load(Ordering::Acquire), self.rows_total.load(Ordering::Acquire)),
            clock_held: Duration::from_micros(self.clock_held_micros.load(Ordering::Acquire)),
            incarnation: self.incarnation.load(Ordering::Acquire),
            trouble: self.trouble.lock().clone(),
        }
    }

    /// Records where the log is read from in this run.
    pub(crate) fn begins_at(&self, offsets: BTreeMap<(Topic, Partition), Offset>) {
        *self.begin.lock() = offsets;
    }

    /// The next offset of every partition at the beginning of this run: what lies before it is visible with the first epoch.
    pub fn begin(&self) -> BTreeMap<(Topic, Partition), Offset> {
        self.begin.lock().clone()
    }

    /// Records who runs, and the checkpoint that the run begins from.
    pub(crate) fn begins(&self, incarnation: u64, checkpoint: Option<u64>) {
        self.incarnation.store(incarnation, Ordering::Release);
        self.checkpoint.store(checkpoint.unwrap_or(0), Ordering::Release);
    }

    /// Records how many entries were read from the checkpoint.
    pub(crate) fn restoring(&self, entries: u64) {
        self.restored.store(entries, Ordering::Release);
    }

    /// Records how many rows of views there were at the checkpoint.
    pub(crate) fn expect_rows(&self, rows: u64) {
        self.rows_total.store(rows, Ordering::Release);
    }

    /// Counts rows of views that were computed again.
    pub(crate) fn rows_given(&self, rows: u64) {
        self.rows_given.fetch_add(rows, Ordering::AcqRel);
    }

    /// Records how far bound epochs were computed again.
    pub(crate) fn replayed(&self, done: u64, total: u64) {
        self.replayed.store(done, Ordering::Release);
        self.replayed_total.store(total, Ordering::Release);
    }

    /// Records a durable checkpoint.
    pub(crate) fn checkpoint(&self, epoch: u64) {
        self.checkpoint.store(epoch, Ordering::Release);
        self.checkpoints.fetch_add(1, Ordering::AcqRel);
    }

    /// Records how a checkpoint was written.
    pub(crate) fn checkpoint_written(&self, written: WrittenCheckpoint) {
        *self.last_checkpoint.lock() = Some(written);
    }

    /// Something stands in the way for now.
    pub(crate) fn stall(&self, why: &str) {
        self.begin_trouble(why, Trouble::Stalled(why.to_owned()));
    }

    /// The disk has no space for now.
    pub(crate) fn stall_on_full_disk(&self, why: &str) {
        self.begin_trouble(why, Trouble::DiskFull(why.to_owned()));
    }

    /// Records what passes by itself, and says so once.
    fn begin_trouble(&self, why: &str, begun: Trouble) {
        let mut trouble = self.trouble.lock();
        if *trouble != begun {
            tracing::warn!(why, "no further epoch is computed for now; trying again");
            *trouble = begun;
        }
    }

    /// Nothing stands in the way.
    pub(crate) fn goes_on(&self, clock_held_micros: i64) {
        self.clock_held_micros.store(clock_held_micros.max(0).unsigned_abs(), Ordering::Release);
        let mut trouble = self.trouble.lock();
        if *trouble != Trouble::None {
            tracing::info!("epochs are computed again");
            *trouble = Trouble::None;
        }
    }

    /// No further epoch is computed in this run.
    pub(crate) fn halt(&self, why: String, fenced: bool) {
        *self.trouble.lock() = if fenced { Trouble::Fenced(why) } else { Trouble::Halted(why) };
    }

    /// Records a visible epoch.
    pub(crate) fn published(&self, epoch: u64, events: u64, duplicates: u64, took: Duration) {
        self.epoch.store(epoch, Ordering::Release);
        self.published.store(true, Ordering::Release);
        self.events.fetch_add(events, Ordering::AcqRel);
        self.duplicates.fetch_add(duplicates, Ordering::AcqRel);
        self.epoch_micros.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Release);
    }
}
