//! The functions of a window, computed of all rows of a key for each row by itself.

use operators::window::{WindowCall, WindowSpec};
use schemas::aggregate::AggregateKind;
use schemas::field::{FieldKind, Value};
use schemas::numeric::Numeric;
use schemas::row::Row;
use schemas::window::{FrameBound, FrameDistance, FrameUnit, WindowFrame, WindowKind};

use super::kinds;
use crate::harness::{field, int};

/// The rows of a key in the order of the window, with the results of its functions.
pub struct ByHand<'a> {
    spec: &'a WindowSpec,
    pub rows: Vec<Row>,
    values: Vec<Vec<Value<'static>>>,
    orders: Vec<Vec<u8>>,
    /// the number of groups of peers before each row
    groups: Vec<i64>,
}

impl<'a> ByHand<'a> {
    pub fn new(spec: &'a WindowSpec, rows: Vec<Row>) -> Self {
        let mut sorted: Vec<(Vec<u8>, Row)> = rows.into_iter().map(|row| (order_of(spec, &row), row)).collect();
        sorted.sort();
        let (orders, rows): (Vec<Vec<u8>>, Vec<Row>) = sorted.into_iter().unzip();
        let group = |row: usize| (1..=row).filter(|&at| orders[at] != orders[at - 1]).count() as i64;
        let groups = (0..rows.len()).map(group).collect();
        Self { spec, values: rows.iter().map(decode).collect(), rows, orders, groups }
    }

    fn value(&self, row: usize, column: usize) -> Value<'static> {
        self.values[row][column].clone()
    }

    /// Returns true if a row is in the frame of another.
    fn is_in_frame(&self, frame: &WindowFrame, row: usize, other: usize) -> bool {
        self.is_behind(frame.unit, &frame.start, row, other) && self.is_before(frame.unit, &frame.end, row, other)
    }

    fn is_behind(&self, unit: FrameUnit, start: &FrameBound, row: usize, other: usize) -> bool {
        match start {
            FrameBound::First => true,
            FrameBound::Last => false,
            FrameBound::Current if unit == FrameUnit::Rows => other >= row,
            FrameBound::Current => self.orders[other] >= self.orders[row],
            FrameBound::Preceding(FrameDistance::Count(count)) => self.place(unit, other) >= self.place(unit, row) - signed(*count),
            FrameBound::Following(FrameDistance::Count(count)) => self.place(unit, other) >= self.place(unit, row) + signed(*count),
            FrameBound::Preceding(distance) => self.distance(row, other).is_none_or(|to| to >= -size(distance)),
            FrameBound::Following(distance) => self.distance(row, other).is_none_or(|to| to >= size(distance)),
        }
    }

    fn is_before(&self, unit: FrameUnit, end: &FrameBound, row: usize, other: usize) -> bool {
        match end {
            FrameBound::First => false,
            FrameBound::Last => true,
            FrameBound::Current if unit == FrameUnit::Rows => other <= row,
            FrameBound::Current => self.orders[other] <= self.orders[row],
            FrameBound::Preceding(FrameDistance::Count(count)) => self.place(unit, other) <= self.place(unit, row) - signed(*count),
            FrameBound::Following(FrameDistance::Count(count)) => self.place(unit, other) <= self.place(unit, row) + signed(*count),
            FrameBound::Preceding(distance) => self.distance(row, other).is_none_or(|to| to <= -size(distance)),
            FrameBound::Following(distance) => self.distance(row, other).is_none_or(|to| to <= size(distance)),
        }
    }

    fn place(&self, unit: FrameUnit, row: usize) -> i64 {
        if unit == FrameUnit::Rows { row as i64 } else { self.groups[row] }
    }

    /// Distance from a row to another in the direction of the order, endless from or to a NULL; `None` between peers that are NULL or no finite
    /// number, which are in each other's frames whatever the bounds are.
    fn distance(&self, row: usize, other: usize) -> Option<f64> {
        let (column, descending) = self.spec.order[0];
        let number = |row: usize| match self.value(row, column) {
            Value::Int(value) | Value::Timestamp(value) => Some(value as f64),
            Value::Decimal(units, _) => Some(units as f64),
            Value::Float(value) => Some(value),
            Value::Numeric(units) => Some(Numeric::from_wide(units).to_f64()),
            _ => None,
        };
        let behind = if self.orders[other] > self.orders[row] { f64::INFINITY } else { f64::NEG_INFINITY };
        match (number(row), number(other)) {
            _ if number(row).is_none_or(f64::is_nan) && self.orders[row] == self.orders[other] => None,
            (Some(from), Some(to)) if from.is_nan() || to.is_nan() => Some(behind),
            // Every distance before and behind infinity is infinity.
            (Some(from), Some(to)) if from == to && from.is_infinite() => None,
            (Some(from), Some(to)) => Some(if descending { from - to } else { to - from }),
            _ => Some(behind),
        }
    }

    /// Returns the result of a call for a row.
    pub fn result(&self, call: &WindowCall, row: usize) -> Row {
        let count = self.rows.len();
        let bigint = |number: usize| int(number as i64);
        let first_peer = || (0..count).find(|&other| self.orders[other] == self.orders[row]).expect("the row itself");
        let part = |part: usize, all: usize| {
            field(&FieldKind::Float64, &Value::Float(if all == 0 { 0.0 } else { part as f64 / all as f64 }))
        };
        let taken = |other: Option<usize>| match other {
            Some(other) => field(&kinds()[call.input[0]], &self.value(other, call.input[0])),
            None if call.input.len() > 1 => field(&kinds()[call.input[1]], &self.value(row, call.input[1])),
            None => field(&kinds()[call.input[0]], &Value::Null),
        };
        let inside: Vec<usize> = (0..count).filter(|&other| self.is_in_frame(&call.frame, row, other)).collect();
        match &call.kind {
            WindowKind::RowNumber => bigint(row + 1),
            WindowKind::Rank => bigint(first_peer() + 1),
            WindowKind::DenseRank => int(self.groups[row] + 1),
            WindowKind::PercentRank => part(first_peer(), count - 1),
            WindowKind::CumeDist => part(self.orders.iter().filter(|order| **order <= self.orders[row]).count(), count),
            WindowKind::Ntile { buckets } => {
                let buckets = *buckets as usize;
                let sizes = (0..buckets).map(|bucket| count / buckets + usize::from(bucket < count % buckets));
                let ends = sizes.scan(0, |end, size| {
                    *end += size;
                    Some(*end)
                });
                let bucket = ends.take_while(|end| *end <= row).count();
                field(&FieldKind::Int32, &Value::Int(bucket as i64 + 1))
            }
            WindowKind::Neighbour { offset } => {
                let place = row as i64 + offset;
                taken((0..count as i64).contains(&place).then_some(place as usize))
            }
            WindowKind::FirstValue => taken(inside.first().copied()),
            WindowKind::LastValue => taken(inside.last().copied()),
            WindowKind::NthValue { place } => taken(inside.get(*place as usize - 1).copied()),
            WindowKind::Aggregate(kind) => self.aggregate(call, kind, &inside),
        }
    }

    fn aggregate(&self, call: &WindowCall, kind: &AggregateKind, inside: &[usize]) -> Row {
        let passes = |row: &&usize| call.filter.is_none_or(|filter| self.value(**row, filter) == Value::Boolean(true));
        let rows: Vec<usize> = inside.iter().filter(passes).copied().collect();
        let Some(&argument) = call.input.first() else { return int(rows.len() as i64) };
        let argument_kind = &kinds()[argument];
        let values = rows.iter().map(|&row| self.value(row, argument)).filter(|value| *value != Value::Null);
        let encoded: Vec<Row> = values.clone().map(|value| field(argument_kind, &value)).collect();
        let null = field(argument_kind, &Value::Null);
        match kind {
            AggregateKind::Min => encoded.into_iter().min().unwrap_or(null),
            AggregateKind::Max => encoded.into_iter().max().unwrap_or(null),
            _ if encoded.is_empty() => null,
            _ => int(values.map(|value| if let Value::Int(value) = value { value } else { panic!("{value:?}") }).sum()),
        }
    }
}

/// A number of rows as a difference of places, which no place is as far away as.
fn signed(count: u64) -> i64 {
    i64::try_from(count).map_or(i64::MAX / 2, |count| count)
}

fn size(distance: &FrameDistance) -> f64 {
    match distance {
        FrameDistance::Count(count) => *count as f64,
        FrameDistance::Units(units) => *units as f64,
        FrameDistance::Numeric(number) => number.to_f64(),
        FrameDistance::Float(number) => *number,
    }
}

fn decode(row: &Row) -> Vec<Value<'static>> {
    let mut start = 0;
    let read = |kind: &FieldKind| {
        let value = kind.read(row.as_bytes(), start).into_owned();
        start = kind.end(row.as_bytes(), start);
        value
    };
    kinds().iter().map(read).collect()
}

fn order_of(spec: &WindowSpec, row: &Row) -> Vec<u8> {
    let values = decode(row);
    let mut order = Vec::new();
    for &(column, descending) in &spec.order {
        let bytes = field(&kinds()[column], &values[column]);
        order.extend(bytes.as_bytes().iter().map(|byte| if descending { !byte } else { *byte }));
    }
    order
}
