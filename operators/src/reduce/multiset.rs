//! The values of a group in order, as often as they are there, by place: what percentiles, medians and modes are read from.
//!
//! Encoded values enter with how often they come or go; the value at a place, the ends and the most frequent value leave. Keeps each different
//! value once, flat. A change and a place cost one addition per block of values, the most frequent value one look at each different one.

use schemas::aggregate::{Fractions, Percentile};
use schemas::field::{FieldKind, Value};
use schemas::numeric::Numeric;
use schemas::row::{Diff, Row};

use crate::encoding::{Reader, write_bytes, write_signed, write_unsigned};
use crate::owed_rows::OwedRows;
use crate::sorted_rows::SortedRows;

/// A multiset of values.
///
/// Invariants: a value is present or owed, never both; what is owed has positive counts. So the multiset depends on the values that are there
/// and not on the order in which they came and went.
#[derive(Default)]
pub(super) struct Multiset {
    present: SortedRows,
    /// values that were taken back before they came
    owed: OwedRows,
}

impl Multiset {
    /// Adds a value `diff` times.
    pub(super) fn add(&mut self, value: &[u8], diff: Diff) {
        if diff < 0 {
            let missing = -diff - self.present.take(value, -diff);
            self.owed.owe(value, missing);
            return;
        }
        let left = diff - self.owed.pay(value, diff);
        if left > 0 {
            self.present.insert(value, left);
        }
    }

    /// The least value.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.present.first()
    }

    /// The greatest value.
    pub(super) fn last(&self) -> Option<&[u8]> {
        self.present.last()
    }

    /// The most frequent value; of several the least, or in descending order the greatest.
    pub(super) fn mode(&self, is_descending: bool) -> Option<&[u8]> {
        let mut mode: Option<(&[u8], Diff)> = None;
        for (value, count) in self.present.iter() {
            if mode.is_none_or(|(_, most)| count > most || is_descending && count == most) {
                mode = Some((value, count));
            }
        }
        mode.map(|(value, _)| value)
    }

    /// Appends the values at the places of a percentile, NULL of no values.
    pub(super) fn write_percentile(&self, wanted: &Percentile, kind: &FieldKind, out: &mut Row) {
        let result = if wanted.is_continuous { &FieldKind::Float64 } else { kind };
        let value = |fraction: f64| {
            if wanted.is_continuous {
                self.continuous(fraction, wanted.is_descending, kind)
            } else {
                self.discrete(fraction, wanted.is_descending, kind)
            }
        };
        match &wanted.fractions {
            Fractions::One(fraction) => result.write(&value(*fraction), out),
            Fractions::List(fractions) => {
                let list = FieldKind::List(Box::new(result.clone()));
                if self.present.is_empty() {
                    return list.write_null(out);
                }
                list.write(&Value::List(fractions.iter().map(|fraction| value(*fraction)).collect()), out);
            }
        }
    }

    /// The first value such that at least this part of the values is at it or before it.
    fn discrete(&self, fraction: f64, is_descending: bool, kind: &FieldKind) -> Value<'_> {
        let rank = (fraction * self.present.total() as f64).ceil() as Diff;
        self.at(rank.max(1) - 1, is_descending).map_or(Value::Null, |value| kind.read(value, 0))
    }

    /// The number at this part of the way from the first value to the last, between two of them where none is there. Calculated as PostgreSQL
    /// does.
    fn continuous(&self, fraction: f64, is_descending: bool, kind: &FieldKind) -> Value<'static> {
        let place = fraction * (self.present.total() - 1) as f64;
        let (before, behind) = (place.floor(), place.ceil());
        let number = |place: f64| self.at(place as Diff, is_descending).map(|value| float(&kind.read(value, 0)));
        match (number(before), number(behind)) {
            (Some(low), Some(_)) if before == behind => Value::Float(low),
            (Some(low), Some(high)) => Value::Float(low + (place - before) * (high - low)),
            _ => Value::Null,
        }
    }

    /// The value at a place from the first one, or in descending order from the last one.
    fn at(&self, place: Diff, is_descending: bool) -> Option<&[u8]> {
        let total = self.present.total();
        let place = if is_descending { total - 1 - place } else { place };
        if (0..total).contains(&place) { self.present.at(place) } else { None }
    }

    /// Returns true if every value has cancelled.
    pub(super) fn is_empty(&self) -> bool {
        self.present.is_empty() && self.owed.is_empty()
    }

    /// Appends the values with their counts, which [`read`](Self::read) reads: those that are there, then those that are owed.
    pub(super) fn write(&self, out: &mut Row) {
        write_unsigned((self.present.iter().count() + self.owed.iter().len()) as u64, out);
        for (value, count) in self.present.iter() {
            write_bytes(value, out);
            write_signed(count, out);
        }
        for (value, count) in self.owed.iter() {
            write_bytes(value.as_bytes(), out);
            write_signed(-count, out);
        }
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it ends early.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut values = Self::default();
        for _ in 0..reader.unsigned()? {
            values.add(reader.bytes()?, reader.signed()?);
        }
        Some(values)
    }
}

/// The nearest double to a number.
///
/// # Panics
/// It is something else: the planner has typed it.
fn float(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(whole) => *whole as f64,
        Value::UInt(whole) => *whole as f64,
        Value::Float(value) => *value,
        Value::Decimal(units, scale) => Numeric::with_signed_scale((*units).into(), *scale).to_f64(),
        Value::Numeric(units) => Numeric::from_wide(*units).to_f64(),
        other => panic!("a percentile between numbers was planned over {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use testkit::random::Random;

    use super::*;

    fn field(value: i64) -> Row {
        let mut row = Row::empty();
        FieldKind::Int64.write(&Value::Int(value), &mut row);
        row
    }

    fn percentile(values: &Multiset, is_continuous: bool, fraction: f64, is_descending: bool) -> Value<'static> {
        let wanted = Percentile { is_continuous, fractions: Fractions::One(fraction), is_descending };
        let mut out = Row::empty();
        values.write_percentile(&wanted, &FieldKind::Int64, &mut out);
        let kind = if is_continuous { FieldKind::Float64 } else { FieldKind::Int64 };
        kind.read(out.as_bytes(), 0).into_owned()
    }

    #[test]
    fn places_are_those_of_postgresql() {
        let mut values = Multiset::default();
        assert_eq!(percentile(&values, true, 0.5, false), Value::Null);
        assert_eq!(percentile(&values, false, 0.5, true), Value::Null);
        [10, 20, 30, 40].into_iter().for_each(|value| values.add(field(value).as_bytes(), 1));
        for (fraction, discrete, continuous) in
            [(0.0, 10, 10.0), (0.25, 10, 17.5), (0.5, 20, 25.0), (0.51, 30, 25.3), (0.75, 30, 32.5), (1.0, 40, 40.0)]
        {
            assert_eq!(percentile(&values, false, fraction, false), Value::Int(discrete), "{fraction}");
            let Value::Float(found) = percentile(&values, true, fraction, false) else { panic!("a number at {fraction}") };
            assert!((found - continuous).abs() < 1e-12, "{found} instead of {continuous}");
        }
        assert_eq!(percentile(&values, false, 0.25, true), Value::Int(40));
        assert_eq!(percentile(&values, true, 0.25, true), Value::Float(32.5));
    }

    #[test]
    fn values_come_and_go_in_any_order() {
        let mut random = Random::new(8);
        let (mut values, mut counts) = (Multiset::default(), BTreeMap::<i64, Diff>::new());
        for step in 0..4_000 {
            let (value, diff) = (random.below(40_i64) - 9, random.below(7_i64) - 3);
            values.add(field(value).as_bytes(), diff);
            *counts.entry(value).or_default() += diff;
            if step % 50 > 0 {
                continue;
            }
            let present: Vec<i64> =
                counts.iter().flat_map(|(value, count)| std::iter::repeat_n(*value, (*count).max(0) as usize)).collect();
            let at = |place: usize| present.get(place).map_or(Value::Null, |value| Value::Int(*value));
            let rank = (present.len() as f64 * 0.3).ceil() as usize;
            assert_eq!(percentile(&values, false, 0.3, false), at(rank.max(1) - 1));
            assert_eq!(values.last().map(Row::from_bytes), present.last().map(|value| field(*value)));
            let most = counts.values().copied().max().filter(|most| *most > 0);
            let modes: Vec<i64> = counts.iter().filter(|(_, count)| Some(**count) == most).map(|(value, _)| *value).collect();
            assert_eq!(values.mode(false).map(Row::from_bytes), modes.first().map(|value| field(*value)));
            assert_eq!(values.mode(true).map(Row::from_bytes), modes.last().map(|value| field(*value)));
            let (mut bytes, mut again) = (Row::empty(), Row::empty());
            values.write(&mut bytes);
            let read = Multiset::read(&mut Reader::new(bytes.as_bytes())).expect("it was written");
            read.write(&mut again);
            assert_eq!(bytes, again);
        }
        counts.into_iter().for_each(|(value, count)| values.add(field(value).as_bytes(), -count));
        assert!(values.is_empty() && values.first().is_none());
    }
}
