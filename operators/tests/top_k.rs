//! The first rows of each key.

use std::collections::BTreeMap;

use operators::state::KeptState;
use operators::top_k::{TopKSpec, top_k};
use schemas::row::{Diff, Row};
use testkit::random::Random;

use crate::harness::{Contents, check, int, ints, random_changes};

fn naive(contents: &Contents<(Row, Row)>, spec: TopKSpec) -> Contents<(Row, Row)> {
    let mut keys: BTreeMap<&Row, Vec<&Row>> = BTreeMap::new();
    for ((key, row), count) in contents {
        keys.entry(key).or_default().extend(vec![row; *count as usize]);
    }
    let mut result = Contents::new();
    for (key, rows) in keys {
        for (index, row) in rows.into_iter().enumerate().skip(spec.offset).take(spec.limit) {
            let place = int(index as i64 + 1);
            let row = if spec.rank { Row::concat(row.as_bytes(), place.as_bytes()) } else { row.clone() };
            *result.entry((key.clone(), row)).or_default() += 1;
        }
    }
    result
}

#[test]
fn the_first_rows_are_kept_while_rows_come_and_go() {
    for (seed, limit, offset, rank) in [
        (1, 3, 0, false),
        (2, 1, 0, true),
        (3, 4, 2, false),
        (4, 5, 1, true),
        (5, 0, 2, false),
        (6, 50, 0, true),
        (7, 2, 3, true),
    ] {
        let row = |random: &mut Random| (int(random.below(4) as i64), ints(&[random.below(12) as i64, random.below(2) as i64]));
        for retract in [0, 30, 49] {
            let spec = TopKSpec { limit, offset, rank, append_only: retract == 0 };
            let epochs = random_changes(&mut Random::new(seed), 50, 12, retract, row);
            check(
                &format!("{spec:?}"),
                &epochs,
                move |rows| top_k(rows, spec, KeptState::none(0)),
                |contents| naive(contents, spec),
            );
        }
    }
}

#[test]
fn a_retraction_that_comes_first_is_settled() {
    let spec = TopKSpec { limit: 1, offset: 0, rank: false, append_only: false };
    let row = |value| (int(1), int(value));
    let epochs = vec![vec![(row(1), -1), (row(2), 1)], vec![(row(1), 1)], vec![(row(1), 1)], vec![(row(1), -1)]];
    check(
        "owed",
        &epochs,
        move |rows| top_k(rows, spec, KeptState::none(0)),
        |contents| contents.iter().find(|(_, count)| **count > 0).map(|(row, _)| (row.clone(), 1)).into_iter().collect(),
    );
}

/// Before the first wanted row, more copies go than there are wanted rows.
#[test]
fn several_copies_of_a_row_go_at_once() {
    let row = |value| (int(1), int(value));
    let first = vec![(row(1), 3), (row(2), 1), (row(3), 1), (row(4), 1), (row(5), 2)];
    let epochs =
        vec![first, vec![(row(1), -2)], vec![(row(3), 1)], vec![(row(1), -1), (row(2), -1), (row(4), -1)], vec![(row(6), 4)]];
    for rank in [false, true] {
        for (limit, offset) in [(1, 3), (2, 4), (1, 1), (3, 2), (0, 3)] {
            let spec = TopKSpec { limit, offset, rank, append_only: false };
            check(
                &format!("{spec:?}"),
                &epochs,
                move |rows| top_k(rows, spec, KeptState::none(0)),
                |contents| naive(contents, spec),
            );
        }
    }
}

/// Rows of few keys, many copies of each, of which most go at once now and then.
fn bulk_changes(random: &mut Random, epochs: usize) -> Vec<Vec<((Row, Row), Diff)>> {
    let mut present: Contents<(Row, Row)> = Contents::new();
    let epoch = |_| {
        let mut made = Vec::new();
        if random.chance(50) {
            for (row, count) in &mut present {
                if random.chance(60) {
                    let times = random.below(*count) + 1;
                    *count -= times;
                    made.push((row.clone(), -times));
                }
            }
            present.retain(|_, count| *count > 0);
        }
        for _ in 0..random.below(6_usize) {
            let row = (int(random.below(2_i64)), int(random.below(9_i64)));
            let times = random.below(4_i64) + 1;
            *present.entry(row.clone()).or_default() += times;
            made.push((row, times));
        }
        made
    };
    (0..epochs).map(epoch).collect()
}

#[test]
fn the_first_rows_are_kept_while_many_go_at_once() {
    for (seed, limit, offset) in [(11, 1, 3), (12, 2, 5), (13, 1, 12), (14, 4, 2), (15, 0, 4), (16, 3, 0), (17, 20, 7)] {
        let epochs = bulk_changes(&mut Random::new(seed), 60);
        for rank in [false, true] {
            let spec = TopKSpec { limit, offset, rank, append_only: false };
            check(
                &format!("seed {seed}, {spec:?}"),
                &epochs,
                move |rows| top_k(rows, spec, KeptState::none(0)),
                |contents| naive(contents, spec),
            );
        }
    }
}
