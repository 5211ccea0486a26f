//! Filtering by time: rows that are in the result from one instant until another, without anything else happening.
//!
//! Rows and the wall clock of each epoch enter; the rows that are valid at that wall clock leave, and are retracted in the epoch whose
//! clock reaches their end. Keeps only the rows that will still appear or disappear, in the order in which they will: a row without
//! an end is not kept once it has appeared, nor is one that has expired. An epoch costs what it changes.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::temporal_filter::temporal_filter;
//! use schemas::row::Row;
//! use timely::dataflow::operators::ToStream;
//!
//! timely::example(|scope| {
//!     let (_, rows) = scope.new_collection_from_raw(vec![(Row::from_bytes(b"old"), 0, 1_i64), (Row::from_bytes(b"new"), 0, 1)]);
//!     let clock = vec![60_i64].to_stream(scope);
//!     let valid = temporal_filter(rows, clock, |row| if row == b"old" { (Some(0), Some(60)) } else { (Some(1), Some(61)) });
//!     valid.inspect(|(row, _, _)| assert_eq!(row.as_bytes(), b"new"));
//! });
//! ```

use std::collections::BTreeMap;

use schemas::row::{Diff, Row};
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::vec::Map;

use crate::hash::exchange_hash;
use crate::keyed::{Emit, EpochLogic, epochs};
use crate::{Rows, Time};

/// The rows that are valid at the wall clock of the epoch: `bounds` gives the instant from which a row is valid, inclusive, and the one
/// until which it is, exclusive; `None` is for ever. `clock` has one record per epoch on each worker, in microseconds; a clock that
/// goes back is taken to stand still.
pub fn temporal_filter<'s, B>(rows: Rows<'s>, clock: StreamVec<'s, Time, i64>, bounds: B) -> Rows<'s>
where
    B: FnMut(&[u8]) -> (Option<i64>, Option<i64>) + 'static,
{
    let worker = clock.scope().index() as u64;
    let rows = rows.inner.map(|(row, _, diff)| Record::Row(row, diff));
    let ticks = clock.map(move |micros| Record::Clock { worker, micros });
    let filter = TemporalFilter {
        bounds,
        now: i64::MIN,
        arriving: Vec::new().into_iter(),
        starts: BTreeMap::new(),
        ends: BTreeMap::new(),
    };
    epochs(rows.concat(ticks), Record::route, "temporal_filter", filter).0
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
type Agenda = BTreeMap<(i64, Row), Diff>;

struct TemporalFilter<B> {
    bounds: B,
    now: i64,
    /// the epoch's rows that were not looked at yet
    arriving: std::vec::IntoIter<Record>,
    /// rows that will appear
    starts: Agenda,
    /// rows that will disappear
    ends: Agenda,
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

    fn work(&mut self, emit: &mut Emit<Row>) -> bool {
        while !emit.is_spent() {
            if let Some(record) = self.arriving.next() {
                emit.spend(1);
                if let Record::Row(row, diff) = record {
                    self.place(row, diff, emit);
                }
            } else if let Some((row, diff)) = take_due(&mut self.starts, self.now) {
                self.place(row, diff, emit);
            } else if let Some((row, diff)) = take_due(&mut self.ends, self.now) {
                emit.row(row, diff.wrapping_neg());
            } else {
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
            return note(&mut self.starts, from, row, diff);
        }
        if let Some(until) = until {
            note(&mut self.ends, until, row.clone(), diff);
        }
        emit.row(row, diff);
    }
}

fn note(agenda: &mut Agenda, at: i64, row: Row, diff: Diff) {
    let entry = (at, row);
    match agenda.get_mut(&entry) {
        Some(count) => {
            *count = count.wrapping_add(diff);
            if *count == 0 {
                agenda.remove(&entry);
            }
        }
        None => drop(agenda.insert(entry, diff)),
    }
}

fn take_due(agenda: &mut Agenda, now: i64) -> Option<(Row, Diff)> {
    let first = agenda.first_entry()?;
    if first.key().0 > now {
        return None;
    }
    let ((_, row), diff) = first.remove_entry();
    Some((row, diff))
}
