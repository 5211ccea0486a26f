//! Collector of a worker's output, epoch by epoch, until the driver takes it.
//!
//! Owns [`Drain`], shared by the last operators of a worker's dataflow and its loop. Changes of indexes, dead letters and row errors
//! enter; when the frontier has passed an epoch, all of it leaves at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use operators::Time;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::row::{Diff, Row};
use sinks::views::IndexId;

use super::budget::Budget;
use crate::status::Status;

/// Output of one worker for one epoch.
#[derive(Debug, Default)]
pub struct EpochOutput {
    /// changes of rows in the stored form of each index
    pub changes: BTreeMap<IndexId, Vec<(Row, Diff)>>,
    /// quarantined events, each with the time when it was appended
    pub dead_letters: Vec<(i64, DeadLetter)>,
    /// rows that an expression failed on, or no longer does
    pub row_errors: Vec<(RowError, Diff)>,
    /// those of rows of streams, which nothing computes again after a restart
    pub stream_errors: Vec<(RowError, Diff)>,
    /// changes of kept states: the number of the state, the key, and the entry or that it is gone; the last of a key holds
    pub state: Vec<(u32, Row, Option<Row>)>,
    /// decoded events, duplicates among them
    pub events: u64,
    /// events that were seen before
    pub duplicates: u64,
}

/// A worker's output that is not yet taken.
#[derive(Clone)]
pub struct Drain {
    epochs: Rc<RefCell<BTreeMap<Time, EpochOutput>>>,
    /// the first epoch that is published: what comes before belongs to it
    start: Time,
    status: Arc<Status>,
    budget: Budget,
}

/// Changes of an index before the first epoch are added up after each so many: what a long history made and took back again must not fill the memory.
const EARLY_CHANGES: usize = 1 << 20;

impl Drain {
    /// An empty drain that counts the rows it gets.
    pub fn new(start: Time, status: Arc<Status>, budget: Budget) -> Self {
        Self { epochs: Rc::default(), start, status, budget }
    }

    /// Returns the budget of the epochs.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    fn at(&self, time: Time, add: impl FnOnce(&mut EpochOutput)) {
        add(self.epochs.borrow_mut().entry(time.max(self.start)).or_default());
    }

    /// Adds changes of an index.
    pub fn changes(&self, time: Time, index: IndexId, changes: impl ExactSizeIterator<Item = (Row, Diff)>) {
        self.status.rows_given(changes.len() as u64);
        self.at(time, |output| {
            let kept = output.changes.entry(index).or_default();
            let before = kept.len();
            kept.extend(changes);
            if time < self.start && kept.len() / EARLY_CHANGES > before / EARLY_CHANGES {
                differential_dataflow::consolidation::consolidate(kept);
            }
        });
    }

    /// Adds an event that was quarantined; `appended` is when it was appended, microseconds since 1970.
    pub fn dead_letter(&self, time: Time, appended: i64, dead_letter: DeadLetter) {
        self.at(time, |output| output.dead_letters.push((appended, dead_letter)));
    }

    /// Adds an error that came or went.
    pub fn row_error(&self, time: Time, error: RowError, diff: Diff) {
        self.at(time, |output| output.row_errors.push((error, diff)));
    }

    /// Adds an error of a row of a stream.
    pub fn stream_error(&self, time: Time, error: RowError, diff: Diff) {
        self.at(time, |output| output.stream_errors.push((error, diff)));
    }

    /// Adds a change of a kept state.
    pub fn state(&self, time: Time, number: u32, key: Row, value: Option<Row>) {
        self.at(time, |output| output.state.push((number, key, value)));
    }

    /// Counts decoded events.
    pub fn events(&self, time: Time, events: u64, duplicates: u64) {
        self.at(time, |output| {
            output.events += events;
            output.duplicates += duplicates;
        });
    }

    /// Takes everything of one epoch.
    pub fn take(&self, time: Time) -> EpochOutput {
        let mut epochs = self.epochs.borrow_mut();
        let output = epochs.remove(&time).unwrap_or_default();
        let early = epochs.keys().next().copied();
        assert!(early.is_none_or(|early| early > time), "output of epoch {early:?} appeared after epoch {time} was complete");
        output
    }
}
