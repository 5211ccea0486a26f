//! Tables made of events.

use std::collections::BTreeMap;

use operators::Time;
use operators::fold::{FoldEvent, FoldLogic, FoldOutcome, FoldStep, LogOrder, fold};
use operators::state::KeptState;
use schemas::dead_letter::RowError;
use schemas::row::{Diff, Row};
use testkit::random::Random;
use timely::dataflow::operators::vec::Map;

use crate::harness::{Contents, compare, int, run};

/// Events are one byte: what to do.
pub struct Letters;

fn outcome(current: Option<&[u8]>, key: &[u8], event: &[u8]) -> FoldOutcome {
    match (event[0], current) {
        (b'!', _) => FoldOutcome::Fail(error(key)),
        (b'-', _) => FoldOutcome::Delete,
        (b'=', _) => FoldOutcome::Keep,
        (_, None) => FoldOutcome::Put(Row::concat(key, event)),
        // Long rows start again, so that a row may come back to what it was.
        (_, Some(row)) if row.len() > key.len() + 3 => FoldOutcome::Put(Row::concat(key, event)),
        (_, Some(row)) => FoldOutcome::Put(Row::concat(row, event)),
    }
}

fn error(key: &[u8]) -> RowError {
    RowError { relation: "letters".into(), expression: "!".into(), detail: "no letter".into(), row: format!("{key:?}") }
}

impl FoldLogic for Letters {
    fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>) {
        assert!(steps.is_sorted_by(|left, right| left.key < right.key), "a call has one step per key");
        outcomes.extend(steps.iter().map(|step| outcome(step.current, step.key, step.event)));
    }
}

type Output = Result<Row, RowError>;

/// Applies each epoch's events one by one, in the order of appending.
fn naive(epochs: &[Vec<(FoldEvent, Diff)>]) -> Vec<Contents<Output>> {
    let mut table: BTreeMap<Row, Row> = BTreeMap::new();
    let mut errors: Contents<Output> = Contents::new();
    let mut result = Vec::new();
    for epoch in epochs {
        let mut events: Vec<&FoldEvent> = epoch.iter().map(|(event, _)| event).collect();
        events.sort_by_key(|(_, order, _)| order.appended);
        for (key, _, event) in events {
            match outcome(table.get(key).map(Row::as_bytes), key.as_bytes(), event.as_bytes()) {
                FoldOutcome::Keep => {}
                FoldOutcome::Put(row) => drop(table.insert(key.clone(), row)),
                FoldOutcome::Delete => drop(table.remove(key)),
                FoldOutcome::Fail(error) => *errors.entry(Err(error)).or_default() += 1,
            }
        }
        result.push(table.values().map(|row| (Ok(row.clone()), 1)).chain(errors.clone()).collect());
    }
    result
}

fn check_fold(epochs: &[Vec<(FoldEvent, Diff)>]) {
    let expected = naive(epochs);
    for (workers, ahead) in [(1, 1), (2, 3), (3, 20)] {
        let output = run(workers, ahead, epochs, &[], |events, _| {
            let (rows, errors) =
                fold(events.inner.map(|(event, _, _): (FoldEvent, Time, Diff)| event), Letters, "letters", KeptState::none(0));
            rows.map(Ok).concat(errors.map(Err))
        });
        compare(&format!("fold, {workers} workers, {ahead} ahead"), &output, &expected);
    }
}

pub fn random_events(seed: u64, epochs: usize, events: u64, keys: u64) -> Vec<Vec<(FoldEvent, Diff)>> {
    let mut random = Random::new(seed);
    let mut offsets = [0_u64; 3];
    let mut appended = 0;
    let mut epoch = |_| {
        let mut events: Vec<_> = (0..random.below(events + 1))
            .map(|_| {
                appended += 1;
                // One key's events lie in several partitions.
                let partition = random.below(3) as u32;
                offsets[partition as usize] += 1;
                let order = LogOrder { appended, partition, offset: offsets[partition as usize] };
                let letter = b"abc-=!abcab"[random.below(11) as usize];
                ((int(random.below(keys) as i64), order, Row::from_bytes(&[letter])), 1)
            })
            .collect();
        // The order of arrival within an epoch must not matter.
        events.sort_by_key(|((_, order, _), _)| (order.appended as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        events
    };
    (0..epochs).map(&mut epoch).collect()
}

#[test]
fn events_are_folded_in_the_order_of_appending() {
    for seed in 1..6 {
        check_fold(&random_events(seed, 40, 30, 6));
    }
    // More keys than are folded together, more work than one activation does.
    check_fold(&random_events(9, 3, 60_000, 20_000));
}

#[test]
fn the_final_table_does_not_depend_on_the_slicing_into_epochs() {
    let epochs = random_events(3, 30, 20, 5);
    let at_once: Vec<Vec<_>> = vec![epochs.concat()];
    assert_eq!(naive(&epochs).last(), naive(&at_once).last());
    check_fold(&at_once);
}
