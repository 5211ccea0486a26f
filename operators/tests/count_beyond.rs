//! Counting across an inequality.

use operators::count_beyond::count_beyond;
use operators::{KeyedRows, Rows};
use schemas::aggregate::Beyond;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};
use testkit::random::Random;

use crate::harness::{Contents, check, int, ints, random_changes};

const ROW: i64 = 0;
const POSITION: i64 = 1;
/// Bytes of a BIGINT field.
const FIELD: usize = 9;

fn number(row: &Row, field: usize) -> i64 {
    match FieldKind::Int64.read(row.as_bytes(), field * FIELD) {
        Value::Int(number) => number,
        other => panic!("{other:?} is no number"),
    }
}

/// Values are (what it is, bound or position, payload).
fn counted<'s>(input: KeyedRows<'s>, beyond: Beyond) -> Rows<'s> {
    let rows = input.clone().filter(|(_, value)| number(value, 0) == ROW);
    let rows = rows.map(|(key, value)| (key, (int(number(&value, 1)), ints(&[number(&value, 1), number(&value, 2)]))));
    let positions = input.filter(|(_, value)| number(value, 0) == POSITION).map(|(key, value)| (key, int(number(&value, 1))));
    count_beyond(rows, positions, beyond)
}

fn naive(contents: &Contents<(Row, Row)>, beyond: Beyond) -> Contents<Row> {
    let mut result = Contents::new();
    for ((key, row), times) in contents.iter().filter(|((_, value), _)| number(value, 0) == ROW) {
        let bound = number(row, 1);
        let lies_beyond = |position: i64| match beyond {
            Beyond::Greater => position > bound,
            Beyond::GreaterOrEqual => position >= bound,
            Beyond::Less => position < bound,
            Beyond::LessOrEqual => position <= bound,
        };
        let of_key = contents.iter().filter(|((other, value), _)| other == key && number(value, 0) == POSITION);
        let count: Diff = of_key.filter(|((_, value), _)| lies_beyond(number(value, 1))).map(|(_, times)| times).sum();
        if count > 0 {
            let out = Row::concat(key.as_bytes(), ints(&[bound, number(row, 2), count]).as_bytes());
            *result.entry(out).or_default() += times;
        }
    }
    result
}

#[test]
fn rows_know_how_many_positions_lie_beyond_their_bound() {
    for (seed, span) in [(1, 6), (2, 40), (3, 1_000)] {
        for beyond in [Beyond::Greater, Beyond::GreaterOrEqual, Beyond::Less, Beyond::LessOrEqual] {
            let row = move |random: &mut Random| {
                let what = if random.chance(30) { ROW } else { POSITION };
                let payload = if what == ROW { random.below(3) as i64 } else { 0 };
                (int(random.below(3) as i64), ints(&[what, random.below(span) as i64 - 3, payload]))
            };
            let epochs = random_changes(&mut Random::new(seed), 40, 12, 40, row);
            check(
                &format!("count {beyond:?} {span}"),
                &epochs,
                move |rows| counted(rows, beyond),
                |contents| naive(contents, beyond),
            );
        }
    }
}

#[test]
fn many_positions_are_counted_in_blocks() {
    let mut epochs: Vec<Vec<((Row, Row), Diff)>> = Vec::new();
    epochs.push((0..3_000).map(|position| ((int(1), ints(&[POSITION, position, 0])), 1)).collect());
    for bound in [0, 1, 255, 256, 257, 1_500, 2_998, 2_999] {
        epochs.push(vec![((int(1), ints(&[ROW, bound, 7])), 1)]);
    }
    epochs.push((0..3_000).step_by(3).map(|position| ((int(1), ints(&[POSITION, position, 0])), -1)).collect());
    check("blocks", &epochs, |rows| counted(rows, Beyond::Greater), |contents| naive(contents, Beyond::Greater));
}
