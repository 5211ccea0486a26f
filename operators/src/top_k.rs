//! Ranking: the first rows of each key in order, after an offset, kept so while rows come and go.
//!
//! Keyed rows that compare in the wanted order enter; those at the places `offset + 1` to `offset + limit` of each key leave, with their
//! place when it is asked for. Keeps all rows of each key, because when one of the first goes the next moves up; when nothing is ever
//! retracted, only the first ones. A change costs a search in the rows of its key; with places, as much as there are rows from the
//! first changed place on.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::top_k::{TopKSpec, top_k};
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let row = |value: &[u8]| ((Row::from_bytes(b"key"), Row::from_bytes(value)), 0, 1_i64);
//!     let (_, rows) = scope.new_collection_from_raw(vec![row(b"b"), row(b"a"), row(b"c")]);
//!     let second = top_k(rows, TopKSpec { limit: 1, offset: 1, rank: false, append_only: false });
//!     second.inspect(|((_, row), _, _)| assert_eq!(row.as_bytes(), b"b"));
//! });
//! ```

use std::collections::BTreeMap;

use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};

use crate::KeyedRows;
use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};

/// Which rows of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKSpec {
    /// how many rows
    pub limit: usize,
    /// how many rows before them are left out
    pub offset: usize,
    /// append the place, counted from 1, as a BIGINT field
    pub rank: bool,
    /// nothing is ever retracted: only the rows up to the last wanted one are kept
    pub append_only: bool,
}

/// The wanted rows of each key. A row that is there several times takes as many places.
pub fn top_k<'s>(input: KeyedRows<'s>, spec: TopKSpec) -> KeyedRows<'s> {
    keyed(input, "top_k", TopK { spec, keys: RowMap::default(), shown: BTreeMap::new() }).0
}

struct TopK {
    spec: TopKSpec,
    keys: RowMap<Places>,
    /// how the wanted rows of the key at hand changed
    shown: BTreeMap<Row, Diff>,
}

/// The rows of one key in three stretches, each before the next. Equal rows may be on both sides of a border.
#[derive(Default)]
struct Places {
    before: Stretch,
    wanted: Stretch,
    after: Stretch,
    /// rows retracted before they came
    owed: BTreeMap<Row, Diff>,
}

/// Rows in order with their counts, and the number of all.
#[derive(Default)]
struct Stretch {
    rows: BTreeMap<Row, Diff>,
    total: Diff,
}

impl KeyLogic<Row, (Row, Row)> for TopK {
    fn apply(&mut self, key: Row, changes: &mut Vec<(Row, Diff)>, emit: &mut Emit<(Row, Row)>) {
        let places = self.keys.entry(key.clone()).or_default();
        for (row, diff) in changes.drain(..) {
            match diff {
                1.. => places.add(row, diff, &self.spec, &mut self.shown),
                _ if self.spec.append_only => panic!("a top_k was planned over append-only input, but a row was retracted"),
                _ => places.remove(row, diff.wrapping_neg(), &self.spec, &mut self.shown),
            }
        }
        self.shown.retain(|_, diff| *diff != 0);
        if self.spec.rank {
            places.emit_ranked(&key, &self.shown, &self.spec, emit);
            self.shown.clear();
        } else {
            while let Some((row, diff)) = self.shown.pop_first() {
                emit.row((key.clone(), row), diff);
            }
        }
        if places.is_empty() {
            self.keys.remove(&key);
        }
    }
}

fn limit_of(count: usize) -> Diff {
    Diff::try_from(count).unwrap_or(Diff::MAX)
}

impl Stretch {
    fn insert(&mut self, row: Row, times: Diff) {
        *self.rows.entry(row).or_default() += times;
        self.total += times;
    }

    /// Takes the row out up to so many times; returns how often it was there.
    fn take(&mut self, row: &Row, times: Diff) -> Diff {
        let Some(count) = self.rows.get_mut(row) else { return 0 };
        let taken = times.min(*count);
        *count -= taken;
        if *count == 0 {
            self.rows.remove(row);
        }
        self.total -= taken;
        taken
    }

    /// Takes out the last row, up to so many times.
    fn take_last(&mut self, times: Diff) -> Option<(Row, Diff)> {
        let row = self.rows.last_key_value()?.0.clone();
        let taken = self.take(&row, times);
        Some((row, taken))
    }

    /// Takes out the first row, up to so many times.
    fn take_first(&mut self, times: Diff) -> Option<(Row, Diff)> {
        let row = self.rows.first_key_value()?.0.clone();
        let taken = self.take(&row, times);
        Some((row, taken))
    }

    /// Whether a row belongs here rather than behind.
    fn accepts(&self, row: &Row, limit: Diff) -> bool {
        self.total < limit || self.rows.last_key_value().is_some_and(|(last, _)| row < last)
    }
}

impl Places {
    fn add(&mut self, row: Row, times: Diff, spec: &TopKSpec, shown: &mut BTreeMap<Row, Diff>) {
        let times = times - self.pay(&row, times);
        let (offset, limit) = (limit_of(spec.offset), limit_of(spec.limit));
        if times == 0 {
            return;
        }
        if self.before.accepts(&row, offset) {
            self.before.insert(row, times);
        } else if self.wanted.accepts(&row, limit) {
            *shown.entry(row.clone()).or_default() += times;
            self.wanted.insert(row, times);
        } else if !spec.append_only {
            self.after.insert(row, times);
        }
        while let Some((row, times)) = take_excess(&mut self.before, offset) {
            *shown.entry(row.clone()).or_default() += times;
            self.wanted.insert(row, times);
        }
        while let Some((row, times)) = take_excess(&mut self.wanted, limit) {
            *shown.entry(row.clone()).or_default() -= times;
            if !spec.append_only {
                self.after.insert(row, times);
            }
        }
    }

    /// Settles what is owed of a row; returns how much that takes.
    fn pay(&mut self, row: &Row, times: Diff) -> Diff {
        let Some(debt) = self.owed.get_mut(row) else { return 0 };
        let paid = times.min(*debt);
        *debt -= paid;
        if *debt == 0 {
            self.owed.remove(row);
        }
        paid
    }

    fn remove(&mut self, row: Row, times: Diff, spec: &TopKSpec, shown: &mut BTreeMap<Row, Diff>) {
        let mut missing = times - self.after.take(&row, times);
        let hidden = self.wanted.take(&row, missing);
        missing -= hidden;
        missing -= self.before.take(&row, missing);
        if missing > 0 {
            *self.owed.entry(row.clone()).or_default() += missing;
        }
        if hidden > 0 {
            *shown.entry(row).or_default() -= hidden;
        }
        while let Some((row, times)) = take_refill(&self.before, &mut self.wanted, limit_of(spec.offset)) {
            *shown.entry(row.clone()).or_default() -= times;
            self.before.insert(row, times);
        }
        while let Some((row, times)) = take_refill(&self.wanted, &mut self.after, limit_of(spec.limit)) {
            *shown.entry(row.clone()).or_default() += times;
            self.wanted.insert(row, times);
        }
    }

    /// Emits the places that changed: those from the first changed row on, where another row is now.
    fn emit_ranked(&self, key: &Row, shown: &BTreeMap<Row, Diff>, spec: &TopKSpec, emit: &mut Emit<(Row, Row)>) {
        let Some((first, _)) = shown.first_key_value() else { return };
        let unchanged: Diff = self.wanted.rows.range::<Row, _>(..first).map(|(_, count)| count).sum();
        let new: BTreeMap<&Row, Diff> = self.wanted.rows.range::<Row, _>(first..).map(|(row, count)| (row, *count)).collect();
        let mut old = new.clone();
        shown.iter().for_each(|(row, diff)| *old.entry(row).or_default() -= diff);
        let (old, new) = (one_by_one(&old), one_by_one(&new));
        for index in 0..old.len().max(new.len()) {
            let (old, new) = (old.get(index), new.get(index));
            if old != new {
                let place = limit_of(spec.offset) + unchanged + limit_of(index) + 1;
                old.into_iter().for_each(|row| emit.row((key.clone(), with_place(row, place)), -1));
                new.into_iter().for_each(|row| emit.row((key.clone(), with_place(row, place)), 1));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.before.total == 0 && self.wanted.total == 0 && self.after.total == 0 && self.owed.is_empty()
    }
}

fn take_excess(stretch: &mut Stretch, limit: Diff) -> Option<(Row, Diff)> {
    if stretch.total > limit { stretch.take_last(stretch.total - limit) } else { None }
}

fn take_refill(short: &Stretch, next: &mut Stretch, limit: Diff) -> Option<(Row, Diff)> {
    if short.total < limit { next.take_first(limit - short.total) } else { None }
}

fn one_by_one<'a>(rows: &BTreeMap<&'a Row, Diff>) -> Vec<&'a Row> {
    rows.iter().flat_map(|(row, count)| std::iter::repeat_n(*row, usize::try_from(*count).unwrap_or(0))).collect()
}

fn with_place(row: &Row, place: Diff) -> Row {
    let mut row = row.clone();
    FieldKind::Int64.write(&Value::Int(place), &mut row);
    row
}
