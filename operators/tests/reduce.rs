//! Aggregates.

use std::collections::{BTreeMap, BTreeSet};

use differential_dataflow::VecCollection;
use operators::reduce::{AGGREGATE_ITEMS_MAX, AggregateSpec, ReduceSpec, reduce};
use operators::state::KeptState;
use operators::{KeyedRows, Time};
use schemas::aggregate::{AggregateKind, DECAY_LANDMARK_MICROS};
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};
use testkit::random::Random;

use crate::harness::{Contents, check, field, int, random_changes};
use crate::statistics;

pub type Output = Result<Row, RowError>;

/// The fields of the value rows: an integer, a decimal, a text, a truth value, a time and two floats, all of which may be NULL.
pub fn kinds() -> Vec<FieldKind> {
    let decimal = FieldKind::Decimal { scale: 2 };
    let float = FieldKind::Float64;
    vec![FieldKind::Int32, decimal, FieldKind::Text, FieldKind::Boolean, FieldKind::Timestamp, float.clone(), float]
}

/// Floats are whole multiples of its inverse, and so few that a double counts them exactly.
pub const FLOAT_UNITS: f64 = 1_024.0;

const HALF_LIFE: i64 = 1_000_000;

pub fn aggregates() -> Vec<AggregateSpec> {
    let decimal = |scale| FieldKind::Decimal { scale };
    let text_list = |order: Vec<bool>, distinct| AggregateKind::ArrayAgg { item: FieldKind::Text, order, distinct };
    let texts = |order: Vec<bool>, distinct| AggregateKind::StringAgg { separator: ", ".into(), order, distinct };
    let spec = |kind: AggregateKind, input: &[usize], filter: Option<usize>| {
        let expression = format!("{kind:?} {input:?}");
        AggregateSpec { kind, input: input.to_vec(), filter, expression }
    };
    let mut all = vec![
        spec(AggregateKind::CountAll, &[], None),
        spec(AggregateKind::CountAll, &[], Some(3)),
        spec(AggregateKind::Count, &[2], None),
        spec(AggregateKind::Sum { output: FieldKind::Int64 }, &[0], None),
        spec(AggregateKind::Sum { output: decimal(2) }, &[1], Some(3)),
        spec(AggregateKind::Sum { output: decimal(3) }, &[0], None),
        spec(AggregateKind::Average { output: FieldKind::Float64 }, &[0], None),
        spec(AggregateKind::Average { output: decimal(6) }, &[1], None),
        spec(AggregateKind::Min, &[2], None),
        spec(AggregateKind::Max, &[1], None),
        spec(AggregateKind::CountDistinct, &[0], None),
        spec(text_list(vec![true, false], false), &[2, 0, 1], None),
        spec(text_list(vec![], true), &[2], Some(3)),
        spec(texts(vec![true], false), &[2, 4], None),
        spec(texts(vec![true], true), &[2, 2], None),
        spec(AggregateKind::FloatSum, &[5], None),
        spec(AggregateKind::FloatAverage, &[5], Some(3)),
        spec(AggregateKind::OfDistinct(Box::new(AggregateKind::Sum { output: FieldKind::Int64 })), &[0], Some(3)),
        spec(AggregateKind::OfDistinct(Box::new(AggregateKind::FloatAverage)), &[5], None),
        spec(AggregateKind::BoolAnd, &[3], None),
        spec(AggregateKind::BoolOr, &[3], None),
    ];
    all.extend(statistics::aggregates());
    all.push(spec(AggregateKind::DecayedSum { half_life_micros: HALF_LIFE }, &[0, 4], None));
    all
}

pub fn spec(aggregates: Vec<AggregateSpec>, global: bool, append_only: bool) -> ReduceSpec {
    let key_kinds = if global { vec![] } else { vec![FieldKind::Int64] };
    ReduceSpec { key_kinds, value_kinds: kinds(), aggregates, global, append_only, relation: "test".into() }
}

fn value_row(random: &mut Random) -> Row {
    let number = random.below(9) as i64 - 3;
    let values = [
        Value::Int(number),
        Value::Decimal(i128::from(random.below(2_000)) - 900, 2),
        Value::Text(["", "b", "a", "a longer text than fits in a block of bytes"][random.below(4) as usize].into()),
        Value::Boolean(random.chance(50)),
        Value::Timestamp(DECAY_LANDMARK_MICROS + random.below(9_000_000) as i64 - 1_000_000),
        Value::Float([1.0, 77.0, -3.0, -2e12, 1e9, 1_000_001.0, 5.0][random.below(7) as usize] / FLOAT_UNITS),
        Value::Float([0.0, 512.0, -1.0, 3e6][random.below(4) as usize] / FLOAT_UNITS),
    ];
    let mut row = Row::empty();
    for (kind, value) in kinds().iter().zip(values) {
        kind.write(if random.chance(15) { &Value::Null } else { &value }, &mut row);
    }
    row
}

/// A group's rows, each as often as it is there, decoded.
pub type Decoded = Vec<Vec<Value<'static>>>;

fn decode(row: &Row) -> Vec<Value<'static>> {
    let mut start = 0;
    let read = |kind: &FieldKind| {
        let value = kind.read(row.as_bytes(), start).into_owned();
        start = kind.end(row.as_bytes(), start);
        value
    };
    kinds().iter().map(read).collect()
}

fn number(value: &Value<'_>) -> i128 {
    match value {
        Value::Int(value) => i128::from(*value),
        Value::Decimal(units, _) => *units,
        other => panic!("{other:?}"),
    }
}

/// The rows in the order of an ordered aggregate: the ordering fields, then the item.
pub fn ordered(rows: &Decoded, spec: &AggregateSpec, order: &[bool], distinct: bool) -> Decoded {
    let sort_key = |row: &Vec<Value<'static>>| {
        let mut key = Vec::new();
        for (field_index, descending) in spec.input[1..].iter().zip(order) {
            let bytes = field(&kinds()[*field_index], &row[*field_index]);
            key.extend(bytes.as_bytes().iter().map(|byte| if *descending { !byte } else { *byte }));
        }
        key.extend(field(&kinds()[spec.input[0]], &row[spec.input[0]]).as_bytes());
        key
    };
    let mut rows = rows.clone();
    rows.sort_by_key(sort_key);
    if distinct {
        let mut seen = Vec::new();
        rows.retain(|row| {
            let is_new = !seen.contains(&row[spec.input[0]]);
            seen.push(row[spec.input[0]].clone());
            is_new
        });
    }
    rows
}

fn naive_aggregate(rows: &Decoded, spec: &AggregateSpec) -> Row {
    let rows: Decoded =
        rows.iter().filter(|row| spec.filter.is_none_or(|index| row[index] == Value::Boolean(true))).cloned().collect();
    let argument = spec.input.first().copied();
    let kind = argument.map_or(FieldKind::Int64, |index| kinds()[index].clone());
    let present: Decoded =
        argument.map_or(rows.clone(), |index| rows.iter().filter(|row| row[index] != Value::Null).cloned().collect());
    let numbers = || present.iter().map(|row| number(&row[argument.unwrap()]));
    let encoded = || present.iter().map(|row| field(&kind, &row[argument.unwrap()]));
    let null = |kind: &FieldKind| field(kind, &Value::Null);
    match &spec.kind {
        AggregateKind::CountAll | AggregateKind::Count => int(present.len() as i64),
        AggregateKind::CountDistinct => int(encoded().collect::<BTreeSet<_>>().len() as i64),
        AggregateKind::Sum { output } | AggregateKind::Average { output } if present.is_empty() => null(output),
        AggregateKind::Sum { output: FieldKind::Int64 } => int(numbers().sum::<i128>() as i64),
        AggregateKind::Sum { output: FieldKind::Decimal { scale } } => {
            let factor = if *scale == 3 { 1_000 } else { 1 };
            field(&FieldKind::Decimal { scale: *scale }, &Value::Decimal(numbers().sum::<i128>() * factor, *scale))
        }
        AggregateKind::Average { output: FieldKind::Float64 } => {
            field(&FieldKind::Float64, &Value::Float(numbers().sum::<i128>() as f64 / present.len() as f64))
        }
        AggregateKind::Average { output } => {
            let (sum, count) = (numbers().sum::<i128>() * 10_000, present.len() as i128);
            // Half away from zero.
            let rounded = (2 * sum.abs() + count) / (2 * count) * sum.signum();
            field(output, &Value::Decimal(rounded, 6))
        }
        AggregateKind::FloatSum | AggregateKind::FloatAverage if present.is_empty() => null(&FieldKind::Float64),
        AggregateKind::FloatSum => float(&present, 1.0),
        AggregateKind::FloatAverage => float(&present, present.len() as f64),
        AggregateKind::OfDistinct(kind) => {
            let mut once: Decoded = Vec::new();
            for row in present {
                if once.iter().all(|other| other[spec.input[0]] != row[spec.input[0]]) {
                    once.push(row);
                }
            }
            naive_aggregate(&once, &AggregateSpec { kind: (**kind).clone(), filter: None, ..spec.clone() })
        }
        AggregateKind::Min => encoded().min().unwrap_or(null(&kind)),
        AggregateKind::Max => encoded().max().unwrap_or(null(&kind)),
        AggregateKind::BoolAnd | AggregateKind::BoolOr if present.is_empty() => null(&FieldKind::Boolean),
        AggregateKind::BoolAnd => field(&kind, &Value::Boolean(present.iter().all(|row| row[3] == Value::Boolean(true)))),
        AggregateKind::BoolOr => field(&kind, &Value::Boolean(present.iter().any(|row| row[3] == Value::Boolean(true)))),
        AggregateKind::ArrayAgg { order, distinct, .. } => {
            let items: Vec<_> = ordered(&rows, spec, order, *distinct).into_iter().map(|row| row[2].clone()).collect();
            let list = FieldKind::List(Box::new(FieldKind::Text));
            if items.is_empty() { null(&list) } else { field(&list, &Value::List(items)) }
        }
        AggregateKind::StringAgg { order, distinct, .. } if !present.is_empty() => {
            let text = |row: &Vec<Value<'static>>| match &row[2] {
                Value::Text(text) => text.to_string(),
                other => panic!("{other:?}"),
            };
            let texts: Vec<String> = ordered(&present, spec, order, *distinct).iter().map(text).collect();
            field(&FieldKind::Text, &Value::Text(texts.join(", ").into()))
        }
        AggregateKind::StringAgg { .. } => null(&FieldKind::Text),
        _ => statistics::naive(&rows, spec),
    }
}

/// The sum of the floats divided by a number: one rounding, since all before it are exact.
fn float(rows: &Decoded, divisor: f64) -> Row {
    let units = |row: &Vec<Value<'static>>| match &row[5] {
        Value::Float(value) => value * FLOAT_UNITS,
        other => panic!("{other:?}"),
    };
    field(&FieldKind::Float64, &Value::Float(rows.iter().map(units).sum::<f64>() / divisor / FLOAT_UNITS))
}

/// Splits the decayed sum, the last field, off a row: it is compared by value, not by bytes.
fn split_decayed(row: &Row) -> (Row, Value<'static>) {
    let (rest, decayed) = row.as_bytes().split_at(row.len() - 9);
    (Row::from_bytes(rest), FieldKind::Float64.read(decayed, 0).into_owned())
}

fn naive_decayed(rows: &Decoded) -> f64 {
    let age = |time: i64| (time - DECAY_LANDMARK_MICROS) as f64 / HALF_LIFE as f64;
    let term = |row: &Vec<Value<'static>>| match (&row[0], &row[4]) {
        (Value::Int(weight), Value::Timestamp(time)) => *weight as f64 * age(*time).exp2(),
        _ => 0.0,
    };
    rows.iter().map(term).sum()
}

fn groups(contents: &Contents<(Row, Row)>, global: bool) -> BTreeMap<Row, Decoded> {
    let mut groups: BTreeMap<Row, Decoded> = BTreeMap::new();
    if global {
        groups.insert(Row::empty(), Vec::new());
    }
    for ((key, row), count) in contents {
        groups.entry(key.clone()).or_default().extend(vec![decode(row); *count as usize]);
    }
    groups
}

fn naive(contents: &Contents<(Row, Row)>, aggregates: &[AggregateSpec], global: bool) -> Contents<Output> {
    let row = |(key, rows): (Row, Decoded)| {
        let row = aggregates.iter().fold(key, |row, spec| Row::concat(row.as_bytes(), naive_aggregate(&rows, spec).as_bytes()));
        (Ok(row), 1)
    };
    groups(contents, global).into_iter().map(row).collect()
}

pub fn keyed_row(global: bool) -> impl FnMut(&mut Random) -> (Row, Row) {
    move |random| (if global { Row::empty() } else { int(random.below(4) as i64) }, value_row(random))
}

fn reduce_all<'s>(rows: KeyedRows<'s>, spec: &ReduceSpec) -> VecCollection<'s, Time, Output, Diff> {
    let (rows, errors) = reduce(rows, spec.clone(), KeptState::none(0));
    rows.map(Ok).concat(errors.map(Err))
}

#[test]
fn every_aggregate_is_what_a_recomputation_gives() {
    let mut aggregates = aggregates();
    aggregates.pop();
    for (seed, global, retract) in [(1, false, 47), (2, true, 47), (3, false, 20), (4, true, 0), (5, false, 0), (6, true, 30)] {
        let mut epochs = random_changes(&mut Random::new(seed), 40, 10, retract, keyed_row(global));
        // Without GROUP BY there is a row before anything came, and when what came first cancels.
        if seed != 2 {
            epochs.insert(0, Vec::new());
        }
        let spec = spec(aggregates.clone(), global, retract == 0);
        check("reduce", &epochs, move |rows| reduce_all(rows, &spec), |contents| naive(contents, &aggregates, global));
    }
}

#[test]
fn decayed_sums_follow_retractions() {
    for seed in 1..4 {
        let epochs = random_changes(&mut Random::new(seed), 40, 10, 47, keyed_row(false));
        let spec = spec(aggregates(), false, false);
        for workers in [1, 3] {
            let spec = spec.clone();
            let output =
                crate::harness::run(workers, 1, &epochs, &[], move |rows, _| reduce(rows, spec.clone(), KeptState::none(0)).0);
            for (contents, output) in crate::harness::contents(&epochs).iter().zip(&output) {
                let expected = groups(contents, false);
                assert_eq!(output.len(), expected.len());
                for (row, (_, rows)) in output.keys().zip(&expected) {
                    match (split_decayed(row).1, naive_decayed(rows)) {
                        (Value::Float(value), sum) => {
                            assert!((value.exp2() - sum).abs() < 1e-6, "{} instead of {sum}", value.exp2())
                        }
                        (_, sum) => assert!(sum < 1e-6, "NULL instead of {sum}"),
                    }
                }
            }
        }
    }
}

fn sum_spec(output: FieldKind) -> ReduceSpec {
    let sum =
        AggregateSpec { kind: AggregateKind::Sum { output }, input: vec![0], filter: None, expression: "sum(amount)".into() };
    ReduceSpec {
        key_kinds: vec![FieldKind::Int64],
        value_kinds: vec![FieldKind::Int64],
        aggregates: vec![sum],
        global: false,
        append_only: false,
        relation: "totals".into(),
    }
}

fn check_errors(epochs: &[Vec<((Row, Row), Diff)>], spec: ReduceSpec, expected: &[Contents<Output>]) {
    for workers in [1, 2] {
        let spec = spec.clone();
        let output = crate::harness::run(workers, 1, epochs, &[], move |rows, _| reduce_all(rows, &spec));
        crate::harness::compare("errors", &output, expected);
    }
}

#[test]
fn a_sum_out_of_range_is_an_error_until_it_fits_again() {
    let amount = |value| (int(7), int(value));
    let epochs = vec![
        vec![(amount(i64::MAX), 1)],
        vec![(amount(1), 1)],
        vec![(amount(i64::MAX), 1_000)],
        vec![(amount(i64::MAX), -1_001)],
    ];
    let total = |sum| Contents::from([(Ok(Row::concat(int(7).as_bytes(), int(sum).as_bytes())), 1)]);
    let error = RowError {
        relation: "totals".into(),
        expression: "sum(amount)".into(),
        detail: "the sum is out of range for BIGINT: cast the argument to a wider type".into(),
        row: "[7]".into(),
    };
    let failed = Contents::from([(Err(error), 1)]);
    check_errors(&epochs, sum_spec(FieldKind::Int64), &[total(i64::MAX), failed.clone(), failed, total(1)]);
}

#[test]
fn a_list_beyond_the_limit_is_an_error() {
    let mut spec = sum_spec(FieldKind::Int64);
    spec.aggregates[0].kind = AggregateKind::ArrayAgg { item: FieldKind::Int64, order: vec![], distinct: false };
    let times = AGGREGATE_ITEMS_MAX as Diff + 1;
    let epochs = vec![vec![((int(1), int(5)), times)], vec![((int(1), int(5)), 1 - times)]];
    let error = RowError {
        relation: "totals".into(),
        expression: "sum(amount)".into(),
        detail: format!("the group has more than {AGGREGATE_ITEMS_MAX} items: filter or limit what is aggregated"),
        row: "[1]".into(),
    };
    let list = field(&FieldKind::List(Box::new(FieldKind::Int64)), &Value::List(vec![Value::Int(5)]));
    let one = Contents::from([(Ok(Row::concat(int(1).as_bytes(), list.as_bytes())), 1)]);
    check_errors(&epochs, spec, &[Contents::from([(Err(error), 1)]), one]);
}

#[test]
fn a_sum_of_floats_out_of_range_is_an_error_until_it_fits_again() {
    let amount = |value: f64| (int(7), field(&FieldKind::Float64, &Value::Float(value)));
    let epochs = vec![vec![(amount(f64::MAX), 1)], vec![(amount(f64::MAX), 2), (amount(1.0), 1)], vec![(amount(f64::MAX), -3)]];
    let mut spec = sum_spec(FieldKind::Float64);
    (spec.value_kinds, spec.aggregates[0].kind) = (vec![FieldKind::Float64], AggregateKind::FloatSum);
    let total = |sum: f64| Contents::from([(Ok(Row::concat(int(7).as_bytes(), amount(sum).1.as_bytes())), 1)]);
    let error = RowError {
        relation: "totals".into(),
        expression: "sum(amount)".into(),
        detail: "value out of range: overflow: the result is beyond DOUBLE PRECISION".into(),
        row: "[7]".into(),
    };
    check_errors(&epochs, spec, &[total(f64::MAX), Contents::from([(Err(error), 1)]), total(1.0)]);
}
