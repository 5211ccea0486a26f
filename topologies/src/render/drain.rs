//! Where a worker's output gathers, epoch by epoch, until the driver takes it.
//!
//! Owns [`Drain`], shared by the last operators of a worker's dataflow and its loop. Changes of indexes, dead letters and row errors
//! enter; when the frontier has passed an epoch, all of it leaves at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use operators::Time;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::row::{Diff, Row};
use sinks::views::IndexId;

/// What one worker made of one epoch.
#[derive(Debug, Default)]
pub struct EpochOutput {
    /// changes of rows in the stored form of each index
    pub changes: BTreeMap<IndexId, Vec<(Row, Diff)>>,
    /// events put aside
    pub dead_letters: Vec<DeadLetter>,
    /// rows that an expression failed on, or no longer does
    pub row_errors: Vec<(RowError, Diff)>,
    /// decoded events, duplicates among them
    pub events: u64,
    /// events that were seen before
    pub duplicates: u64,
}

/// A worker's output that is not yet taken.
#[derive(Clone, Default)]
pub struct Drain(Rc<RefCell<BTreeMap<Time, EpochOutput>>>);

impl Drain {
    /// Adds changes of an index.
    pub fn changes(&self, time: Time, index: IndexId, changes: impl IntoIterator<Item = (Row, Diff)>) {
        self.0.borrow_mut().entry(time).or_default().changes.entry(index).or_default().extend(changes);
    }

    /// Adds an event that was put aside.
    pub fn dead_letter(&self, time: Time, dead_letter: DeadLetter) {
        self.0.borrow_mut().entry(time).or_default().dead_letters.push(dead_letter);
    }

    /// Adds an error that came or went.
    pub fn row_error(&self, time: Time, error: RowError, diff: Diff) {
        self.0.borrow_mut().entry(time).or_default().row_errors.push((error, diff));
    }

    /// Counts decoded events.
    pub fn events(&self, time: Time, events: u64, duplicates: u64) {
        let mut epochs = self.0.borrow_mut();
        let output = epochs.entry(time).or_default();
        output.events += events;
        output.duplicates += duplicates;
    }

    /// Takes everything of one epoch.
    pub fn take(&self, time: Time) -> EpochOutput {
        let mut epochs = self.0.borrow_mut();
        let output = epochs.remove(&time).unwrap_or_default();
        let early = epochs.keys().next().copied();
        assert!(early.is_none_or(|early| early > time), "output of epoch {early:?} appeared after epoch {time} was complete");
        output
    }
}
