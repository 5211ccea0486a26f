//! Filtering by time: rows that are in the result from one instant until another, without anything else happening.
//!
//! Rows and the wall clock of each epoch enter; the rows that are valid at that wall clock leave, and are retracted in the epoch whose
//! clock reaches their end. Keeps only the rows that will still appear or disappear, in the order in which they will: a row without
//! an end is not kept once it has appeared, nor is one that has expired. An epoch costs what it changes.
//!
//! What is kept can be kept across a restart too: an entry is a row with its count and whether it has appeared. Then rows without an end
//! are held as long as they are there, because they have to be given out again.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::state::KeptState;
//! use operators::temporal_filter::temporal_filter;
//! use schemas::row::Row;
//! use timely::dataflow::operators::ToStream;
//!
//! timely::example(|scope| {
//!     let (_, rows) = scope.new_collection_from_raw(vec![(Row::from_bytes(b"old"), 0, 1_i64), (Row::from_bytes(b"new"), 0, 1)]);
//!     let clock = vec![60_i64].to_stream(scope);
//!     let bounds = |row: &[u8]| if row == b"old" { (Some(0), Some(60)) } else { (Some(1), Some(61)) };
//!     let valid = temporal_filter(rows, clock, bounds, KeptState::none(0));
//!     valid.inspect(|(row, _, _)| assert_eq!(row.as_bytes(), b"new"));
//! });
//! ```

use std::collections::BTreeMap;

use schemas::row::{Diff, Row};
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Map;

use crate::encoding::{Reader, write_signed};
use crate::hash::{RowMap, exchange_hash};
use crate::keyed::{Emit, EpochLogic, epochs};
use crate::state::{KeptState, split_key};
use crate::{Rows, Time};

/// The rows that are valid at the wall clock of the epoch: `bounds` gives the instant from which a row is valid, inclusive, and the one
/// until which it is, exclusive; `None` is for ever. `clock` has one record per epoch on each worker, in microseconds; a clock that
/// goes back is taken to stand still. It begins with the rows of `state`.
pub fn temporal_filter<'s, B>(rows: Rows<'s>, clock: StreamVec<'s, Time, i64>, bounds: B, state: KeptState) -> Rows<'s>
where
    B: FnMut(&[u8]) -> (Option<i64>, Option<i64>) + 'static,
{
    let worker = clock.scope().index() as u64;
    let rows = rows.inner.map(|(row, _, diff)| Record::Row(row, diff));
    let ticks = clock.map(move |micros| Record::Clock { worker, micros });
    let filter = TemporalFilter {
        bounds,
        now: i64::MIN,
        restored: Vec::new().into_iter(),
        arriving: Vec::new().into_iter(),
        starts: Agenda::new(),
        ends: Agenda::new(),
        endless: state.is_kept().then(RowMap::default),
    };
    epochs(rows.concat(ticks), Record::route, "temporal_filter", state, filter).0
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Record {
    Row(Row, Diff),
    Clock { worker: u64, micros: i64 },
}

impl Record {
    /// A row meets its retraction by its hash; each worker's clock stays where it is.
    fn route(&self) -> u64 {
        match self {
            Self::Row(row, _) => exchange_hash(row.as_bytes()),
            Self::Clock { worker, .. } => *worker,
        }
    }
}

/// Rows with what is due for them, by the instant at which it is.
///
/// Invariant: every instant lies ahead of the clock once an epoch is done, and an entry whose count has come to 0 is removed: a row and its
/// retraction that came before it was due leave nothing.
type Agenda = BTreeMap<(i64, Row), Diff>;

/// A row is in at most one of `starts`, `ends` and `endless`, as its bounds and the clock say; so a retraction finds what it retracts.
struct TemporalFilter<B> {
    bounds: B,
    now: i64,
    /// the entries that were not looked at yet
    restored: std::vec::IntoIter<(Row, Row)>,
    /// the epoch's rows that were not looked at yet
    arriving: std::vec::IntoIter<Record>,
    /// rows that will appear
    starts: Agenda,
    /// rows that will disappear
    ends: Agenda,
    /// rows that have appeared and never disappear; only held when the state is kept
    endless: Option<RowMap<Diff>>,
}

impl<B> EpochLogic<Record, Row> for TemporalFilter<B>
where
    B: FnMut(&[u8]) -> (Option<i64>, Option<i64>) + 'static,
{
    fn begin(&mut self, records: Vec<Record>) {
        let clock = records.iter().filter_map(|record| match record {
            Record::Clock { micros, .. } => Some(*micros),
            Record::Row(..) => None,
        });
        self.now = clock.fold(self.now, i64::max);
        self.arriving = records.into_iter();
    }

    fn restore(&mut self, entries: Vec<(Row, Row)>) {
        self.restored = entries.into_iter();
    }

    fn work(&mut self, emit: &mut Emit<Row>) -> bool {
        while !emit.is_spent() {
            if let Some((key, value)) = self.restored.next() {
                self.put_back(&key, &value, emit);
            } else if let Some(record) = self.arriving.next() {
                emit.spend(1);
                if let Record::Row(row, diff) = record {
                    self.place(row, diff, emit);
                }
            } else if let Some((row, diff)) = take_due(&mut self.starts, self.now) {
                // It may have expired without ever appearing.
                emit.state(row.as_bytes(), &[], None);
                self.place(row, diff, emit);
            } else if let Some((row, diff)) = take_due(&mut self.ends, self.now) {
                emit.state(row.as_bytes(), &[], None);
                emit.row(row, diff.wrapping_neg());
            } else {
                // An iterator keeps the memory of what it has handed out.
                self.restored = Vec::new().into_iter();
                return true;
            }
        }
        false
    }
}

impl<B> TemporalFilter<B>
where
    B: FnMut(&[u8]) -> (Option<i64>, Option<i64>) + 'static,
{
    /// Shows a row that is valid now, or notes when it will be; one that has expired is forgotten.
    fn place(&mut self, row: Row, diff: Diff, emit: &mut Emit<Row>) {
        let (from, until) = (self.bounds)(row.as_bytes());
        if until.is_some_and(|until| until <= self.now || from.is_some_and(|from| until <= from)) {
            return;
        }
        if let Some(from) = from.filter(|from| *from > self.now) {
            let count = note(&mut self.starts, from, row.clone(), diff);
            return report(&row, count, WAITING, emit);
        }
        if let Some(count) = self.hold(until, &row, diff) {
            report(&row, count, APPEARED, emit);
        }
        emit.row(row, diff);
    }

    /// Holds a row that has appeared until it disappears; returns how often it is there, `None` when that isn't known.
    fn hold(&mut self, until: Option<i64>, row: &Row, diff: Diff) -> Option<Diff> {
        let Some(until) = until else {
            return Some(add(self.endless.as_mut()?, row, diff));
        };
        Some(note(&mut self.ends, until, row.clone(), diff))
    }

    /// Takes an entry back. Whether its row had appeared is part of it: the clock of that time is not known any more.
    fn put_back(&mut self, key: &Row, value: &Row, emit: &mut Emit<Row>) {
        let row = Row::from_bytes(split_key(key.as_bytes()).0);
        let (from, until) = (self.bounds)(row.as_bytes());
        match (read_value(value), from) {
            (Some((WAITING, count)), Some(from)) => {
                note(&mut self.starts, from, row, count);
                emit.spend(1);
            }
            (Some((APPEARED, count)), _) => {
                self.hold(until, &row, count);
                emit.row(row, count);
            }
            _ => panic!("what was kept of the row {row:?} was kept by another plan: {value:?}"),
        }
    }
}

const WAITING: u8 = 0;
const APPEARED: u8 = 1;

fn report(row: &Row, count: Diff, phase: u8, emit: &mut Emit<Row>) {
    if emit.keeps_state() {
        let value = || {
            let mut value = Row::from_bytes(&[phase]);
            write_signed(count, &mut value);
            value
        };
        emit.state(row.as_bytes(), &[], (count != 0).then(value));
    }
}

fn read_value(value: &Row) -> Option<(u8, Diff)> {
    let mut reader = Reader::new(value.as_bytes());
    let [phase] = reader.array()?;
    Some((phase, reader.signed()?))
}

fn add(counts: &mut RowMap<Diff>, row: &Row, diff: Diff) -> Diff {
    let count = counts.entry(row.clone()).or_default();
    *count = count.wrapping_add(diff);
    let count = *count;
    if count == 0 {
        counts.remove(row);
    }
    count
}

/// Notes a row; returns how often it is noted now.
fn note(agenda: &mut Agenda, at: i64, row: Row, diff: Diff) -> Diff {
    let entry = (at, row);
    let Some(count) = agenda.get_mut(&entry) else {
        agenda.insert(entry, diff);
        return diff;
    };
    *count = count.wrapping_add(diff);
    let count = *count;
    if count == 0 {
        agenda.remove(&entry);
    }
    count
}

fn take_due(agenda: &mut Agenda, now: i64) -> Option<(Row, Diff)> {
    let first = agenda.first_entry()?;
    if first.key().0 > now {
        return None;
    }
    let ((_, row), diff) = first.remove_entry();
    Some((row, diff))
}
