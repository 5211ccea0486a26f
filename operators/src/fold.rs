//! Folding: a stream of events becomes a table, one row per key: the continuous MERGE.
//!
//! Events with their keys and positions enter; the rows of the table, with the retraction of what they replace, leave, and a fault
//! for each event that could not be applied or that the logic refuses. Keeps the current row of each key. Within an epoch the events of a
//! key are applied in the order of their positions, and a row is given out once, as it is after the last of them. When every epoch holds a
//! prefix of that order, the table does not depend on where the epochs are cut. The logic sees many keys per
//! call: the first event of each, then the second of each that has one, and so on. The table can be kept: an entry is a row.
//!
//! Rows may be there before the first event, and rows may have an end: then no event finds them any more, and they are dropped. An event
//! with an empty key, which no row has, takes all rows away ([`crate::clear`]).
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
//!     let event = |appended, text: &[u8]| (Row::from_bytes(b"key"), LogOrder::at(appended, 0, 0), Row::from_bytes(text));
//!     let events = vec![event(8, b"b"), event(7, b"a")].to_stream(scope);
//!     let (table, _faults) = fold(events, Append, "letters", KeptState::none(0));
//!     table.inspect(|(row, _, diff)| assert_eq!((row.as_bytes(), *diff), (&b"=ab"[..], 1)));
//! });
//! ```

use std::collections::BTreeSet;

use differential_dataflow::VecCollection;
use schemas::dead_letter::RowError;
use schemas::row::{Diff, Row};
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;

use crate::clear::in_place;
use crate::hash::{RowMap, exchange_hash};
use crate::keyed::{Emit, EpochLogic, epochs};
use crate::state::{KeptState, split_key};
use crate::{Rows, Time};

/// Most keys that are folded together: one call of the logic sees at most so many steps.
pub const FOLD_KEYS_MAX: usize = 8_192;

/// The place of an event in the order of appending, and of a row among those that are made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogOrder {
    /// append time, microseconds since 1970: never less than that of the event before it in its partition
    pub appended: i64,
    /// its topic, numbered in the order of their names; tells events apart that were appended at one time
    pub topic: u32,
    /// its partition, for the same
    pub partition: u32,
    /// its offset there
    pub offset: u64,
    /// number of the statement that takes it: one event may be for several
    pub statement: u32,
    /// number of the row among those that are made of the event for that statement
    pub row: u32,
    /// the time at which the event finds rows, microseconds since 1970: never falling in this order where rows have an end
    pub clock: i64,
}

impl LogOrder {
    /// The first row of an event of the only topic, for the only statement; the clock is the time of appending.
    pub fn at(appended: i64, partition: u32, offset: u64) -> Self {
        Self { appended, topic: 0, partition, offset, statement: 0, row: 0, clock: appended }
    }
}

/// An event: the key it belongs to, its place in the order, and the row that the logic reads.
pub type FoldEvent = (Row, LogOrder, Row);

/// One event to be applied to one row.
pub struct FoldStep<'a> {
    /// the key
    pub key: &'a [u8],
    /// the event's place
    pub order: LogOrder,
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
    /// nothing, and the event is reported as one that is refused, with the reason
    Refuse(String),
}

/// A fault of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FoldFault {
    /// it could not be applied
    Error(RowError),
    /// the logic refuses it
    Refused(RefusedEvent),
}

/// An event that the logic refuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RefusedEvent {
    /// its place
    pub order: LogOrder,
    /// the reason
    pub reason: String,
}

/// The faults of events. They are never retracted: the event stays in the log.
pub type FoldFaults<'s> = VecCollection<'s, Time, FoldFault, Diff>;

/// The meaning of events. Must be a pure function of the steps: a replay has to give the same.
pub trait FoldLogic: 'static {
    /// Appends one outcome per step. The steps have different keys.
    fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>);

    /// Returns the rows that are there before the first event, each with its key, for all workers; none where the state was restored. Called
    /// once.
    fn initial(&mut self) -> Vec<(Row, Row)> {
        Vec::new()
    }

    /// Returns the time of the clock from which on no event finds a row any more; `None` if every event does. It must be a function of the
    /// row.
    fn end(&self, _row: &[u8]) -> Option<i64> {
        None
    }
}

/// Folds events into a table that begins with the rows of `state` and the initial ones of the logic.
///
/// A row with an end is dropped in the first epoch that has an event on this worker whose clock is its end or later. The logic has to treat it
/// as gone for each such event, because the epoch may hold them together: so nothing depends on when it is dropped.
pub fn fold<'s>(
    events: StreamVec<'s, Time, FoldEvent>,
    mut logic: impl FoldLogic,
    name: &str,
    state: KeptState,
) -> (Rows<'s>, FoldFaults<'s>) {
    let (index, peers) = (events.scope().index() as u64, events.scope().peers() as u64);
    let mut initial = logic.initial();
    initial.retain(|(key, _)| exchange_hash(key.as_bytes()) % peers == index);
    let fold = Fold {
        logic,
        table: RowMap::default(),
        restored: Vec::new().into_iter(),
        initial: initial.into_iter(),
        events: Vec::new(),
        next: 0,
        slice: None,
        outcomes: Vec::new(),
        ends: BTreeSet::new(),
        newest: i64::MIN,
        clearings: Vec::new(),
        is_cleared: true,
    };
    // Every worker has a clearing of its own.
    let route = move |(key, _, _): &FoldEvent| if key.is_empty() { index } else { exchange_hash(key.as_bytes()) };
    epochs(events, route, name, state, fold)
}

struct Fold<L> {
    logic: L,
    table: RowMap<Row>,
    /// the entries that are not in the table yet
    restored: std::vec::IntoIter<(Row, Row)>,
    /// the rows from before the first event that are not in the table yet, with their keys
    initial: std::vec::IntoIter<(Row, Row)>,
    /// the epoch's events by key and order
    events: Vec<FoldEvent>,
    /// the first event that is in no slice yet
    next: usize,
    slice: Option<Slice>,
    outcomes: Vec<FoldOutcome>,
    /// the keys of the rows that have an end, by it: exactly those of the table
    ends: BTreeSet<(i64, Row)>,
    /// the latest clock of an event so far
    newest: i64,
    /// the epoch's clearings, in their order
    clearings: Vec<LogOrder>,
    /// true once the clearings lie among the events
    is_cleared: bool,
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

impl<L: FoldLogic> EpochLogic<FoldEvent, Row, FoldFault> for Fold<L> {
    fn begin(&mut self, mut records: Vec<FoldEvent>) {
        records.sort_unstable();
        self.newest = records.iter().map(|(_, order, _)| order.clock).fold(self.newest, i64::max);
        // No key comes before the empty one.
        let clearings = records.partition_point(|(key, _, _)| key.is_empty());
        self.clearings = records.drain(..clearings).map(|(_, order, _)| order).collect();
        self.is_cleared = self.clearings.is_empty();
        self.events = records;
        self.next = 0;
    }

    fn restore(&mut self, entries: Vec<(Row, Row)>) {
        self.table.reserve(entries.len());
        self.restored = entries.into_iter();
    }

    fn work(&mut self, emit: &mut Emit<Row, FoldFault>) -> bool {
        if !self.refill(emit) {
            return false;
        }
        if !self.is_cleared {
            in_place(&mut self.events, &self.clearings, self.table.keys());
            self.is_cleared = true;
        }
        while !emit.is_spent() {
            let Some(mut slice) = self.slice.take().or_else(|| self.next_slice()) else {
                self.events = Vec::new();
                return self.drop_ended(emit);
            };
            if self.round(&mut slice, emit) {
                self.slice = Some(slice);
            } else {
                self.finish(slice, emit);
            }
        }
        false
    }

    fn acts_at_start(&self) -> bool {
        self.initial.len() > 0
    }
}

impl<L: FoldLogic> Fold<L> {
    /// Puts restored and initial rows into the table and gives them out; `false` when the fuel is spent before all are.
    fn refill(&mut self, emit: &mut Emit<Row, FoldFault>) -> bool {
        while !emit.is_spent() {
            if let Some((key, row)) = self.restored.next() {
                let key = Row::from_bytes(split_key(key.as_bytes()).0);
                self.replace(&key, Some(row.clone()));
                emit.row(row, 1);
            } else if let Some((key, row)) = self.initial.next() {
                let before = self.replace(&key, Some(row.clone()));
                assert!(before.is_none(), "two rows with the key {key:?} are there before the first event");
                emit.state(key.as_bytes(), &[], Some(row.clone()));
                emit.row(row, 1);
            } else {
                // An iterator keeps the memory of what it has handed out.
                self.restored = Vec::new().into_iter();
                self.initial = Vec::new().into_iter();
                return true;
            }
        }
        false
    }

    /// Sets the row of a key, or takes it away; returns the one before.
    fn replace(&mut self, key: &Row, row: Option<Row>) -> Option<Row> {
        let end = row.as_ref().and_then(|row| self.logic.end(row.as_bytes()));
        let before = match row {
            Some(row) => self.table.insert(key.clone(), row),
            None => self.table.remove(key),
        };
        let ended = before.as_ref().and_then(|before| self.logic.end(before.as_bytes()));
        if let Some(ended) = ended.filter(|ended| end != Some(*ended)) {
            self.ends.remove(&(ended, key.clone()));
        }
        if let Some(end) = end.filter(|end| ended != Some(*end)) {
            self.ends.insert((end, key.clone()));
        }
        before
    }

    /// Drops the rows that no event finds any more; `false` when the fuel is spent before all are.
    fn drop_ended(&mut self, emit: &mut Emit<Row, FoldFault>) -> bool {
        while self.ends.first().is_some_and(|(end, _)| *end <= self.newest) {
            if emit.is_spent() {
                return false;
            }
            let Some((_, key)) = self.ends.pop_first() else { return true };
            let row = self.table.remove(&key);
            let row = row.unwrap_or_else(|| panic!("the row of the key {key:?} ends, and there is none"));
            emit.state(key.as_bytes(), &[], None);
            emit.row(row, -1);
        }
        true
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
    fn round(&mut self, slice: &mut Slice, emit: &mut Emit<Row, FoldFault>) -> bool {
        let Slice { keys, active, round } = slice;
        active.retain(|index| keys[*index].first + *round < keys[*index].end);
        if active.is_empty() {
            return false;
        }
        let mut stepped = Vec::with_capacity(active.len());
        for &index in active.iter() {
            let order = &self.events[keys[index].first + *round].1;
            if self.clearings.binary_search(order).is_ok() {
                keys[index].current = None;
            } else {
                stepped.push(index);
            }
        }
        let step = |index: &usize| {
            let KeyEvents { first, current, .. } = &keys[*index];
            let (key, order, event) = &self.events[first + *round];
            let current = current.as_ref().map(Row::as_bytes);
            FoldStep { key: key.as_bytes(), order: *order, event: event.as_bytes(), current }
        };
        let steps: Vec<FoldStep<'_>> = stepped.iter().map(step).collect();
        self.logic.apply(&steps, &mut self.outcomes);
        assert_eq!(self.outcomes.len(), steps.len(), "the logic of a fold has to give one outcome per step");
        emit.spend(active.len());
        for (index, outcome) in stepped.iter().zip(self.outcomes.drain(..)) {
            match outcome {
                FoldOutcome::Keep => {}
                FoldOutcome::Put(row) => keys[*index].current = Some(row),
                FoldOutcome::Delete => keys[*index].current = None,
                FoldOutcome::Fail(error) => emit.error(FoldFault::Error(error), 1),
                FoldOutcome::Refuse(reason) => {
                    let order = self.events[keys[*index].first + *round].1;
                    emit.error(FoldFault::Refused(RefusedEvent { order, reason }), 1);
                }
            }
        }
        *round += 1;
        true
    }

    /// Stores the rows of a slice and gives out how they changed.
    fn finish(&mut self, slice: Slice, emit: &mut Emit<Row, FoldFault>) {
        for KeyEvents { first, current, .. } in slice.keys {
            // Nobody looks at the events of a slice that is done.
            let key = std::mem::replace(&mut self.events[first].0, Row::empty());
            let new = current.clone();
            let old = self.replace(&key, current);
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
