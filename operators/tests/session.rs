//! Session windows.

use std::collections::BTreeMap;

use operators::session::session;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};
use testkit::random::Random;

use crate::harness::{Contents, check, field, int, ints, random_changes, timestamp};

fn naive(contents: &Contents<(Row, Row)>, gap: i64) -> Contents<Row> {
    let mut keys: BTreeMap<&Row, Vec<(i64, &[u8], Diff)>> = BTreeMap::new();
    for ((key, row), count) in contents {
        if let Value::Timestamp(time) = FieldKind::Timestamp.read(row.as_bytes(), 0) {
            keys.entry(key).or_default().push((time, &row.as_bytes()[9..], *count));
        }
    }
    let mut result = Contents::new();
    for rows in keys.values() {
        for session in rows.chunk_by(|earlier, later| later.0 - earlier.0 <= gap) {
            let window =
                Row::concat(timestamp(session[0].0).as_bytes(), timestamp(session[session.len() - 1].0 + gap).as_bytes());
            for (_, row, count) in session {
                *result.entry(Row::concat(row, window.as_bytes())).or_default() += count;
            }
        }
    }
    result
}

#[test]
fn sessions_join_and_split() {
    for (seed, gap, span) in [(1, 10, 400), (2, 1, 40), (3, 0, 20), (4, 25, 300), (5, 60, 5_000)] {
        let row = move |random: &mut Random| {
            let time = timestamp(random.below(span) as i64 - 100);
            let key = random.below(3) as i64;
            (int(key), Row::concat(time.as_bytes(), ints(&[key, random.below(2) as i64]).as_bytes()))
        };
        for retract in [10, 48] {
            let epochs = random_changes(&mut Random::new(seed), 50, 10, retract, row);
            check(&format!("session {gap} {retract}"), &epochs, move |rows| session(rows, gap), |contents| naive(contents, gap));
        }
    }
}

#[test]
fn a_row_without_a_time_is_in_no_session_and_extremes_do_not_overflow() {
    let row = |time: Value<'_>| (int(1), Row::concat(field(&FieldKind::Timestamp, &time).as_bytes(), int(5).as_bytes()));
    let epochs = vec![vec![(row(Value::Null), 1), (row(Value::Timestamp(i64::MAX)), 1), (row(Value::Timestamp(i64::MIN)), 1)]];
    check(
        "extremes",
        &epochs,
        |rows| session(rows, 100),
        |_| {
            let window = |start: i64, end: i64| {
                let window = Row::concat(timestamp(start).as_bytes(), timestamp(end).as_bytes());
                (Row::concat(int(5).as_bytes(), window.as_bytes()), 1)
            };
            Contents::from([window(i64::MIN, i64::MIN + 100), window(i64::MAX, i64::MAX)])
        },
    );
}
