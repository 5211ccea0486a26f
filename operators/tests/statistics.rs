//! Statistics, percentiles, modes, first values, bits and JSON of a group, computed from scratch with whole numbers and sorted lists.

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use num_bigint::{BigInt, Sign};
use operators::reduce::{AGGREGATE_BYTES_MAX, AggregateSpec, ReduceSpec, reduce};
use operators::state::KeptState;
use operators::{KeyedRows, Time};
use schemas::aggregate::{AggregateKind, BitOperation, Deviation, Fractions, Percentile, Regression};
use schemas::field::{FieldKind, Value};
use schemas::numeric::Numeric;
use schemas::row::{Diff, Row};
use testkit::random::Random;

use crate::harness::{Contents, check, compare, field, int, random_changes, run};
use crate::reduce::{Decoded, FLOAT_UNITS, Output, kinds, ordered};

/// Digits behind the point to which a quotient is computed before it becomes a double: far more than could change its rounding.
const DIGITS: u32 = 240;

/// Aggregates over the value rows of `reduce`.
pub fn aggregates() -> Vec<AggregateSpec> {
    let spec = |kind: AggregateKind, input: &[usize], filter: Option<usize>| {
        let expression = format!("{kind:?} {input:?}");
        AggregateSpec { kind, input: input.to_vec(), filter, expression }
    };
    let percentile = |is_continuous, fractions, is_descending| {
        AggregateKind::Percentile(Percentile { is_continuous, fractions, is_descending })
    };
    let several = || Fractions::List(vec![0.9, 0.0, 0.25, 1.0]);
    let mut all = vec![
        spec(percentile(true, Fractions::One(0.3), false), &[0], None),
        spec(percentile(true, several(), true), &[1], Some(3)),
        spec(percentile(false, Fractions::One(0.5), false), &[0], None),
        spec(percentile(false, several(), true), &[2], None),
        spec(percentile(true, Fractions::One(0.5), false), &[5], None),
        spec(AggregateKind::Mode { is_descending: false }, &[0], None),
        spec(AggregateKind::Mode { is_descending: true }, &[2], Some(3)),
        // The ends of values that are kept in order anyway.
        spec(AggregateKind::Min, &[0], None),
        spec(AggregateKind::Max, &[0], None),
        spec(AggregateKind::First { order: vec![false], needs_key: true }, &[2, 0], None),
        spec(AggregateKind::First { order: vec![true], needs_key: true }, &[0, 4], Some(3)),
        spec(AggregateKind::First { order: vec![true, false], needs_key: false }, &[1, 0, 2], None),
        spec(AggregateKind::OfDistinct(Box::new(AggregateKind::Bits(BitOperation::Xor))), &[0], None),
        spec(AggregateKind::JsonArray { order: vec![true], distinct: false }, &[2, 0], None),
        spec(AggregateKind::JsonArray { order: vec![], distinct: true }, &[2], Some(3)),
    ];
    for is_sample in [false, true] {
        for is_root in [false, true] {
            let of = Deviation { is_sample, is_root };
            all.push(spec(AggregateKind::Deviation(of), &[0], None));
            all.push(spec(AggregateKind::Deviation(of), &[1], Some(3)));
            all.push(spec(AggregateKind::FloatDeviation(of), &[5], None));
        }
    }
    let variance = AggregateKind::Deviation(Deviation { is_sample: true, is_root: false });
    all.push(spec(AggregateKind::OfDistinct(Box::new(variance)), &[0], None));
    all.extend(Regression::ALL.map(|of| spec(AggregateKind::Regression(of), &[5, 6], None)));
    all.extend([BitOperation::And, BitOperation::Or, BitOperation::Xor].map(|of| spec(AggregateKind::Bits(of), &[0], None)));
    all
}

/// The result of one of these aggregates over the rows that its filter takes.
pub fn naive(rows: &Decoded, spec: &AggregateSpec) -> Row {
    let argument = spec.input[0];
    let kind = kinds()[argument].clone();
    let present: Decoded = rows.iter().filter(|row| row[argument] != Value::Null).cloned().collect();
    match &spec.kind {
        AggregateKind::Deviation(of) => deviation(&present, argument, *of),
        AggregateKind::FloatDeviation(of) => float_deviation(&present, argument, *of),
        AggregateKind::Regression(of) => {
            let pairs = present.iter().filter(|row| row[spec.input[1]] != Value::Null);
            let pairs: Vec<(i128, i128)> = pairs.map(|row| (units(&row[argument]), units(&row[spec.input[1]]))).collect();
            regression(&pairs, *of)
        }
        AggregateKind::Percentile(of) => percentile(&present, argument, of),
        AggregateKind::Mode { is_descending } => mode(&present, argument, *is_descending),
        AggregateKind::First { order, needs_key } => {
            let rows: Decoded = rows.iter().filter(|row| !needs_key || row[spec.input[1]] != Value::Null).cloned().collect();
            let first = ordered(&rows, spec, order, false).into_iter().next();
            field(&kind, &first.map_or(Value::Null, |row| row[argument].clone()))
        }
        AggregateKind::Bits(of) => {
            let combined = present.iter().map(|row| whole(&row[argument])).reduce(|a, b| match of {
                BitOperation::And => a & b,
                BitOperation::Or => a | b,
                BitOperation::Xor => a ^ b,
            });
            field(&kind, &combined.map_or(Value::Null, Value::Int))
        }
        AggregateKind::JsonArray { order, distinct } => {
            let written = |row: &Vec<Value<'static>>| {
                let mut json = String::new();
                row[argument].write_json(&mut json);
                json
            };
            let items: Vec<String> = ordered(rows, spec, order, *distinct).iter().map(written).collect();
            let array = format!("[{}]", items.join(","));
            field(&FieldKind::Json, &if items.is_empty() { Value::Null } else { Value::Json(array.into()) })
        }
        other => panic!("{other:?} is checked elsewhere"),
    }
}

/// A number in units of the column's scale, or of the floats of the test.
fn units(value: &Value<'_>) -> i128 {
    match value {
        Value::Int(value) => i128::from(*value),
        Value::Decimal(units, _) => *units,
        Value::Float(value) => (value * FLOAT_UNITS) as i128,
        other => panic!("{other:?} is not a number"),
    }
}

fn whole(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(value) => *value,
        other => panic!("{other:?} is not a whole number"),
    }
}

/// n times the sum of the products of the distances from the means, by the distances of each two pairs.
fn scatter(pairs: &[(i128, i128)]) -> i128 {
    let of_two = |(place, (a, b)): (usize, &(i128, i128))| -> i128 {
        pairs[..place].iter().map(|(other_a, other_b)| (a - other_a) * (b - other_b)).sum()
    };
    pairs.iter().enumerate().map(of_two).sum()
}

fn deviation(rows: &Decoded, argument: usize, of: Deviation) -> Row {
    let numbers: Vec<(i128, i128)> = rows.iter().map(|row| (units(&row[argument]), units(&row[argument]))).collect();
    let scale = if argument == 1 { 4 } else { 0 };
    let (count, less) = (numbers.len() as i128, i128::from(of.is_sample));
    let number = if count <= less {
        None
    } else if scatter(&numbers) == 0 {
        Some(Numeric::new(0, 0))
    } else {
        let variance = Numeric::new(scatter(&numbers), scale).divide(&Numeric::new(count * (count - less), 0));
        let variance = variance.expect("there are values");
        let root = || variance.square_root_to(variance.scale()).expect("it is positive");
        Some(if of.is_root { root() } else { variance.clone() })
    };
    let wide = number.map(|number| number.to_wide().expect("it is small"));
    field(&FieldKind::Numeric, &wide.map_or(Value::Null, Value::Numeric))
}

fn float_deviation(rows: &Decoded, argument: usize, of: Deviation) -> Row {
    let numbers: Vec<(i128, i128)> = rows.iter().map(|row| (units(&row[argument]), units(&row[argument]))).collect();
    let (count, less) = (numbers.len() as i128, i128::from(of.is_sample));
    let per_unit = FLOAT_UNITS as i128;
    let value = (count > less).then(|| {
        let (above, below) = (big(scatter(&numbers)), big(count * (count - less)) * per_unit * per_unit);
        if of.is_root { root(&above, &below) } else { quotient(&above, &below) }
    });
    field(&FieldKind::Float64, &value.map_or(Value::Null, Value::Float))
}

/// A statistic of pairs (y, x) in units of the floats.
fn regression(pairs: &[(i128, i128)], of: Regression) -> Row {
    let n = pairs.len() as i128;
    if of == Regression::Count {
        return int(n as i64);
    }
    let unit = big(FLOAT_UNITS as i128);
    let square = &unit * &unit;
    let sum_x = big(pairs.iter().map(|(_, x)| x).sum());
    let sum_y = big(pairs.iter().map(|(y, _)| y).sum());
    let sxx = big(scatter(&pairs.iter().map(|(_, x)| (*x, *x)).collect::<Vec<_>>()));
    let syy = big(scatter(&pairs.iter().map(|(y, _)| (*y, *y)).collect::<Vec<_>>()));
    let sxy = big(scatter(pairs));
    let is_flat = |sum: &BigInt| sum.sign() == Sign::NoSign;
    let value = match of {
        _ if n == 0 => None,
        Regression::CovarianceSample if n == 1 => None,
        Regression::AverageX => Some(quotient(&sum_x, &(big(n) * &unit))),
        Regression::AverageY => Some(quotient(&sum_y, &(big(n) * &unit))),
        Regression::SquaresX => Some(quotient(&sxx, &(big(n) * &square))),
        Regression::SquaresY => Some(quotient(&syy, &(big(n) * &square))),
        Regression::Products => Some(quotient(&sxy, &(big(n) * &square))),
        Regression::CovariancePopulation => Some(quotient(&sxy, &(big(n * n) * &square))),
        Regression::CovarianceSample => Some(quotient(&sxy, &(big(n * (n - 1)) * &square))),
        Regression::Correlation if is_flat(&sxx) || is_flat(&syy) => None,
        Regression::Correlation => {
            let magnitude = root(&(&sxy * &sxy), &(&sxx * &syy));
            Some(if sxy.sign() == Sign::Minus { -magnitude } else { magnitude })
        }
        _ if is_flat(&sxx) => None,
        Regression::Slope => Some(quotient(&sxy, &sxx)),
        Regression::Intercept => Some(quotient(&(&sum_y * &sxx - &sum_x * &sxy), &(&sxx * big(n) * &unit))),
        _ if is_flat(&syy) => Some(1.0),
        _ => Some(quotient(&(&sxy * &sxy), &(&sxx * &syy))),
    };
    field(&FieldKind::Float64, &value.map_or(Value::Null, Value::Float))
}

fn big(number: i128) -> BigInt {
    BigInt::from(number)
}

/// The nearest double to a quotient, by its decimal digits.
fn quotient(above: &BigInt, below: &BigInt) -> f64 {
    Numeric::new(above * BigInt::from(10).pow(DIGITS) / below, DIGITS).to_f64()
}

/// The nearest double to the root of a quotient that is not negative.
fn root(above: &BigInt, below: &BigInt) -> f64 {
    Numeric::new((above * BigInt::from(10).pow(2 * DIGITS) / below).sqrt(), DIGITS).to_f64()
}

fn percentile(rows: &Decoded, argument: usize, of: &Percentile) -> Row {
    let kind = kinds()[argument].clone();
    let mut values: Vec<(Row, Value<'static>)> =
        rows.iter().map(|row| (field(&kind, &row[argument]), row[argument].clone())).collect();
    values.sort_by(|(a, _), (b, _)| if of.is_descending { b.cmp(a) } else { a.cmp(b) });
    let result = if of.is_continuous { FieldKind::Float64 } else { kind };
    let float = |place: f64| match &values[place as usize].1 {
        Value::Int(value) => *value as f64,
        Value::Decimal(units, _) => *units as f64 / 100.0,
        Value::Float(value) => *value,
        other => panic!("{other:?} is not a number"),
    };
    let value = |fraction: &f64| {
        if !of.is_continuous {
            let rank = (fraction * values.len() as f64).ceil() as usize;
            return values[rank.max(1) - 1].1.clone();
        }
        let place = fraction * (values.len() - 1) as f64;
        let (low, high) = (float(place.floor()), float(place.ceil()));
        Value::Float(if place.floor() == place.ceil() { low } else { low + (place - place.floor()) * (high - low) })
    };
    match &of.fractions {
        Fractions::One(fraction) => field(&result, &if values.is_empty() { Value::Null } else { value(fraction) }),
        Fractions::List(fractions) => {
            let list = FieldKind::List(Box::new(result));
            let items = || Value::List(fractions.iter().map(value).collect());
            field(&list, &if values.is_empty() { Value::Null } else { items() })
        }
    }
}

fn mode(rows: &Decoded, argument: usize, is_descending: bool) -> Row {
    let kind = kinds()[argument].clone();
    let mut values: Vec<Row> = rows.iter().map(|row| field(&kind, &row[argument])).collect();
    values.sort();
    if is_descending {
        values.reverse();
    }
    let often = |value: &Row| values.iter().filter(|other| *other == value).count();
    let most = values.iter().map(often).max().unwrap_or(0);
    let found = values.iter().find(|value| often(value) == most).cloned();
    found.unwrap_or_else(|| field(&kind, &Value::Null))
}

/// Groups of names with values and ranks, from the last of which by rank an object is made.
fn object_spec(append_only: bool) -> ReduceSpec {
    let object = AggregateSpec {
        kind: AggregateKind::JsonObject { order: vec![false] },
        input: vec![0, 1, 2],
        filter: None,
        expression: "jsonb_object_agg(name, value ORDER BY rank)".into(),
    };
    ReduceSpec {
        key_kinds: vec![FieldKind::Int64],
        value_kinds: vec![FieldKind::Text, FieldKind::Int64, FieldKind::Int64],
        aggregates: vec![object],
        global: false,
        append_only,
        relation: "objects".into(),
    }
}

fn member(name: &Value<'_>, value: &Value<'_>, rank: i64) -> Row {
    let fields = [field(&FieldKind::Text, name), field(&FieldKind::Int64, value), int(rank)];
    fields.iter().fold(Row::empty(), |row, field| Row::concat(row.as_bytes(), field.as_bytes()))
}

/// The objects, by sorting all members.
fn objects(contents: &Contents<(Row, Row)>) -> Contents<Output> {
    let mut groups: BTreeMap<Row, Vec<(String, i64, Value<'static>)>> = BTreeMap::new();
    for (key, row) in contents.keys() {
        let kinds = object_spec(false).value_kinds;
        let ends = schemas::field::field_ends(&kinds, row.as_bytes());
        let (name, value) = (kinds[0].read(row.as_bytes(), 0), kinds[1].read(row.as_bytes(), ends[0]).into_owned());
        let (Value::Text(name), Value::Int(rank)) = (name, kinds[2].read(row.as_bytes(), ends[1])) else { panic!("a member") };
        groups.entry(key.clone()).or_default().push((name.into_owned(), rank, value));
    }
    let result = |(key, mut members): (Row, Vec<(String, i64, Value<'static>)>)| {
        // NULL is the greatest value.
        let value_key = |value: &Value<'static>| if let Value::Int(value) = value { *value } else { i64::MAX };
        members.sort_by_key(|(name, rank, value)| (name.len(), name.clone(), *rank, value_key(value)));
        let mut written: Vec<(String, String)> = Vec::new();
        for (name, _, value) in members {
            let mut json = String::new();
            value.write_json(&mut json);
            written.retain(|(other, _)| *other != name);
            written.push((name, json));
        }
        let text: Vec<String> = written.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let object = field(&FieldKind::Json, &Value::Json(format!("{{{}}}", text.join(",")).into()));
        (Ok(Row::concat(key.as_bytes(), object.as_bytes())), 1)
    };
    groups.into_iter().map(result).collect()
}

fn made<'s>(rows: KeyedRows<'s>, spec: ReduceSpec) -> VecCollection<'s, Time, Output, Diff> {
    let (rows, errors) = reduce(rows, spec, KeptState::none(0));
    rows.map(Ok).concat(errors.map(Err))
}

#[test]
fn an_object_has_the_last_value_of_each_name() {
    for (seed, retract) in [(1, 45), (2, 0)] {
        let row = |random: &mut Random| {
            let name = Value::Text((*random.pick(&["b", "a", "bb", "", "ä"])).into());
            let value = if random.chance(20) { Value::Null } else { Value::Int(random.below(4_i64)) };
            (int(random.below(3_i64)), member(&name, &value, random.below(3_i64)))
        };
        let epochs = random_changes(&mut Random::new(seed), 30, 8, retract, row);
        check("objects", &epochs, move |rows| made(rows, object_spec(retract == 0)), objects);
    }
}

#[test]
fn a_name_that_is_null_and_an_object_beyond_the_limit_are_errors() {
    let text = |length: usize| Value::Text("x".repeat(length).into());
    let one = |name: &Value<'_>| (int(1), member(name, &Value::Int(5), 0));
    let epochs: Vec<Vec<((Row, Row), Diff)>> = vec![
        vec![(one(&text(1)), 1), (one(&Value::Null), 1)],
        vec![(one(&Value::Null), -1)],
        vec![(one(&text(AGGREGATE_BYTES_MAX)), 1)],
        vec![(one(&text(AGGREGATE_BYTES_MAX)), -1)],
    ];
    let output = run(2, 1, &epochs, &[], |rows, _| made(rows, object_spec(false)).map(|row| row.map_err(|error| error.detail)));
    let object = field(&FieldKind::Json, &Value::Json("{\"x\":5}".into()));
    let object = Contents::from([(Ok(Row::concat(int(1).as_bytes(), object.as_bytes())), 1)]);
    let failed = |detail: &str| Contents::from([(Err(detail.to_owned()), 1)]);
    let null = "field name must not be null: leave such rows out with FILTER";
    let long = "the items of the group have more than 1048576 bytes: filter, limit or shorten what is aggregated";
    compare("objects", &output, &[failed(null), object.clone(), failed(long), object]);
}
