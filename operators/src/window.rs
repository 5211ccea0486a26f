//! Windowing: each row with what functions make of the rows around it, kept so while rows come and go.
//!
//! Keyed rows enter; each leaves with a field for every function: its number, its rank, values of rows before and behind it, aggregates over a
//! frame. The rows of a key are taken in the order of the window, and rows of equal order in that of all of their fields, so a result depends on
//! the rows alone. Keeps all rows of each key. A change costs as much as it takes to compute the rows that it can affect: with a frame of bounded
//! size those near it, with running totals those behind it, otherwise all rows of its key.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::window::{WINDOW_ROWS_MAX, WindowCall, WindowSpec, window};
//! use schemas::field::{FieldKind, Value};
//! use schemas::row::Row;
//! use schemas::window::{FrameBound, FrameUnit, WindowFrame, WindowKind};
//!
//! timely::example(|scope| {
//!     let row = |value| {
//!         let mut row = Row::empty();
//!         FieldKind::Int64.write(&Value::Int(value), &mut row);
//!         ((Row::empty(), row), 0, 1_i64)
//!     };
//!     let (_, readings) = scope.new_collection_from_raw(vec![row(20), row(10)]);
//!     let before = WindowCall {
//!         kind: WindowKind::Neighbour { offset: -1 },
//!         input: vec![0],
//!         filter: None,
//!         frame: WindowFrame { unit: FrameUnit::Rows, start: FrameBound::First, end: FrameBound::Last },
//!         expression: "lag(value)".into(),
//!     };
//!     let kinds = vec![FieldKind::Int64];
//!     let relation = "readings".to_owned();
//!     let spec = WindowSpec { key_kinds: vec![], kinds, order: vec![(0, false)], calls: vec![before], rows_max: WINDOW_ROWS_MAX, relation };
//!     let (rows, _errors) = window(readings, spec);
//!     rows.inspect(|(row, _, _)| {
//!         let expected = if FieldKind::Int64.read(row.as_bytes(), 0) == Value::Int(20) { Value::Int(10) } else { Value::Null };
//!         assert_eq!(FieldKind::Int64.read(row.as_bytes(), 9), expected);
//!     });
//! });
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use differential_dataflow::consolidation::consolidate;
use schemas::dead_letter::RowError;
use schemas::row::{Diff, Row};

use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};
use crate::state::KeptState;
use crate::{Errors, KeyedRows, Rows};
use frame::{OrderedRow, Window};
use results::Outcome;

mod frame;
mod results;
mod spec;

pub use spec::{WINDOW_ROWS_MAX, WindowCall, WindowSpec};

/// Changes of a key up to which they are made one by one. More are merged with its rows in one go.
const SINGLE_CHANGES_MAX: usize = 16;

/// Appends the results of the functions to each row. A row that is there several times is several rows that follow one another.
pub fn window<'s>(input: KeyedRows<'s>, spec: WindowSpec) -> (Rows<'s>, Errors<'s>) {
    keyed(input, "window", KeptState::none(0), Windowing { spec, keys: RowMap::default() })
}

/// A row of the output with the numbers of the rows that it was made of, itself first.
pub type Sourced = (Row, Vec<usize>);

/// Computes the rows of one key, as far as they are wanted, each with the numbers of the rows that its results were read from. Rows that have no
/// result are left out.
pub fn sources(spec: &WindowSpec, rows: &[Row], is_wanted: impl Fn(&Row) -> bool) -> Vec<Sourced> {
    let mut numbered: Vec<(OrderedRow, usize)> =
        rows.iter().enumerate().map(|(number, row)| (OrderedRow::new(spec, row.as_bytes()), number)).collect();
    numbered.sort_unstable();
    let (rows, numbers): (Vec<OrderedRow>, Vec<usize>) = numbered.into_iter().unzip();
    let window = Window { spec, rows: &rows };
    let made = window.results(0..rows.len(), &Row::empty()).into_iter().enumerate();
    let wanted = made.filter_map(|(place, made)| Some((place, made.ok().filter(&is_wanted)?)));
    let sourced = wanted.map(|(place, row)| {
        let others = window.sources(place);
        (row, std::iter::once(place).chain(others).map(|place| numbers[place]).collect())
    });
    sourced.collect()
}

/// Rows of all keys on this worker.
struct Windowing {
    spec: WindowSpec,
    keys: RowMap<KeyRows>,
}

/// The rows of one key.
///
/// Invariants: the rows are in order, equal ones as often as they are there; a row that is owed is not among them. The output holds the results of
/// every row, or one error when there are too many.
#[derive(Default)]
struct KeyRows {
    rows: Vec<OrderedRow>,
    /// rows retracted before they came
    owed: BTreeMap<OrderedRow, Diff>,
}

/// Change of how often a row is there.
type RowChange = (OrderedRow, Diff);

/// Rows that are computed again because of changes that follow one another.
struct Stretch {
    /// their places before the changes
    rows: Range<usize>,
    /// the number of the changes' rows that come or, when it is negative, go
    grows: isize,
}

impl KeyLogic<Row, Row> for Windowing {
    fn apply(&mut self, key: Row, changes: &mut Vec<(Row, Diff)>, emit: &mut Emit<Row>) {
        let spec = &self.spec;
        let held = self.keys.entry(key.clone()).or_default();
        let mut changes: Vec<RowChange> =
            changes.drain(..).map(|(row, diff)| (OrderedRow::new(spec, row.as_bytes()), diff)).collect();
        changes.sort_unstable();
        let grows: Vec<isize> = changes.iter().map(|change| held.growth(change)).collect();
        let before = held.rows.len();
        let after = before.saturating_add_signed(grows.iter().sum());
        let (was_over, is_over) = (before > spec.rows_max, after > spec.rows_max);
        let stretches = match (was_over, is_over) {
            (true, true) => Vec::new(),
            (false, false) => held.stretches(spec, &changes, &grows),
            _ => vec![Stretch { rows: 0..before, grows: grows.iter().sum() }],
        };
        let mut output: Vec<(Outcome, Diff)> = Vec::new();
        match was_over {
            true if !is_over => output.push((Err(spec.too_many(&key)), -1)),
            true => {}
            false => stretches.iter().for_each(|stretch| held.give(spec, stretch.rows.clone(), &key, -1, &mut output)),
        }
        held.change(changes);
        assert!(held.rows.len() == after, "the rows of the key {key:?} are {} instead of {after}", held.rows.len());
        match is_over {
            true if !was_over => output.push((Err(spec.too_many(&key)), 1)),
            true => {}
            false => give_after(spec, held, &stretches, &key, &mut output),
        }
        emit.spend(output.len());
        consolidate(&mut output);
        for (outcome, diff) in output {
            match outcome {
                Ok(row) => emit.row(row, diff),
                Err(error) => emit.error(error, diff),
            }
        }
        if held.rows.is_empty() && held.owed.is_empty() {
            self.keys.remove(&key);
        }
    }
}

/// Gives out the stretches where they are after the changes.
fn give_after(spec: &WindowSpec, held: &KeyRows, stretches: &[Stretch], key: &Row, output: &mut Vec<(Outcome, Diff)>) {
    let mut moved: isize = 0;
    for stretch in stretches {
        let start = stretch.rows.start.saturating_add_signed(moved);
        moved += stretch.grows;
        let end = stretch.rows.end.saturating_add_signed(moved);
        held.give(spec, start..end, key, 1, output);
    }
}

impl WindowSpec {
    /// The error in place of all rows of a key.
    fn too_many(&self, key: &Row) -> RowError {
        let expressions: Vec<&str> = self.calls.iter().map(|call| call.expression.as_str()).collect();
        let detail = format!("the partition has more than {} rows: filter them, or partition by more columns", self.rows_max);
        self.error(expressions.join(", "), detail, key)
    }
}

impl KeyRows {
    /// The places of a row, which are empty where it would be when it is not there.
    fn places(&self, row: &OrderedRow) -> Range<usize> {
        let start = self.rows.partition_point(|other| other.bytes() < row.bytes());
        let copies = self.rows[start..].iter().take_while(|other| other.bytes() == row.bytes()).count();
        start..start + copies
    }

    /// The number of rows that a change adds, or takes away; what is owed, or not there, counts for nothing.
    fn growth(&self, (row, diff): &RowChange) -> isize {
        let there = self.places(row).len() as Diff - self.owed.get(row).copied().unwrap_or(0);
        let present = |count: Diff| isize::try_from(count.max(0)).unwrap_or(isize::MAX);
        present(there.wrapping_add(*diff)) - present(there)
    }

    /// The rows whose results the changes may change, in stretches that do not touch. Changes are in order, and so are the rows that they affect.
    fn stretches(&self, spec: &WindowSpec, changes: &[RowChange], grows: &[isize]) -> Vec<Stretch> {
        let window = Window { spec, rows: &self.rows };
        let mut stretches: Vec<Stretch> = Vec::new();
        for ((row, _), grows) in changes.iter().zip(grows).filter(|(_, grows)| **grows != 0) {
            let affected = window.affected(row);
            match stretches.last_mut() {
                Some(last) if affected.start <= last.rows.end => {
                    last.rows = last.rows.start.min(affected.start)..last.rows.end.max(affected.end);
                    last.grows += grows;
                }
                _ => stretches.push(Stretch { rows: affected, grows: *grows }),
            }
        }
        stretches
    }

    /// Adds the results of the rows at some places to the output.
    fn give(&self, spec: &WindowSpec, places: Range<usize>, key: &Row, diff: Diff, output: &mut Vec<(Outcome, Diff)>) {
        let made = Window { spec, rows: &self.rows }.results(places, key);
        output.extend(made.into_iter().map(|outcome| (outcome, diff)));
    }

    /// Applies changes, which are in order.
    fn change(&mut self, changes: Vec<RowChange>) {
        if changes.len() > SINGLE_CHANGES_MAX {
            return self.merge(changes);
        }
        for (row, diff) in changes {
            let places = self.places(&row);
            let copies = self.settled(&row, places.len(), diff);
            let same = std::iter::repeat_n(row, copies);
            drop(self.rows.splice(places, same));
        }
    }

    /// Applies many changes in one pass over the rows.
    fn merge(&mut self, changes: Vec<RowChange>) {
        let mut old = std::mem::take(&mut self.rows).into_iter().peekable();
        let mut rows = Vec::with_capacity(old.len() + changes.len());
        for (row, diff) in changes {
            while let Some(before) = old.next_if(|other| other.bytes() < row.bytes()) {
                rows.push(before);
            }
            let mut there = 0;
            while old.next_if(|other| other.bytes() == row.bytes()).is_some() {
                there += 1;
            }
            let copies = self.settled(&row, there, diff);
            rows.extend(std::iter::repeat_n(row, copies));
        }
        rows.extend(old);
        self.rows = rows;
    }

    /// The number of copies of a row after a change; what is missing is owed from then on.
    fn settled(&mut self, row: &OrderedRow, there: usize, diff: Diff) -> usize {
        let count = (there as Diff - self.owed.remove(row).unwrap_or(0)).wrapping_add(diff);
        if count < 0 {
            self.owed.insert(row.clone(), count.wrapping_neg());
        }
        usize::try_from(count).unwrap_or(0)
    }
}
