//! Window functions.

mod by_hand;

use std::collections::BTreeMap;

use differential_dataflow::VecCollection;
use operators::state::KeptState;
use operators::top_k::{TopKSpec, top_k};
use operators::window::{WINDOW_ROWS_MAX, WindowCall, WindowSpec, sources, window};
use operators::{KeyedRows, Time};
use schemas::aggregate::AggregateKind;
use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value};
use schemas::numeric::Numeric;
use schemas::row::{Diff, Row};
use schemas::window::{FrameBound, FrameDistance, FrameUnit, WindowFrame, WindowKind};
use testkit::random::Random;

use self::by_hand::ByHand;
use crate::harness::{Contents, check, int, random_changes};

type Output = Result<Row, RowError>;

/// A whole number, a decimal, a floating-point number, a NUMERIC, a time and a truth value, all of which may be NULL.
fn kinds() -> Vec<FieldKind> {
    let decimal = FieldKind::Decimal { scale: 1 };
    vec![FieldKind::Int64, decimal, FieldKind::Float64, FieldKind::Numeric, FieldKind::Timestamp, FieldKind::Boolean]
}

const WHOLE: usize = 0;
const DECIMAL: usize = 1;
const FLOAT: usize = 2;
const NUMERIC: usize = 3;
const TIME: usize = 4;
const TRUTH: usize = 5;

/// A row in which every number is the same one, in different kinds, as far as it is not NULL. Few numbers, so that there are peers.
fn value_row(random: &mut Random) -> Row {
    let number = random.below(8_i64) - 3;
    let float = match number {
        4 => f64::NAN,
        3 => f64::INFINITY,
        -3 => f64::NEG_INFINITY,
        other => other as f64,
    };
    let numeric = Numeric::new(number, 0).to_wide().expect("a small number");
    let values = [
        Value::Int(number),
        Value::Decimal(i128::from(number) * 10, 1),
        Value::Float(float),
        Value::Numeric(numeric),
        Value::Timestamp(number),
        Value::Boolean(random.chance(60)),
    ];
    let mut row = Row::empty();
    for (kind, value) in kinds().iter().zip(values) {
        kind.write(if random.chance(12) { &Value::Null } else { &value }, &mut row);
    }
    row
}

fn keyed_row(random: &mut Random) -> (Row, Row) {
    (int(random.below(2_i64)), value_row(random))
}

fn call(kind: WindowKind, input: &[usize], frame: WindowFrame) -> WindowCall {
    let expression = format!("{kind:?} {frame:?}");
    WindowCall { kind, input: input.to_vec(), filter: None, frame, expression }
}

fn frame(unit: FrameUnit, start: FrameBound, end: FrameBound) -> WindowFrame {
    WindowFrame { unit, start, end }
}

fn whole() -> WindowFrame {
    frame(FrameUnit::Rows, FrameBound::First, FrameBound::Last)
}

fn spec(order: &[(usize, bool)], calls: Vec<WindowCall>) -> WindowSpec {
    WindowSpec {
        key_kinds: vec![FieldKind::Int64],
        kinds: kinds(),
        order: order.to_vec(),
        calls,
        rows_max: WINDOW_ROWS_MAX,
        relation: "test".into(),
    }
}

/// Functions of a frame: values, and aggregates with and without a filter.
fn over(frame: &WindowFrame) -> Vec<WindowCall> {
    let mut calls = vec![
        call(WindowKind::FirstValue, &[WHOLE], frame.clone()),
        call(WindowKind::LastValue, &[DECIMAL], frame.clone()),
        call(WindowKind::NthValue { place: 2 }, &[WHOLE], frame.clone()),
        call(WindowKind::Aggregate(AggregateKind::CountAll), &[], frame.clone()),
        call(WindowKind::Aggregate(AggregateKind::Sum { output: FieldKind::Int64 }), &[WHOLE], frame.clone()),
        call(WindowKind::Aggregate(AggregateKind::Min), &[WHOLE], frame.clone()),
        call(WindowKind::Aggregate(AggregateKind::Max), &[DECIMAL], frame.clone()),
    ];
    let mut filtered = calls[4].clone();
    filtered.filter = Some(TRUTH);
    calls.push(filtered);
    calls
}

fn naive(contents: &Contents<(Row, Row)>, spec: &WindowSpec) -> Contents<Output> {
    let mut keys: BTreeMap<&Row, Vec<Row>> = BTreeMap::new();
    for ((key, row), count) in contents {
        keys.entry(key).or_default().extend(vec![row.clone(); *count as usize]);
    }
    let mut result = Contents::new();
    for rows in keys.into_values() {
        let by_hand = ByHand::new(spec, rows);
        for row in 0..by_hand.rows.len() {
            let out = spec.calls.iter().fold(by_hand.rows[row].clone(), |out, call| {
                Row::concat(out.as_bytes(), by_hand.result(call, row).as_bytes())
            });
            *result.entry(Ok(out)).or_default() += 1;
        }
    }
    result
}

fn windowed<'s>(rows: KeyedRows<'s>, spec: &WindowSpec) -> VecCollection<'s, Time, Output, Diff> {
    let (rows, errors) = window(rows, spec.clone());
    rows.map(Ok).concat(errors.map(Err))
}

fn check_windows(name: &str, seed: u64, spec: &WindowSpec) {
    // Few changes at a time reach some of the rows; many are merged with all of them.
    for (changes, retract, epochs) in [(4, 45, 30), (40, 40, 6), (6, 0, 8)] {
        let epochs = random_changes(&mut Random::new(seed), epochs, changes, retract, keyed_row);
        let own = spec.clone();
        check(
            &format!("{name}, {changes} changes, {retract}% retracted"),
            &epochs,
            move |rows| windowed(rows, &own),
            |contents| naive(contents, spec),
        );
    }
}

#[test]
fn numbers_ranks_and_neighbours_are_those_of_the_rows() {
    let calls = || {
        vec![
            call(WindowKind::RowNumber, &[], whole()),
            call(WindowKind::Rank, &[], whole()),
            call(WindowKind::DenseRank, &[], whole()),
            call(WindowKind::PercentRank, &[], whole()),
            call(WindowKind::CumeDist, &[], whole()),
            call(WindowKind::Ntile { buckets: 3 }, &[], whole()),
            call(WindowKind::Neighbour { offset: -1 }, &[DECIMAL], whole()),
            call(WindowKind::Neighbour { offset: 2 }, &[WHOLE, WHOLE], whole()),
        ]
    };
    for (seed, order) in [(1, &[(WHOLE, false)][..]), (2, &[(WHOLE, true), (TRUTH, false)]), (3, &[])] {
        check_windows(&format!("ranks by {order:?}"), seed, &spec(order, calls()));
        // Each alone: what one affects must not hide what another does not.
        for one in calls() {
            check_windows(&format!("{} by {order:?}", one.expression), seed, &spec(order, vec![one]));
        }
    }
}

#[test]
fn frames_of_rows_and_groups_are_those_of_the_rows() {
    let count = |count| FrameDistance::Count(count);
    let bounds = [
        (FrameBound::First, FrameBound::Current),
        (FrameBound::Current, FrameBound::Last),
        (FrameBound::Preceding(count(2)), FrameBound::Current),
        (FrameBound::Preceding(count(1)), FrameBound::Following(count(1))),
        (FrameBound::Preceding(count(3)), FrameBound::Preceding(count(2))),
        (FrameBound::Following(count(1)), FrameBound::Following(count(3))),
        (FrameBound::Current, FrameBound::Following(count(0))),
        (FrameBound::Following(count(2)), FrameBound::Preceding(count(2))),
        (FrameBound::Preceding(count(u64::MAX)), FrameBound::Following(count(u64::MAX))),
    ];
    for (seed, unit, order) in [
        (4, FrameUnit::Rows, &[(WHOLE, false)][..]),
        (5, FrameUnit::Groups, &[(WHOLE, true)]),
        (6, FrameUnit::Groups, &[(TRUTH, false), (WHOLE, false)]),
        (7, FrameUnit::Range, &[(TRUTH, true)]),
    ] {
        for (start, end) in &bounds {
            let is_counted = |bound: &FrameBound| matches!(bound, FrameBound::Preceding(_) | FrameBound::Following(_));
            if unit == FrameUnit::Range && (is_counted(start) || is_counted(end)) {
                continue;
            }
            let frame = frame(unit, start.clone(), end.clone());
            check_windows(&format!("{frame:?} by {order:?}"), seed, &spec(order, over(&frame)));
        }
    }
}

#[test]
fn frames_of_distances_are_those_of_the_values() {
    let numeric = |number: i64| FrameDistance::Numeric(Numeric::new(number * 10, 1));
    let kinds: [(usize, fn(i64) -> FrameDistance); 4] = [
        (WHOLE, |number| FrameDistance::Units(number.into())),
        (DECIMAL, |number| FrameDistance::Units(i128::from(number) * 10)),
        (TIME, |number| FrameDistance::Units(number.into())),
        (FLOAT, |number| FrameDistance::Float(number as f64)),
    ];
    let of_kinds = kinds.into_iter().map(|(column, distance)| (column, Box::new(distance) as Box<dyn Fn(i64) -> FrameDistance>));
    let all = of_kinds.chain([(NUMERIC, Box::new(numeric) as Box<dyn Fn(i64) -> FrameDistance>)]);
    for (column, distance) in all {
        let bounds = [
            (FrameBound::Preceding(distance(2)), FrameBound::Current),
            (FrameBound::Preceding(distance(1)), FrameBound::Following(distance(1))),
            (FrameBound::Preceding(distance(3)), FrameBound::Preceding(distance(1))),
            (FrameBound::Following(distance(1)), FrameBound::Following(distance(2))),
            (FrameBound::First, FrameBound::Preceding(distance(1))),
            (FrameBound::Following(distance(0)), FrameBound::Last),
        ];
        for descending in [false, true] {
            for (start, end) in &bounds {
                let frame = frame(FrameUnit::Range, start.clone(), end.clone());
                let name = format!("{frame:?} by {column} {descending}");
                check_windows(&name, 8 + column as u64, &spec(&[(column, descending)], over(&frame)));
            }
        }
    }
}

#[test]
fn extremes_of_numbers_do_not_overflow() {
    let row = |value: i64| {
        let mut row = Row::empty();
        for kind in kinds() {
            let value = if kind == FieldKind::Int64 { Value::Int(value) } else { Value::Null };
            kind.write(&value, &mut row);
        }
        (int(1), row)
    };
    let far = || FrameDistance::Units(i128::MAX);
    let near = frame(FrameUnit::Range, FrameBound::Preceding(far()), FrameBound::Following(far()));
    let spec = spec(&[(WHOLE, false)], vec![call(WindowKind::Aggregate(AggregateKind::CountAll), &[], near)]);
    let epochs = vec![vec![(row(i64::MIN), 1), (row(i64::MAX), 1)], vec![(row(0), 3)], vec![(row(i64::MAX), -1)]];
    let own = spec.clone();
    check("extremes", &epochs, move |rows| windowed(rows, &own), |contents| naive(contents, &spec));
}

#[test]
fn a_retraction_that_comes_first_is_settled() {
    let mut random = Random::new(1);
    let (first, second) = (value_row(&mut random), value_row(&mut random));
    let change = |row: &Row, diff| ((int(1), row.clone()), diff);
    let epochs = vec![
        vec![change(&first, -2), change(&second, 1)],
        vec![change(&first, 1)],
        vec![change(&first, 3)],
        vec![change(&first, -2), change(&second, -1)],
    ];
    let spec = spec(&[], vec![call(WindowKind::RowNumber, &[], whole())]);
    let own = spec.clone();
    check(
        "owed",
        &epochs,
        move |rows| windowed(rows, &own),
        |contents| naive(&contents.iter().filter(|(_, count)| **count > 0).map(|(row, count)| (row.clone(), *count)).collect(), &spec),
    );
}

#[test]
fn a_key_with_too_many_rows_is_an_error_until_some_go() {
    let mut spec = spec(&[(WHOLE, false)], vec![call(WindowKind::RowNumber, &[], whole())]);
    spec.rows_max = 5;
    let epochs = random_changes(&mut Random::new(3), 40, 4, 45, keyed_row);
    let own = spec.clone();
    let expected = |contents: &Contents<(Row, Row)>| {
        let mut made = Contents::new();
        for key in [0, 1] {
            let of_key: Contents<(Row, Row)> =
                contents.iter().filter(|((other, _), _)| *other == int(key)).map(|(row, count)| (row.clone(), *count)).collect();
            if of_key.values().sum::<Diff>() <= 5 {
                made.extend(naive(&of_key, &spec));
                continue;
            }
            let detail = "the partition has more than 5 rows: filter them, or partition by more columns".into();
            let expression = spec.calls[0].expression.clone();
            made.insert(Err(RowError { relation: "test".into(), expression, detail, row: format!("[{key}]") }), 1);
        }
        made
    };
    check("too many rows", &epochs, move |rows| windowed(rows, &own), expected);
}

#[test]
fn an_aggregate_out_of_range_is_an_error_of_its_rows() {
    let row = |value: i64| {
        let mut row = Row::empty();
        for kind in kinds() {
            let value = if kind == FieldKind::Int64 { Value::Int(value) } else { Value::Null };
            kind.write(&value, &mut row);
        }
        row
    };
    let running = frame(FrameUnit::Rows, FrameBound::First, FrameBound::Current);
    let sum = call(WindowKind::Aggregate(AggregateKind::Sum { output: FieldKind::Int64 }), &[WHOLE], running);
    let spec = spec(&[(WHOLE, false)], vec![sum]);
    let epochs = vec![vec![((int(7), row(i64::MAX)), 2), ((int(7), row(-1)), 1)], vec![((int(7), row(i64::MAX)), -1)]];
    let error = RowError {
        relation: "test".into(),
        expression: spec.calls[0].expression.clone(),
        detail: "the sum is out of range for BIGINT: cast the argument to a wider type".into(),
        row: "[7]".into(),
    };
    let own = spec.clone();
    let expected = |contents: &Contents<(Row, Row)>| {
        let with = |value: i64, sum: i64| (Ok(Row::concat(row(value).as_bytes(), int(sum).as_bytes())), 1);
        let mut made = Contents::from([with(-1, -1), with(i64::MAX, i64::MAX - 1)]);
        if contents.values().sum::<Diff>() == 3 {
            made.insert(Err(error.clone()), 1);
        }
        made
    };
    check("out of range", &epochs, move |rows| windowed(rows, &own), expected);
}

/// Row numbers up to a place are what the first rows with their places are.
#[test]
fn the_first_row_numbers_are_those_of_the_first_rows() {
    let spec = spec(&[], vec![call(WindowKind::RowNumber, &[], whole())]);
    let width = FieldKind::Int64.fixed_width().expect("a BIGINT has a width");
    let top = TopKSpec { limit: 3, offset: 0, rank: true, append_only: false };
    let epochs = random_changes(&mut Random::new(5), 30, 6, 45, keyed_row);
    let own = spec.clone();
    let numbers = crate::harness::run(2, 1, &epochs, &[], move |rows, _| {
        window(rows, own.clone()).0.filter(move |row| {
            let place = FieldKind::Int64.read(row.as_bytes(), row.len() - width);
            matches!(place, Value::Int(1..=3))
        })
    });
    let first = crate::harness::run(2, 1, &epochs, &[], move |rows, _| top_k(rows, top, KeptState::none(0)).map(|(_, row)| row));
    crate::harness::compare("row numbers", &numbers, &first);
}

#[test]
fn results_name_the_rows_that_they_are_read_from() {
    let row = |value: i64, truth: bool| {
        let mut row = Row::empty();
        for kind in kinds() {
            let value = match kind {
                FieldKind::Int64 => Value::Int(value),
                FieldKind::Boolean => Value::Boolean(truth),
                _ => Value::Null,
            };
            kind.write(&value, &mut row);
        }
        row
    };
    let rows = [row(30, true), row(10, true), row(20, false), row(40, true)];
    let near = frame(FrameUnit::Rows, FrameBound::Preceding(FrameDistance::Count(2)), FrameBound::Current);
    let of = |calls: Vec<WindowCall>| -> Vec<Vec<usize>> {
        let spec = spec(&[(WHOLE, false)], calls);
        sources(&spec, &rows, |_| true).into_iter().map(|(_, numbers)| numbers).collect()
    };
    assert_eq!(of(vec![call(WindowKind::Rank, &[], whole())]), [vec![1], vec![2], vec![0], vec![3]]);
    let before = call(WindowKind::Neighbour { offset: -1 }, &[WHOLE], whole());
    assert_eq!(of(vec![before]), [vec![1], vec![2, 1], vec![0, 2], vec![3, 0]]);
    let mut sum = call(WindowKind::Aggregate(AggregateKind::Sum { output: FieldKind::Int64 }), &[WHOLE], near.clone());
    sum.filter = Some(TRUTH);
    assert_eq!(of(vec![sum]), [vec![1, 1], vec![2, 1], vec![0, 1, 0], vec![3, 0, 3]]);
    let least = call(WindowKind::Aggregate(AggregateKind::Min), &[WHOLE], near);
    assert_eq!(of(vec![least]), [vec![1, 1], vec![2, 1], vec![0, 1], vec![3, 2]]);
    let spec = spec(&[(WHOLE, false)], vec![call(WindowKind::RowNumber, &[], whole())]);
    let wanted = sources(&spec, &rows, |row| FieldKind::Int64.read(row.as_bytes(), 0) == Value::Int(40));
    assert_eq!(wanted.into_iter().map(|(_, numbers)| numbers).collect::<Vec<_>>(), [vec![3]]);
}
