//! Reducing: counts, sums, statistics, extremes, percentiles, ordered lists and decayed scores per group, without recomputing a group.
//!
//! Keyed rows enter; the key followed by one field per aggregate leaves, and for a group whose result is out of range an error row in
//! its place. Keeps, per group, some numbers for counts, sums, averages and statistics, and every distinct input of the aggregates that
//! need it to take a retraction back (min, max, first, count distinct, percentile, mode, array, string, object). A change costs the same
//! whatever the group's size, but for arrays, strings and objects, which are written again, and for the mode, which looks at each
//! different value. The groups can be kept: an entry is what is kept of a group, written again when the group changes, so what is kept
//! ought to be small.
//!
//! ```
//! use differential_dataflow::input::Input;
//! use operators::reduce::{AggregateSpec, ReduceSpec, reduce};
//! use operators::state::KeptState;
//! use schemas::aggregate::AggregateKind;
//! use schemas::field::{FieldKind, Value};
//! use schemas::row::Row;
//!
//! timely::example(|scope| {
//!     let mut key = Row::empty();
//!     FieldKind::Int64.write(&Value::Int(7), &mut key);
//!     let (_, likes) = scope.new_collection_from_raw(vec![((key, Row::empty()), 0, 3_i64)]);
//!     let count = AggregateSpec { kind: AggregateKind::CountAll, input: vec![], filter: None, expression: "count(*)".into() };
//!     let spec = ReduceSpec {
//!         key_kinds: vec![FieldKind::Int64],
//!         value_kinds: vec![],
//!         aggregates: vec![count],
//!         global: false,
//!         append_only: false,
//!         relation: "like_counts".into(),
//!     };
//!     let (counts, _errors) = reduce(likes, spec, KeptState::none(0));
//!     counts.inspect(|(row, _, _)| assert_eq!(FieldKind::Int64.read(row.as_bytes(), 9), Value::Int(3)));
//! });
//! ```

use std::collections::hash_map::Entry;

use schemas::dead_letter::RowError;
use schemas::field::field_ends;
use schemas::row::{Diff, Row};

use crate::encoding::{Reader, write_signed};
use crate::hash::RowMap;
use crate::keyed::{Emit, KeyLogic, keyed};
use crate::state::KeptState;
use crate::{Errors, KeyedRows, Rows};
use accumulator::{Accumulator, Fields};
use layout::Layout;

mod accumulator;
mod bits;
mod decayed;
mod dyadic;
mod error;
mod exact_moments;
mod float_moments;
mod float_sum;
mod layout;
mod multiset;
mod ordered;
mod result;
mod running;
mod spec;
mod wide;

pub use error::{AGGREGATE_BYTES_MAX, AGGREGATE_ITEMS_MAX};
pub(crate) use running::Running;
pub use spec::{AggregateSpec, ReduceSpec};

/// Reduces rows to one row per key, beginning with the groups of `state`.
pub fn reduce<'s>(input: KeyedRows<'s>, spec: ReduceSpec, state: KeptState) -> (Rows<'s>, Errors<'s>) {
    let reads_fields = spec.aggregates.iter().any(|aggregate| aggregate.filter.is_some() || !aggregate.input.is_empty());
    let layout = Layout::of(&spec.aggregates);
    keyed(input, "reduce", state, Reduce { grouping: Grouping { spec, layout, reads_fields }, groups: RowMap::default() })
}

/// Groups on this worker.
///
/// Invariants: a group is kept exactly as long as something is kept of it, which may be before its first row is there (a retraction that
/// came early) and ends when everything has cancelled; the output holds one row or one error per group with a positive number of rows.
struct Reduce {
    grouping: Grouping,
    groups: RowMap<Group>,
}

/// Everything that is the same for all groups.
struct Grouping {
    spec: ReduceSpec,
    layout: Layout,
    /// false if only rows are counted
    reads_fields: bool,
}

/// State that is kept of one group.
///
/// `rows` counts all rows, whatever the aggregates' filters say, and decides whether the group has a result.
struct Group {
    rows: Diff,
    accumulators: Box<[Accumulator]>,
}

impl KeyLogic<Row, Row> for Reduce {
    fn apply(&mut self, key: Row, changes: &mut Vec<(Row, Diff)>, emit: &mut Emit<Row>) {
        let (mut entry, old) = match self.groups.entry(key) {
            Entry::Vacant(entry) => (entry.insert_entry(self.grouping.empty_group()), None),
            Entry::Occupied(entry) => {
                let old = self.grouping.result(entry.key(), entry.get());
                (entry, old)
            }
        };
        let is_touched = !changes.is_empty();
        for (value, diff) in changes.drain(..) {
            self.grouping.add(entry.get_mut(), value.as_bytes(), diff);
        }
        let new = self.grouping.result(entry.key(), entry.get());
        let spec = &self.grouping.spec;
        // A group of which nothing is kept is dropped below, so it must not have a result; the row of a global aggregate always is there.
        assert!(
            new.is_none() || spec.global || !entry.get().is_empty(),
            "an empty group of '{}' has a row",
            spec.relation
        );
        if old != new {
            emit_result(old, -1, emit);
            emit_result(new, 1, emit);
        }
        let is_gone = entry.get().is_empty();
        if emit.keeps_state() && is_touched {
            let value = (!is_gone).then(|| entry.get().to_bytes());
            emit.state(entry.key().as_bytes(), &[], value);
        }
        if is_gone && !spec.global {
            entry.remove();
        }
    }

    fn restore(&mut self, key: Row, entries: &mut Vec<(Row, Row)>, emit: &mut Emit<Row>) {
        for (_, value) in entries.drain(..) {
            let relation = &self.grouping.spec.relation;
            let Some(group) = self.grouping.read_group(value.as_bytes()) else {
                panic!("the state of the group {key:?} of '{relation}' was kept by another plan: {value:?}");
            };
            emit_result(self.grouping.result(&key, &group), 1, emit);
            let before = self.groups.insert(key.clone(), group);
            // Its result was given out just now: an earlier one would stay in the output for ever.
            assert!(before.is_none(), "the group {key:?} of '{}' was restored over another", relation);
        }
    }

    fn has_empty_key(&self) -> bool {
        self.grouping.spec.global
    }
}

/// Emits a result, or the error in its place; without one, nothing.
fn emit_result(result: Option<Result<Row, RowError>>, diff: Diff, emit: &mut Emit<Row>) {
    match result {
        Some(Ok(row)) => emit.row(row, diff),
        Some(Err(error)) => emit.error(error, diff),
        None => {}
    }
}

impl Group {
    /// Returns true if nothing is kept of it: its rows and all accumulators have cancelled.
    fn is_empty(&self) -> bool {
        self.rows == 0 && self.accumulators.iter().all(Accumulator::is_empty)
    }

    /// The group as bytes, the same for the same group however it came about.
    fn to_bytes(&self) -> Row {
        let mut out = Row::empty();
        write_signed(self.rows, &mut out);
        self.accumulators.iter().for_each(|accumulator| accumulator.write(&mut out));
        out
    }
}

impl Grouping {
    /// A group before its first row.
    fn empty_group(&self) -> Group {
        let owners = self.layout.owners.iter().map(|owner| &self.spec.aggregates[*owner]);
        Group { rows: 0, accumulators: owners.map(|spec| Accumulator::new(spec, self.spec.append_only)).collect() }
    }

    /// Reads what [`Group::to_bytes`] wrote; `None` when it was not written for these aggregates.
    fn read_group(&self, bytes: &[u8]) -> Option<Group> {
        let mut reader = Reader::new(bytes);
        let mut group = self.empty_group();
        group.rows = reader.signed()?;
        group.accumulators.iter_mut().try_for_each(|accumulator| accumulator.read(&mut reader))?;
        reader.is_done().then_some(group)
    }

    /// Takes one value row into a group `diff` times. An accumulator whose filter is not true for the row is left alone, now and when the row is
    /// retracted: the filter is a function of the row.
    fn add(&self, group: &mut Group, value: &[u8], diff: Diff) {
        // Wrapping sums of counts: whatever was added, its retraction takes away again.
        group.rows = group.rows.wrapping_add(diff);
        let kinds = &self.spec.value_kinds;
        let ends = if self.reads_fields { field_ends(kinds, value) } else { Default::default() };
        let fields = Fields { row: value, ends: &ends, kinds };
        for (owner, accumulator) in self.layout.owners.iter().zip(&mut group.accumulators) {
            let spec = &self.spec.aggregates[*owner];
            if spec.filter.is_none_or(|field| fields.is_true(field)) {
                accumulator.add(spec, &fields, diff);
            }
        }
    }

    /// The group's row; `None` when there is no group.
    fn result(&self, key: &Row, group: &Group) -> Option<Result<Row, RowError>> {
        if group.rows <= 0 && !self.spec.global {
            return None;
        }
        let mut row = key.clone();
        for (spec, state) in self.spec.aggregates.iter().zip(&self.layout.readers) {
            if let Err(detail) = group.accumulators[*state].finish(spec, &self.spec.value_kinds, &mut row) {
                return Some(Err(self.error(spec, detail.to_string(), key)));
            }
        }
        Some(Ok(row))
    }

    /// The error row of a group: the key as a JSON array, and what went wrong.
    fn error(&self, spec: &AggregateSpec, detail: String, key: &Row) -> RowError {
        let mut row = String::from("[");
        let mut start = 0;
        let kinds = &self.spec.key_kinds;
        for (index, (kind, end)) in kinds.iter().zip(field_ends(kinds, key.as_bytes())).enumerate() {
            if index > 0 {
                row.push(',');
            }
            kind.read(key.as_bytes(), start).write_json(&mut row);
            start = end;
        }
        row.push(']');
        RowError { relation: self.spec.relation.clone(), expression: spec.expression.clone(), detail, row }
    }
}
