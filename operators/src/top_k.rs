//! Ranking: the first rows of each key in order, after an offset, kept so while rows come and go.
//!
//! Keyed rows that compare in the wanted order enter; those at the places `offset + 1` to `offset + limit` of each key leave, with their
//! place when it is asked for. Keeps all rows of each key, because when one of the first goes the next moves up; when nothing is ever
//! retracted, only the first ones. A change costs a search in the rows of its key; with places, as much as there are rows from the
//! first changed place on. What is kept of each key can be kept across a restart too: an entry is a row with its count.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::state::KeptState;
//! use operators::top_k::{TopKSpec, top_k};
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let row = |value: &[u8]| ((Row::from_bytes(b"key"), Row::from_bytes(value)), 0, 1_i64);
//!     let (_, rows) = scope.new_collection_from_raw(vec![row(b"b"), row(b"a"), row(b"c")]);
//!     let spec = TopKSpec { limit: 1, offset: 1, rank: false, append_only: false };
//!     let second = top_k(rows, spec, KeptState::none(0));
//!     second.inspect(|((_, row), _, _)| assert_eq!(row.as_bytes(), b"b"));
//! });
//! ```

use std::collections::BTreeMap;

use differential_dataflow::consolidation::consolidate;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};

use crate::KeyedRows;
use crate::encoding::{Reader, signed_row};
use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};
use crate::owed_rows::OwedRows;
use crate::sorted_rows::SortedRows;
use crate::state::KeptState;

/// The rows that are kept of each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKSpec {
    /// number of rows
    pub limit: usize,
    /// number of rows before them that are left out
    pub offset: usize,
    /// append the place, counted from 1, as a BIGINT field
    pub rank: bool,
    /// nothing is ever retracted: only the rows up to the last wanted one are kept
    pub append_only: bool,
}

/// The wanted rows of each key, beginning with the rows of `state`. A row that is there several times takes as many places.
pub fn top_k<'s>(input: KeyedRows<'s>, spec: TopKSpec, state: KeptState) -> KeyedRows<'s> {
    let moves = Moves { shown: Vec::new(), touched: state.is_kept().then(Vec::new) };
    keyed(input, "top_k", state, TopK { spec, keys: RowMap::default(), moves }).0
}

/// Places of all keys on this worker.
struct TopK {
    spec: TopKSpec,
    keys: RowMap<Places>,
    moves: Moves,
}

/// Changes of the key at hand.
struct Moves {
    /// changes of the wanted rows
    shown: Vec<(Row, Diff)>,
    /// the rows that may be held more or less often now; `None` when the state is not kept
    touched: Option<Vec<Row>>,
}

impl Moves {
    /// Notes a row whose entry of the state may have changed, if the state is kept.
    fn touch(&mut self, row: &Row) {
        if let Some(touched) = &mut self.touched {
            touched.push(row.clone());
        }
    }
}

/// The rows of one key in three stretches, each before the next. Equal rows may be on both sides of a border.
///
/// Invariants: every row of a stretch is at most every row of the next; `before` is full, or `wanted` and `after` are empty; `wanted` is full,
/// or `after` is empty; a row that is owed is in none of them. A change keeps them by moving rows over the two borders, so it costs as much as it
/// moves, however many rows there are.
#[derive(Default)]
struct Places {
    before: SortedRows,
    wanted: SortedRows,
    after: SortedRows,
    /// rows retracted before they came
    owed: OwedRows,
}

impl KeyLogic<Row, (Row, Row)> for TopK {
    fn apply(&mut self, key: Row, changes: &mut Vec<(Row, Diff)>, emit: &mut Emit<(Row, Row)>) {
        self.change(&key, changes, emit);
        self.report(&key, emit);
    }

    fn restore(&mut self, key: Row, entries: &mut Vec<(Row, Row)>, emit: &mut Emit<(Row, Row)>) {
        let read = |(row, value): (Row, Row)| match Reader::new(value.as_bytes()).signed() {
            Some(count) => (row, count),
            None => panic!("how often the row {row:?} of the key {key:?} is there was kept in another form: {value:?}"),
        };
        let mut changes = entries.drain(..).map(read).collect();
        self.change(&key, &mut changes, emit);
        self.moves.touched.iter_mut().for_each(Vec::clear);
    }
}

impl TopK {
    /// Applies the changes of a key and emits how its wanted rows changed.
    fn change(&mut self, key: &Row, changes: &mut Vec<(Row, Diff)>, emit: &mut Emit<(Row, Row)>) {
        let places = self.keys.entry(key.clone()).or_default();
        for (row, diff) in changes.drain(..) {
            match diff {
                1.. => places.add(row, diff, &self.spec, &mut self.moves),
                _ if self.spec.append_only => panic!("a top_k was planned over append-only input, but a row was retracted"),
                _ => places.remove(row, diff.wrapping_neg(), &self.spec, &mut self.moves),
            }
        }
        let shown = &mut self.moves.shown;
        consolidate(shown);
        if self.spec.rank {
            places.emit_ranked(key, shown, &self.spec, emit);
            shown.clear();
        } else {
            shown.drain(..).for_each(|(row, diff)| emit.row((key.clone(), row), diff));
        }
        // Otherwise a row would be shown that others come before, or be missing where there is room.
        assert!(places.is_in_order(&self.spec), "the stretches of the key {key:?} are out of order");
        if places.is_empty() {
            self.keys.remove(key);
        }
    }

    /// Reports how often the rows of the key at hand are kept.
    fn report(&mut self, key: &Row, emit: &mut Emit<(Row, Row)>) {
        let Some(touched) = &mut self.moves.touched else { return };
        touched.sort_unstable();
        touched.dedup();
        for row in touched.drain(..) {
            let count = self.keys.get(key).map_or(0, |places| places.count(&row));
            emit.state(key.as_bytes(), row.as_bytes(), (count != 0).then(|| signed_row(count)));
        }
    }
}

/// A number of rows as a count.
fn limit_of(count: usize) -> Diff {
    Diff::try_from(count).unwrap_or(Diff::MAX)
}

/// Returns true if a row belongs in this stretch rather than behind it.
fn accepts(stretch: &SortedRows, row: &Row, limit: Diff) -> bool {
    stretch.total() < limit || stretch.last().is_some_and(|last| row.as_bytes() < last)
}

/// Takes the last row out of a stretch that is over its limit, as often as it is too much.
fn take_excess(stretch: &mut SortedRows, limit: Diff) -> Option<(Row, Diff)> {
    if stretch.total() > limit { stretch.take_last(stretch.total() - limit) } else { None }
}

/// Takes the first row of the next stretch for one that is short, as often as there is room.
fn take_refill(short: &SortedRows, next: &mut SortedRows, limit: Diff) -> Option<(Row, Diff)> {
    if short.total() < limit { next.take_first(limit - short.total()) } else { None }
}

impl Places {
    /// Adds a row; first it pays what is owed of it. What a full stretch pushes out goes to the next one.
    fn add(&mut self, row: Row, times: Diff, spec: &TopKSpec, moves: &mut Moves) {
        let paid = self.owed.pay(row.as_bytes(), times);
        let times = times - paid;
        if paid > 0 {
            moves.touch(&row);
        }
        let (offset, limit) = (limit_of(spec.offset), limit_of(spec.limit));
        if times == 0 {
            return;
        }
        if accepts(&self.before, &row, offset) {
            moves.touch(&row);
            self.before.insert(row.as_bytes(), times);
        } else if accepts(&self.wanted, &row, limit) {
            moves.touch(&row);
            self.wanted.insert(row.as_bytes(), times);
            moves.shown.push((row, times));
        } else if !spec.append_only {
            moves.touch(&row);
            self.after.insert(row.as_bytes(), times);
        }
        while let Some((row, times)) = take_excess(&mut self.before, offset) {
            self.wanted.insert(row.as_bytes(), times);
            moves.shown.push((row, times));
        }
        while let Some((row, times)) = take_excess(&mut self.wanted, limit) {
            if spec.append_only {
                moves.touch(&row);
            } else {
                self.after.insert(row.as_bytes(), times);
            }
            moves.shown.push((row, -times));
        }
    }

    /// Takes a row out of the last stretch that has it, so that fewer borders move; what none has is owed. Stretches that became short are
    /// refilled from those behind them.
    fn remove(&mut self, row: Row, times: Diff, spec: &TopKSpec, moves: &mut Moves) {
        moves.touch(&row);
        let mut missing = times - self.after.take(row.as_bytes(), times);
        let hidden = self.wanted.take(row.as_bytes(), missing);
        missing -= hidden;
        missing -= self.before.take(row.as_bytes(), missing);
        self.owed.owe(row.as_bytes(), missing);
        if hidden > 0 {
            moves.shown.push((row, -hidden));
        }
        while let Some((row, times)) = take_refill(&self.before, &mut self.wanted, limit_of(spec.offset)) {
            self.before.insert(row.as_bytes(), times);
            moves.shown.push((row, -times));
        }
        // More may be missing than was wanted. Now nothing is, so the next rows are those behind; they are never shown.
        while let Some((row, times)) = take_refill(&self.before, &mut self.after, limit_of(spec.offset)) {
            self.before.insert(row.as_bytes(), times);
        }
        while let Some((row, times)) = take_refill(&self.wanted, &mut self.after, limit_of(spec.limit)) {
            self.wanted.insert(row.as_bytes(), times);
            moves.shown.push((row, times));
        }
    }

    /// Emits the places that changed: those from the first changed row on, where another row is now.
    fn emit_ranked(&self, key: &Row, shown: &[(Row, Diff)], spec: &TopKSpec, emit: &mut Emit<(Row, Row)>) {
        let Some((first, _)) = shown.first() else { return };
        let unchanged = self.wanted.count_before(first.as_bytes());
        let new: BTreeMap<&[u8], Diff> = self.wanted.from(first.as_bytes()).collect();
        let mut old = new.clone();
        shown.iter().for_each(|(row, diff)| *old.entry(row.as_bytes()).or_default() -= diff);
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

    /// Returns the multiplicity of a row; negative when it was retracted before it came.
    fn count(&self, row: &Row) -> Diff {
        let there: Diff = [&self.before, &self.wanted, &self.after].map(|stretch| stretch.count(row.as_bytes())).iter().sum();
        there - self.owed.count(row.as_bytes())
    }

    /// Returns true if no stretch is over its limit, and none has rows while one before it is short.
    fn is_in_order(&self, spec: &TopKSpec) -> bool {
        let (before, wanted, after) = (self.before.total(), self.wanted.total(), self.after.total());
        let (offset, limit) = (limit_of(spec.offset), limit_of(spec.limit));
        before <= offset && wanted <= limit && (before == offset || wanted + after == 0) && (wanted == limit || after == 0)
    }

    /// Returns true if nothing is kept of the key.
    fn is_empty(&self) -> bool {
        self.before.total() == 0 && self.wanted.total() == 0 && self.after.total() == 0 && self.owed.is_empty()
    }
}

/// Rows as often as they are there.
fn one_by_one<'a>(rows: &BTreeMap<&'a [u8], Diff>) -> Vec<&'a [u8]> {
    rows.iter().flat_map(|(row, count)| std::iter::repeat_n(*row, usize::try_from(*count).unwrap_or(0))).collect()
}

/// A row with its place behind it.
fn with_place(row: &[u8], place: Diff) -> Row {
    let mut row = Row::from_bytes(row);
    FieldKind::Int64.write(&Value::Int(place), &mut row);
    row
}
