//! Session windows: rows of a key that follow one another closely are one session.
//!
//! Keyed rows that start with a time enter; the rows, with the start and the end of their session, leave. Keeps the rows of each key in
//! order of time, and its sessions. A change costs as much as the sessions that it touches: a row between two may join them, a
//! retraction may split one.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::session::session;
//! use schemas::field::{FieldKind, Value};
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let at = |micros| {
//!         let mut row = Row::empty();
//!         FieldKind::Timestamp.write(&Value::Timestamp(micros), &mut row);
//!         ((Row::from_bytes(b"key"), row), 0, 1_i64)
//!     };
//!     let (_, clicks) = scope.new_collection_from_raw(vec![at(0), at(10), at(20)]);
//!     session(clicks, 10).inspect(|(row, _, _)| assert_eq!(FieldKind::Timestamp.read(row.as_bytes(), 9), Value::Timestamp(30)));
//! });
//! ```

use std::collections::BTreeMap;

use differential_dataflow::consolidation::consolidate;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};

use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};
use crate::state::KeptState;
use crate::{KeyedRows, Rows};

/// Appends to each row the start of its session and its end, which is `gap_micros` after the session's last row. Two rows exactly so far
/// apart are in one session. The values of `input` are a time followed by the row; the time is taken off. A row whose time is
/// NULL is in no session.
pub fn session<'s>(input: KeyedRows<'s>, gap_micros: i64) -> Rows<'s> {
    assert!(gap_micros >= 0, "a session was planned with a negative gap");
    keyed(input, "session", KeptState::none(0), Sessions { gap: gap_micros, keys: RowMap::default() }).0
}

/// Timelines of all keys on this worker.
struct Sessions {
    gap: i64,
    keys: RowMap<Timeline>,
}

/// The rows of one key.
///
/// Invariants: every row lies in exactly one session, and two sessions are more than the gap apart. So a change touches at most two.
#[derive(Default)]
struct Timeline {
    /// the rows by time, with the fields behind the time
    rows: BTreeMap<(i64, Row), Diff>,
    /// the sessions: the first and the last time
    sessions: BTreeMap<i64, i64>,
}

/// A change: time, row behind the time, difference.
type TimedChange = ((i64, Row), Diff);

impl KeyLogic<Row, Row> for Sessions {
    fn apply(&mut self, key: Row, changes: &mut Vec<(Row, Diff)>, emit: &mut Emit<Row>) {
        let timeline = self.keys.entry(key.clone()).or_default();
        // Sorted by value, so by time.
        let changes: Vec<TimedChange> = changes.drain(..).filter_map(|(row, diff)| Some((split_time(&row)?, diff))).collect();
        let mut rest = &changes[..];
        let mut output = Vec::new();
        while let Some(((time, _), _)) = rest.first() {
            let (range, length) = timeline.touched(*time, rest, self.gap);
            let (touched, others) = rest.split_at(length);
            timeline.change(range, touched, self.gap, &mut output);
            rest = others;
        }
        consolidate(&mut output);
        output.into_iter().for_each(|(row, diff)| emit.row(row, diff));
        if timeline.rows.is_empty() {
            self.keys.remove(&key);
        }
    }
}

/// A row without the time in front, and that time; `None` for NULL.
fn split_time(row: &Row) -> Option<(i64, Row)> {
    match FieldKind::Timestamp.read(row.as_bytes(), 0) {
        Value::Timestamp(time) => Some((time, Row::from_bytes(&row.as_bytes()[FieldKind::Timestamp.end(row.as_bytes(), 0)..]))),
        _ => None,
    }
}

impl Timeline {
    /// The stretch of time whose sessions the first of these changes touch together, and how many changes that are.
    fn touched(&self, time: i64, changes: &[TimedChange], gap: i64) -> ((i64, i64), usize) {
        let (mut first, mut last) = (time, time);
        let mut length = 0;
        while let Some(((time, _), _)) = changes.get(length).filter(|((time, _), _)| *time <= last.saturating_add(gap)) {
            last = last.max(*time);
            for (start, end) in self.near(*time, gap) {
                first = first.min(start);
                last = last.max(end);
            }
            length += 1;
        }
        ((first, last), length)
    }

    /// The sessions, at most two, that a row at this time is in or would extend.
    fn near(&self, time: i64, gap: i64) -> impl Iterator<Item = (i64, i64)> {
        let candidates = self.sessions.range(..=time.saturating_add(gap)).rev().take(2);
        candidates.filter(move |(_, end)| end.saturating_add(gap) >= time).map(|(start, end)| (*start, *end))
    }

    /// Applies changes within a stretch of time that contains whole sessions, and gives out how its rows changed.
    fn change(&mut self, (first, last): (i64, i64), changes: &[TimedChange], gap: i64, output: &mut Vec<(Row, Diff)>) {
        self.give(first, last, gap, -1, output);
        for (row, diff) in changes {
            let count = self.rows.entry(row.clone()).or_default();
            *count = count.wrapping_add(*diff);
            if *count == 0 {
                self.rows.remove(row);
            }
        }
        let old: Vec<i64> = self.sessions.range(first..=last).map(|(start, _)| *start).collect();
        for start in old {
            self.sessions.remove(&start);
        }
        let mut current: Option<(i64, i64)> = None;
        for (time, _) in self.rows.range((first, Row::empty())..).map(|(row, _)| row).take_while(|(time, _)| *time <= last) {
            current = match current {
                Some((start, end)) if end.saturating_add(gap) >= *time => Some((start, *time)),
                _ => Some((*time, *time)),
            };
            if let Some((start, end)) = current {
                self.sessions.insert(start, end);
            }
        }
        self.give(first, last, gap, 1, output);
    }

    /// Gives out the rows of a stretch of time with their sessions.
    fn give(&self, first: i64, last: i64, gap: i64, sign: Diff, output: &mut Vec<(Row, Diff)>) {
        for (start, end) in self.sessions.range(first..=last) {
            let rows = self.rows.range((*start, Row::empty())..).take_while(|((time, _), _)| time <= end);
            for ((_, row), count) in rows {
                let mut row = row.clone();
                FieldKind::Timestamp.write(&Value::Timestamp(*start), &mut row);
                FieldKind::Timestamp.write(&Value::Timestamp(end.saturating_add(gap)), &mut row);
                output.push((row, count.wrapping_mul(sign)));
            }
        }
    }
}
