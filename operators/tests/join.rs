//! Joins, their variants, and distinct.

use differential_dataflow::input::Input;
use differential_dataflow::trace::{BatchReader, TraceReader};
use operators::arrange::arrange;
use operators::distinct::distinct;
use operators::join::{antijoin, join, matched_keys, semijoin};
use operators::{KeyedRows, Rows, Time};
use schemas::row::{Diff, Row};
use testkit::random::Random;
use timely::dataflow::ProbeHandle;
use timely::progress::Antichain;

use crate::harness::{Contents, check, int, ints, random_changes};

/// A row of the left or of the right input.
type Sided = (bool, (Row, Row));
type Sides<'s> = differential_dataflow::VecCollection<'s, Time, Sided, Diff>;

fn sided(random: &mut Random) -> Sided {
    (random.chance(50), (int(random.below(9) as i64), ints(&[random.below(4) as i64])))
}

fn side<'s>(rows: &Sides<'s>, wanted: bool) -> KeyedRows<'s> {
    rows.clone().filter(move |(left, _)| *left == wanted).map(|(_, row)| row)
}

fn pairs(contents: &Contents<Sided>) -> impl Iterator<Item = (&Row, &Row, &Row, Diff)> {
    let of = |wanted| contents.iter().filter(move |((left, _), _)| *left == wanted);
    of(true).flat_map(move |((_, (key, left)), left_count)| {
        let partners = of(false).filter(move |((_, (other, _)), _)| key == other);
        partners.map(move |((_, (_, right)), right_count)| (key, left, right, left_count * right_count))
    })
}

/// A pair makes one row; value three on the left makes one less, value two on the right one more.
fn join_sides<'s>(rows: &Sides<'s>) -> Rows<'s> {
    join(arrange(side(rows, true), "left"), arrange(side(rows, false), "right"), |key, left, right, _, out| {
        let row = Row::concat(Row::concat(key, left).as_bytes(), right);
        if left != int(3).as_bytes() {
            out.push(row.clone());
        }
        if right == int(2).as_bytes() {
            out.push(row);
        }
    })
}

#[test]
fn join_pairs_rows_of_equal_keys() {
    for seed in 1..6 {
        let epochs = random_changes(&mut Random::new(seed), 40, 12, 45, sided);
        check(
            "join",
            &epochs,
            |rows| join_sides(&rows),
            |contents| {
                let mut result = Contents::new();
                for (key, left, right, count) in pairs(contents) {
                    let times = Diff::from(*left != int(3)) + Diff::from(*right == int(2));
                    let row = Row::concat(Row::concat(key.as_bytes(), left.as_bytes()).as_bytes(), right.as_bytes());
                    *result.entry(row).or_default() += count * times;
                }
                result.retain(|_, count| *count != 0);
                result
            },
        );
    }
}

fn semijoined<'s>(rows: &Sides<'s>) -> KeyedRows<'s> {
    semijoin(&arrange(side(rows, true), "left"), &matched_keys(side(rows, false), "keys"))
}

fn antijoined<'s>(rows: &Sides<'s>) -> KeyedRows<'s> {
    antijoin(side(rows, true), &matched_keys(side(rows, false), "keys"), "left")
}

#[test]
fn semijoin_and_antijoin_part_the_left_rows() {
    for seed in 1..6 {
        let epochs = random_changes(&mut Random::new(seed), 40, 8, 45, sided);
        let partnered = |contents: &Contents<Sided>, key: &Row| contents.keys().any(|(left, (other, _))| !left && other == key);
        let naive = |wanted: bool| {
            move |contents: &Contents<Sided>| {
                let rows = contents.iter().filter(|((left, (key, _)), _)| *left && partnered(contents, key) == wanted);
                rows.map(|((_, row), count)| (row.clone(), *count)).collect()
            }
        };
        check("semijoin", &epochs, |rows| semijoined(&rows), naive(true));
        check("antijoin", &epochs, |rows| antijoined(&rows), naive(false));
    }
}

#[test]
fn distinct_shows_each_row_once() {
    for seed in 1..6 {
        let epochs = random_changes(&mut Random::new(seed), 60, 10, 48, |random| int(random.below(30) as i64));
        check("distinct", &epochs, |rows| distinct(rows), |contents| contents.keys().map(|row| (row.clone(), 1)).collect());
    }
}

#[test]
fn arrangements_forget_history() {
    const EPOCHS: Time = 2_000;
    timely::execute_directly(|worker| {
        let probe = ProbeHandle::new();
        let (mut input, mut traces) = worker.dataflow::<Time, _, _>(|scope| {
            let (input, rows) = scope.new_collection();
            let left = arrange(side(&rows, true), "left");
            let keys = matched_keys(side(&rows, false), "keys");
            let traces = [left.trace.clone(), keys.trace.clone()];
            semijoin(&left, &keys).probe_with(&probe);
            join(left, keys, |key, _, _, _, out| out.push(Row::from_bytes(key))).probe_with(&probe);
            (input, traces)
        });
        for epoch in 0..EPOCHS {
            // One row on each side, replaced in each epoch.
            for is_left in [true, false] {
                let row = |epoch: Time| (is_left, (int(1), int(epoch as i64)));
                input.update(row(epoch), 1);
                epoch.checked_sub(1).into_iter().for_each(|before| input.update(row(before), -1));
            }
            input.advance_to(epoch + 1);
            input.flush();
            let frontier = Antichain::from_elem(epoch);
            for trace in &mut traces {
                trace.set_logical_compaction(frontier.borrow());
                trace.set_physical_compaction(frontier.borrow());
            }
            worker.step_while(|| probe.less_than(&(epoch + 1)));
        }
        for trace in &traces {
            let mut updates = 0;
            trace.map_batches(|batch| updates += batch.len());
            assert!(updates < 100, "{updates} updates are kept of a single row");
        }
    });
}
