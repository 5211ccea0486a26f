//! Tables that are cleared between their events.

use std::collections::BTreeMap;

use operators::Time;
use operators::clear::to_all_workers;
use operators::fold::{FoldEvent, FoldLogic as _, FoldOutcome, FoldStep, fold};
use operators::state::KeptState;
use schemas::row::{Diff, Row};
use timely::dataflow::operators::vec::Map;

use crate::fold::{Letters, random_events};
use crate::harness::{Contents, compare, run};

type Epochs = Vec<Vec<(FoldEvent, Diff)>>;

/// Random events, some of which take all rows away: now and then several in a row.
fn epochs(seed: u64, number: usize, events: u64, keys: u64) -> Epochs {
    let mut epochs = random_events(seed, number, events, keys);
    for ((key, order, _), _) in epochs.iter_mut().flatten() {
        if order.appended % 11 < 2 {
            *key = Row::empty();
        }
    }
    epochs
}

fn naive(epochs: &Epochs) -> Vec<Contents<Row>> {
    let mut table: BTreeMap<Row, Row> = BTreeMap::new();
    let after = |epoch: &Vec<(FoldEvent, Diff)>| {
        let mut events: Vec<&FoldEvent> = epoch.iter().map(|(event, _)| event).collect();
        events.sort_by_key(|(_, order, _)| *order);
        for (key, order, event) in events {
            if key.is_empty() {
                table.clear();
                continue;
            }
            let current = table.get(key).map(Row::as_bytes);
            let step = FoldStep { key: key.as_bytes(), order: *order, event: event.as_bytes(), current };
            let mut outcomes = Vec::new();
            Letters.apply(&[step], &mut outcomes);
            match outcomes.remove(0) {
                FoldOutcome::Put(row) => drop(table.insert(key.clone(), row)),
                FoldOutcome::Delete => drop(table.remove(key)),
                FoldOutcome::Keep | FoldOutcome::Fail(_) | FoldOutcome::Refuse(_) => {}
            }
        }
        table.values().map(|row| (row.clone(), 1)).collect()
    };
    epochs.iter().map(after).collect()
}

fn check(epochs: &Epochs) {
    let expected = naive(epochs);
    for (workers, ahead) in [(1, 1), (2, 3), (3, 20)] {
        let output = run(workers, ahead, epochs, &[], |events, _| {
            let events = events.inner.map(|(event, _, _): (FoldEvent, Time, Diff)| event);
            fold(to_all_workers(events), Letters, "cleared letters", KeptState::none(0)).0
        });
        compare(&format!("a cleared fold, {workers} workers, {ahead} ahead"), &output, &expected);
    }
}

#[test]
fn a_clearing_takes_the_rows_that_were_there_and_none_that_follow() {
    for seed in 1..6 {
        let epochs = epochs(seed, 40, 30, 6);
        assert!(epochs.iter().flatten().any(|((key, _, _), _)| key.is_empty()), "nothing was cleared");
        check(&epochs);
        check(&vec![epochs.concat()]);
    }
    check(&epochs(9, 3, 60_000, 20_000));
}
