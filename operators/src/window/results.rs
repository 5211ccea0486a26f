//! The results of functions for rows that follow one another.
//!
//! Ordered rows and a range of them enter, each row of the range with the fields of all functions leaves. An aggregate goes along with the frame:
//! it takes in the rows that come into it and takes out those that leave it, so a range costs its rows and the frame of its first.

use std::ops::Range;

use schemas::aggregate::AggregateKind;
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value, field_ends, is_null};
use schemas::row::Row;
use schemas::window::WindowKind;

use super::frame::{Window, field_of};
use super::spec::{WindowCall, WindowSpec};
use crate::reduce::{AggregateSpec, Running};

/// A row with its results, or the error in its place.
pub(super) type Outcome = Result<Row, RowError>;

impl Window<'_> {
    /// Computes the results of the rows in a range.
    pub(super) fn results(&self, range: Range<usize>, key: &Row) -> Vec<Outcome> {
        let mut made: Vec<Outcome> = range.clone().map(|row| Ok(Row::from_bytes(self.rows[row].row()))).collect();
        for call in &self.spec.calls {
            self.compute(call, range.clone(), key, &mut made);
        }
        made
    }

    /// Appends the results of one function; `made` are the rows of the range.
    fn compute(&self, call: &WindowCall, range: Range<usize>, key: &Row, made: &mut [Outcome]) {
        if range.is_empty() {
            return;
        }
        if let WindowKind::Aggregate(kind) = &call.kind {
            return self.aggregate(call, kind, range, key, made);
        }
        let mut dense = if call.kind == WindowKind::DenseRank { self.groups_before(range.start) } else { 0 };
        let mut first_peer = self.peers(range.start).start;
        for (row, out) in range.clone().zip(made) {
            if row > range.start && self.is_first_peer(row) {
                (dense, first_peer) = (dense + 1, row);
            }
            let Ok(out) = out else { continue };
            match &call.kind {
                WindowKind::RowNumber => write_count(row + 1, out),
                WindowKind::Rank => write_count(first_peer + 1, out),
                WindowKind::DenseRank => write_count(dense + 1, out),
                WindowKind::PercentRank => write_part(first_peer, self.rows.len() - 1, out),
                WindowKind::CumeDist => write_part(self.peers(row).end, self.rows.len(), out),
                WindowKind::Ntile { buckets } => {
                    FieldKind::Int32.write(&Value::Int(bucket(row, self.rows.len(), *buckets)), out);
                }
                _ => out.extend(self.value_of_another(call, row).as_bytes()),
            }
        }
    }

    /// The field that a function takes of another row, as it is stored.
    fn value_of_another(&self, call: &WindowCall, row: usize) -> Row {
        let field = |row: usize, input: usize| Row::from_bytes(field_of(&self.spec.kinds, self.rows[row].row(), call.input[input]));
        match (self.other(call, row), &call.kind) {
            (Some(other), _) => field(other, 0),
            (None, WindowKind::Neighbour { .. }) if call.input.len() > 1 => field(row, 1),
            (None, _) => {
                let mut null = Row::empty();
                self.spec.kinds[call.input[0]].write_null(&mut null);
                null
            }
        }
    }

    /// The row whose value a function takes for a row; `None` when there is no such row.
    fn other(&self, call: &WindowCall, row: usize) -> Option<usize> {
        let in_frame = |place: &dyn Fn(Range<usize>) -> Option<usize>| {
            let frame = self.frame(&call.frame, row);
            place(frame.clone()).filter(|place| frame.contains(place))
        };
        match &call.kind {
            WindowKind::Neighbour { offset } => {
                let place = i64::try_from(row).ok()?.checked_add(*offset)?;
                usize::try_from(place).ok().filter(|place| *place < self.rows.len())
            }
            WindowKind::FirstValue => in_frame(&|frame| Some(frame.start)),
            WindowKind::LastValue => in_frame(&|frame| frame.end.checked_sub(1)),
            WindowKind::NthValue { place } => {
                in_frame(&|frame| frame.start.checked_add(usize::try_from(*place).ok()?.checked_sub(1)?))
            }
            _ => None,
        }
    }

    /// Appends the results of an aggregate over the frames.
    fn aggregate(&self, call: &WindowCall, kind: &AggregateKind, range: Range<usize>, key: &Row, made: &mut [Outcome]) {
        let (kind, input, expression) = (kind.clone(), call.input.clone(), call.expression.clone());
        let spec = AggregateSpec { kind, input, filter: call.filter, expression };
        let mut running = Running::new(&spec, &self.spec.kinds);
        let mut inside = 0..0;
        for (row, out) in range.zip(made) {
            let frame = self.frame(&call.frame, row);
            for (rows, diff) in changes(&inside, &frame) {
                rows.for_each(|row| running.add(self.rows[row].row(), diff));
            }
            inside = frame;
            if let Ok(fields) = out
                && let Err(detail) = running.finish(fields)
            {
                *out = Err(self.spec.error(call.expression.clone(), detail, key));
            }
        }
    }

    /// The rows that the results of a row are read from, beside the row itself: the row whose value is taken, or those of the frame that count.
    pub(super) fn sources(&self, row: usize) -> Vec<usize> {
        let of_call = |call: &WindowCall| match &call.kind {
            WindowKind::Aggregate(kind) => self.counted(call, kind, row),
            _ => self.other(call, row).into_iter().collect(),
        };
        self.spec.calls.iter().flat_map(of_call).collect()
    }

    /// The rows of a frame that an aggregate takes in; of a minimum or a maximum, one that has the value.
    fn counted(&self, call: &WindowCall, kind: &AggregateKind, row: usize) -> Vec<usize> {
        let kinds = &self.spec.kinds;
        let keeps_null = matches!(kind, AggregateKind::CountAll | AggregateKind::ArrayAgg { .. });
        let counts = |row: &usize| {
            let row = self.rows[*row].row();
            let is_true = |field| FieldKind::Boolean.read(field_of(kinds, row, field), 0) == Value::Boolean(true);
            let is_given = |field: &usize| keeps_null || !is_null(field_of(kinds, row, *field), 0);
            call.filter.is_none_or(is_true) && call.input.first().is_none_or(is_given)
        };
        let counted = self.frame(&call.frame, row).filter(counts);
        let argument = |row: &usize| call.input.first().map(|field| field_of(kinds, self.rows[*row].row(), *field));
        match kind {
            AggregateKind::Min => counted.min_by_key(argument).into_iter().collect(),
            // Of several that are equal the first.
            AggregateKind::Max => counted.rev().max_by_key(argument).into_iter().collect(),
            _ => counted.collect(),
        }
    }
}

impl WindowSpec {
    /// The error in place of rows: the key as a JSON array, and what went wrong.
    pub(super) fn error(&self, expression: String, detail: String, key: &Row) -> RowError {
        let mut row = String::from("[");
        let mut start = 0;
        for (index, (kind, end)) in self.key_kinds.iter().zip(field_ends(&self.key_kinds, key.as_bytes())).enumerate() {
            if index > 0 {
                row.push(',');
            }
            kind.read(key.as_bytes(), start).write_json(&mut row);
            start = end;
        }
        row.push(']');
        RowError { relation: self.relation.clone(), expression, detail, row }
    }
}

/// The rows that come into a frame and those that leave it. Those that are in both stay.
fn changes(before: &Range<usize>, after: &Range<usize>) -> [(Range<usize>, i64); 4] {
    let shared = before.start.max(after.start)..before.end.min(after.end);
    if shared.is_empty() {
        return [(before.clone(), -1), (0..0, -1), (after.clone(), 1), (0..0, 1)];
    }
    [
        (before.start..shared.start, -1),
        (shared.end..before.end, -1),
        (after.start..shared.start, 1),
        (shared.end..after.end, 1),
    ]
}

/// The bucket of a row, from 1 on: the first `count % buckets` buckets have one row more than the others.
fn bucket(row: usize, count: usize, buckets: i64) -> i64 {
    let (row, count) = (row as i64, count as i64);
    let (size, larger) = (count / buckets, count % buckets);
    let in_larger = larger * (size + 1);
    1 + if row < in_larger { row / (size + 1) } else { larger + (row - in_larger) / size }
}

fn write_count(count: usize, out: &mut Row) {
    FieldKind::Int64.write(&Value::Int(count as i64), out);
}

/// Writes a part of a whole; nothing of nothing is 0.
fn write_part(part: usize, whole: usize, out: &mut Row) {
    let quotient = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    FieldKind::Float64.write(&Value::Float(quotient), out);
}
