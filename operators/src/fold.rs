//! Folding: a stream of events becomes a table, one row per key: the continuous MERGE.
//!
//! Events with their keys and positions enter; the rows of the table, with the retraction of what they replace, leave, and an error
//! for each event that could not be applied. Keeps the current row of each key. Within an epoch the events of a key are applied
//! in the order of their positions, and a row is given out once, as it is after the last of them. When every epoch holds a prefix of that
//! order, the table does not depend on where the epochs are cut. The logic sees many keys per
//! call: the first event of each, then the second of each that has one, and so on. The table can be kept: an entry is a row.
//!
//! ```
//! use operators::fold::{FoldLogic, FoldOutcome, FoldStep, LogOrder, fold};
//! use operators::state::KeptState;
//! use schemas::row::Row;
//! use timely::dataflow::operators::ToStream;
//!
//! struct Append;
//!
//! impl FoldLogic for Append {
//!     fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>) {
//!         outcomes.extend(steps.iter().map(|step| FoldOutcome::Put(Row::concat(step.current.unwrap_or(b"="), step.event))));
//!     }
//! }
//!
//! timely::example(|scope| {
//!     let at = |appended| LogOrder { appended, partition: 0, offset: 0 };
//!     let event = |appended, text: &[u8]| (Row::from_bytes(b"key"), at(appended), Row::from_bytes(text));
//!     let events = vec![event(8, b"b"), event(7, b"a")].to_stream(scope);
//!     let (table, _errors) = fold(events, Append, "letters", KeptState::none(0));
//!     table.inspect(|(row, _, diff)| assert_eq!((row.as_bytes(), *diff), (&b"=ab"[..], 1)));
//! });
//! ```

use schemas::dead_letter::RowError;
use schemas::row::Row;
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;

use crate::hash::{RowMap, exchange_hash};
use crate::keyed::{Emit, EpochLogic, epochs};
use crate::state::{KeptState, split_key};
use crate::{Errors, Rows, Time};

/// Most keys that are folded together: one call of the logic sees at most so many steps.
pub const FOLD_KEYS_MAX: usize = 8_192;

/// The place of an event in the order of appending, among the events of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogOrder {
    /// append time, microseconds since 1970: never less than that of the event before it in its partition
    pub appended: i64,
    /// its partition; tells events apart that were appended at one time
    pub partition: u32,
    /// its offset there
    pub offset: u64,
}

/// An event: the key it belongs to, its place in the order, and the row that the logic reads.
pub type FoldEvent = (Row, LogOrder, Row);

/// One event to be applied to one row.
pub struct FoldStep<'a> {
    /// the key
    pub key: &'a [u8],
    /// the event
    pub event: &'a [u8],
    /// the row as it is now; `None` when the table has none with this key
    pub current: Option<&'a [u8]>,
}

/// Effect of an event on its row.
pub enum FoldOutcome {
    /// nothing
    Keep,
    /// the row becomes this one
    Put(Row),
    /// the row is deleted
    Delete,
    /// nothing, and this error is reported
    Fail(RowError),
}

/// The meaning of events. Must be a pure function of the steps: a replay has to give the same.
pub trait FoldLogic: 'static {
    /// Appends one outcome per step. The steps have different keys.
    fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>);
}

/// Folds events into a table that begins with the rows of `state`. Errors are never retracted: the event that failed stays in the log.
pub fn fold<'s>(
    events: StreamVec<'s, Time, FoldEvent>,
    logic: impl FoldLogic,
    name: &str,
    state: KeptState,
) -> (Rows<'s>, Errors<'s>) {
    let fold = Fold {
        logic,
        table: RowMap::default(),
        restored: Vec::new().into_iter(),
        events: Vec::new(),
        next: 0,
        slice: None,
        outcomes: Vec::new(),
    };
    epochs(events, |(key, _, _)| exchange_hash(key.as_bytes()), name, state, fold)
}

struct Fold<L> {
    logic: L,
    table: RowMap<Row>,
    /// the entries that are not in the table yet
    restored: std::vec::IntoIter<(Row, Row)>,
    /// the epoch's events by key and order
    events: Vec<FoldEvent>,
    /// the first event that is in no slice yet
    next: usize,
    slice: Option<Slice>,
    outcomes: Vec<FoldOutcome>,
}

/// Some keys of an epoch, being folded.
struct Slice {
    keys: Vec<KeyEvents>,
    /// the keys that have an event in this round
    active: Vec<usize>,
    round: usize,
}

struct KeyEvents {
    first: usize,
    end: usize,
    current: Option<Row>,
}

impl<L: FoldLogic> EpochLogic<FoldEvent, Row> for Fold<L> {
    fn begin(&mut self, mut records: Vec<FoldEvent>) {
        records.sort_unstable();
        self.events = records;
        self.next = 0;
    }

    fn restore(&mut self, entries: Vec<(Row, Row)>) {
        self.table.reserve(entries.len());
        self.restored = entries.into_iter();
    }

    fn work(&mut self, emit: &mut Emit<Row>) -> bool {
        if !self.refill(emit) {
            return false;
        }
        while !emit.is_spent() {
            let Some(mut slice) = self.slice.take().or_else(|| self.next_slice()) else {
                self.events = Vec::new();
                return true;
            };
            if self.round(&mut slice, emit) {
                self.slice = Some(slice);
            } else {
                self.finish(slice, emit);
            }
        }
        false
    }
}

impl<L: FoldLogic> Fold<L> {
    /// Puts restored rows into the table and gives them out; `false` when the fuel is spent before all are.
    fn refill(&mut self, emit: &mut Emit<Row>) -> bool {
        while !emit.is_spent() {
            let Some((key, row)) = self.restored.next() else {
                // An iterator keeps the memory of what it has handed out.
                self.restored = Vec::new().into_iter();
                return true;
            };
            self.table.insert(Row::from_bytes(split_key(key.as_bytes()).0), row.clone());
            emit.row(row, 1);
        }
        false
    }

    fn next_slice(&mut self) -> Option<Slice> {
        let mut keys = Vec::new();
        while keys.len() < FOLD_KEYS_MAX && self.next < self.events.len() {
            let first = self.next;
            let key = &self.events[first].0;
            let length = self.events[first..].iter().take_while(|(other, _, _)| other == key).count();
            self.next = first + length;
            keys.push(KeyEvents { first, end: self.next, current: self.table.get(key).cloned() });
        }
        (!keys.is_empty()).then(|| Slice { active: (0..keys.len()).collect(), keys, round: 0 })
    }

    /// Applies the next event of each key that has one; `false` when none has.
    fn round(&mut self, slice: &mut Slice, emit: &mut Emit<Row>) -> bool {
        let Slice { keys, active, round } = slice;
        active.retain(|index| keys[*index].first + *round < keys[*index].end);
        if active.is_empty() {
            return false;
        }
        let step = |index: &usize| {
            let (key, _, event) = &self.events[keys[*index].first + *round];
            FoldStep { key: key.as_bytes(), event: event.as_bytes(), current: keys[*index].current.as_ref().map(Row::as_bytes) }
        };
        let steps: Vec<FoldStep<'_>> = active.iter().map(step).collect();
        self.logic.apply(&steps, &mut self.outcomes);
        assert_eq!(self.outcomes.len(), steps.len(), "the logic of a fold has to give one outcome per step");
        emit.spend(steps.len());
        for (index, outcome) in active.iter().zip(self.outcomes.drain(..)) {
            match outcome {
                FoldOutcome::Keep => {}
                FoldOutcome::Put(row) => keys[*index].current = Some(row),
                FoldOutcome::Delete => keys[*index].current = None,
                FoldOutcome::Fail(error) => emit.error(error, 1),
            }
        }
        *round += 1;
        true
    }

    /// Stores the rows of a slice and gives out how they changed.
    fn finish(&mut self, slice: Slice, emit: &mut Emit<Row>) {
        for KeyEvents { first, current, .. } in slice.keys {
            let key = &self.events[first].0;
            let new = current.clone();
            let old = match current {
                Some(row) => self.table.insert(key.clone(), row),
                None => self.table.remove(key),
            };
            if old != new {
                if emit.keeps_state() {
                    emit.state(key.as_bytes(), &[], new.clone());
                }
                old.into_iter().for_each(|row| emit.row(row, -1));
                new.into_iter().for_each(|row| emit.row(row, 1));
            }
        }
    }
}
