//! Rows that are valid for a time.

use operators::state::KeptState;
use operators::temporal_filter::temporal_filter;
use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use testkit::random::Random;

use crate::harness::{Contents, compare, contents, field, random_changes, run};

const NEVER: i64 = 1_000;

fn bound(row: &[u8], start: usize) -> Option<i64> {
    match FieldKind::Int64.read(row, start) {
        Value::Int(bound) if bound != NEVER => Some(bound),
        _ => None,
    }
}

pub fn bounds(row: &[u8]) -> (Option<i64>, Option<i64>) {
    (bound(row, 0), bound(row, 9))
}

pub fn row(random: &mut Random) -> Row {
    let mut bound = || if random.chance(20) { NEVER } else { random.below(160) as i64 };
    let (from, until) = (bound(), bound());
    let mut row = field(&FieldKind::Int64, &Value::Int(from));
    row.extend(field(&FieldKind::Int64, &Value::Int(until)).as_bytes());
    row
}

fn naive(contents: &Contents<Row>, now: i64) -> Contents<Row> {
    let is_valid = |row: &Row| {
        let (from, until) = bounds(row.as_bytes());
        from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
    };
    contents.iter().filter(|(row, _)| is_valid(row)).map(|(row, count)| (row.clone(), *count)).collect()
}

#[test]
fn rows_appear_and_expire_with_the_clock() {
    for seed in 1..8 {
        let mut random = Random::new(seed);
        // Rows come in the first epochs; then there are epochs in which only the clock advances.
        let mut epochs = random_changes(&mut random, 60, 10, 35, row);
        epochs.extend(vec![Vec::new(); 40]);
        let mut now = 0;
        let clock: Vec<i64> = epochs
            .iter()
            .map(|_| {
                now += random.below(4) as i64;
                now
            })
            .collect();
        let expected: Vec<_> = contents(&epochs).iter().zip(&clock).map(|(contents, now)| naive(contents, *now)).collect();
        for (workers, ahead) in [(1, 1), (2, 3), (3, 20)] {
            let output =
                run(workers, ahead, &epochs, &clock, |rows, clock| temporal_filter(rows, clock, bounds, KeptState::none(0)));
            compare(&format!("{workers} workers"), &output, &expected);
        }
    }
}
