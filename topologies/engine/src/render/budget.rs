//! Budgets of epochs: how many rows and bytes joins and lists may make of the records of one.
//!
//! Owns the counters that all workers of an engine share. An epoch's limits enter before its records do; meters of nodes add what they
//! make. An epoch that exceeds its budget makes nothing more: what it has made so far is a part, and its engine is of no further use.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use operators::Time;
use parking_lot::Mutex;

use crate::event_limits::EventLimits;

/// Rows that a meter keeps to itself before it adds them.
const ROWS_ADDED: u64 = 4_096;
/// Bytes that a meter keeps to itself before it adds them.
const BYTES_ADDED: u64 = 1 << 20;
/// Epochs whose counters are kept: more than are ever computed at once.
const EPOCHS_KEPT: usize = 8;

/// An epoch that made too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// the epoch
    pub epoch: Time,
    /// the view in whose joins or lists it was found
    pub view: String,
    /// rows that were made until then
    pub rows: u64,
    /// bytes of those rows
    pub bytes: u64,
    /// the limits that were exceeded
    pub limits: EventLimits,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, rows, bytes, limits, .. } = self;
        write!(
            f,
            "the view '{view}' makes too much of it: {rows} rows with {bytes} bytes until it was stopped, and {} rows with {} bytes are \
             allowed",
            limits.rows, limits.bytes
        )
    }
}

impl std::error::Error for Exceeded {}

/// The budgets of the epochs that an engine computes; clones share them.
#[derive(Clone, Default)]
pub struct Budget(Arc<Shared>);

#[derive(Default)]
struct Shared {
    epochs: Mutex<BTreeMap<Time, Spent>>,
    is_exceeded: AtomicBool,
    exceeded: OnceLock<Exceeded>,
}

struct Spent {
    limits: EventLimits,
    rows: u64,
    bytes: u64,
}

impl Budget {
    /// Limits an epoch; one that nobody limits may make anything.
    pub fn limit(&self, epoch: Time, limits: EventLimits) {
        let mut epochs = self.0.epochs.lock();
        epochs.insert(epoch, Spent { limits, rows: 0, bytes: 0 });
        // Few are computed at once.
        while epochs.len() > EPOCHS_KEPT {
            epochs.pop_first();
        }
    }

    /// The epoch that exceeded its budget.
    pub fn exceeded(&self) -> Option<&Exceeded> {
        self.0.exceeded.get()
    }

    /// A meter for rows that a node of this view makes.
    pub fn meter(&self, view: &str) -> Meter {
        Meter { budget: self.clone(), view: view.to_owned(), epoch: Time::MIN, rows: 0, bytes: 0 }
    }

    fn add(&self, epoch: Time, view: &str, (rows, bytes): (u64, u64)) {
        let mut epochs = self.0.epochs.lock();
        let Some(spent) = epochs.get_mut(&epoch) else { return };
        spent.rows = spent.rows.saturating_add(rows);
        spent.bytes = spent.bytes.saturating_add(bytes);
        let Spent { limits, rows, bytes } = *spent;
        if rows > limits.rows || bytes > limits.bytes {
            // The first one is the one that is told of.
            let _ = self.0.exceeded.set(Exceeded { epoch, view: view.to_owned(), rows, bytes, limits });
            self.0.is_exceeded.store(true, Ordering::Release);
        }
    }
}

/// Counts what one node makes on one worker.
pub struct Meter {
    budget: Budget,
    view: String,
    epoch: Time,
    rows: u64,
    bytes: u64,
}

impl Meter {
    /// Counts a row.
    pub fn count(&mut self, epoch: Time, bytes: usize) {
        if epoch != self.epoch {
            self.add();
            self.epoch = epoch;
        }
        self.rows += 1;
        self.bytes += bytes as u64;
        if self.rows >= ROWS_ADDED || self.bytes >= BYTES_ADDED {
            self.add();
        }
    }

    /// True when nothing more is to be made, because some epoch of the engine made too much.
    pub fn is_exceeded(&self) -> bool {
        self.budget.0.is_exceeded.load(Ordering::Relaxed)
    }

    fn add(&mut self) {
        if self.rows > 0 {
            self.budget.add(self.epoch, &self.view, (self.rows, self.bytes));
            (self.rows, self.bytes) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_stopped_by_the_rows_or_bytes_of_all_its_nodes_together() {
        for (rows, bytes) in [(20_000, u64::MAX), (u64::MAX, 200_000)] {
            let budget = Budget::default();
            budget.limit(7, EventLimits { rows, bytes });
            let (mut wide, mut other) = (budget.meter("wide"), budget.meter("other"));
            for _ in 0..15_000 {
                wide.count(7, 10);
                other.count(6, 1_000_000);
            }
            assert!(budget.exceeded().is_none(), "epoch 6 has no limit");
            for _ in 0..15_000 {
                other.count(7, 10);
            }
            assert!(wide.is_exceeded());
            let exceeded = budget.exceeded().unwrap();
            assert_eq!((exceeded.epoch, exceeded.view.as_str()), (7, "other"));
            assert!(exceeded.rows > 19_000 && exceeded.rows < 30_000, "{exceeded}");
        }
    }
}
