//! Tables made of events.

use std::collections::BTreeMap;

use operators::Time;
use operators::fold::{FoldEvent, FoldFault, FoldLogic, FoldOutcome, FoldStep, LogOrder, RefusedEvent, fold};
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
        (b'?', _) => FoldOutcome::Refuse(format!("{key:?} has {current:?}")),
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

type Output = Result<Row, FoldFault>;

/// Applies each epoch's events one by one, in the order of appending.
fn naive(epochs: &[Vec<(FoldEvent, Diff)>]) -> Vec<Contents<Output>> {
    let mut table: BTreeMap<Row, Row> = BTreeMap::new();
    let mut errors: Contents<Output> = Contents::new();
    let mut result = Vec::new();
    for epoch in epochs {
        let mut events: Vec<&FoldEvent> = epoch.iter().map(|(event, _)| event).collect();
        events.sort_by_key(|(_, order, _)| (order.appended, order.statement, order.row));
        for (key, order, event) in events {
            match outcome(table.get(key).map(Row::as_bytes), key.as_bytes(), event.as_bytes()) {
                FoldOutcome::Keep => {}
                FoldOutcome::Put(row) => drop(table.insert(key.clone(), row)),
                FoldOutcome::Delete => drop(table.remove(key)),
                FoldOutcome::Fail(error) => *errors.entry(Err(FoldFault::Error(error))).or_default() += 1,
                FoldOutcome::Refuse(reason) => {
                    let refused = RefusedEvent { order: *order, reason };
                    *errors.entry(Err(FoldFault::Refused(refused))).or_default() += 1;
                }
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
        // All rows of an event belong to one epoch.
        let mut last: Option<LogOrder> = None;
        let mut events: Vec<_> = (0..random.below(events + 1))
            .map(|_| {
                // One event may be for several statements, and make several rows for each.
                let is_next = last.is_none_or(|_| random.below(4) > 0);
                appended += i64::from(is_next);
                // One key's events lie in several partitions.
                let partition = random.below(3) as u32;
                offsets[partition as usize] += 1;
                let order = match last.filter(|_| !is_next) {
                    None => LogOrder::at(appended, partition, offsets[partition as usize]),
                    Some(before) if random.below(2) == 0 => LogOrder { statement: before.statement + 1, row: 0, ..before },
                    Some(before) => LogOrder { row: before.row + 1, ..before },
                };
                last = Some(order);
                let letter = b"abc-=!abcab?"[random.below(12) as usize];
                ((int(random.below(keys) as i64), order, Row::from_bytes(&[letter])), 1)
            })
            .collect();
        // The order of arrival within an epoch must not matter.
        events.sort_by_key(|((_, order, _), _)| (order.appended as u64 + u64::from(order.row)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
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

/// Rows are the time at which they were made and a letter; they end 10 microseconds later. Some are there before the first event.
struct Ending;

const LIFE: i64 = 10;

fn made_at(row: &[u8]) -> i64 {
    i64::from_be_bytes(row[..8].try_into().expect("a time"))
}

fn ending(appended: i64, letter: u8) -> Row {
    let mut row = Row::from_bytes(&appended.to_be_bytes());
    row.extend(&[letter]);
    row
}

/// A row that has not ended keeps its letter and is made once more; one that has is a new one.
fn made(current: Option<&[u8]>, order: &LogOrder, event: &[u8]) -> Row {
    let found = current.filter(|row| made_at(row) + LIFE > order.clock);
    ending(order.appended, found.map_or(event[0], |row| row[8]))
}

fn first_rows() -> Vec<(Row, Row)> {
    (0..3).map(|key| (int(key), ending(key * 2, b'!'))).collect()
}

impl FoldLogic for Ending {
    fn apply(&mut self, steps: &[FoldStep<'_>], outcomes: &mut Vec<FoldOutcome>) {
        outcomes.extend(steps.iter().map(|step| match step.event {
            b"=" => FoldOutcome::Keep,
            event => FoldOutcome::Put(made(step.current, &step.order, event)),
        }));
    }

    fn initial(&mut self) -> Vec<(Row, Row)> {
        first_rows()
    }

    fn end(&self, row: &[u8]) -> Option<i64> {
        Some(made_at(row) + LIFE)
    }
}

/// Epochs that end with an event of every key that says nothing, all at one time, so that every worker with a row hears how late it is.
fn ticking_events(seed: u64, epochs: usize, keys: i64) -> Vec<Vec<(FoldEvent, Diff)>> {
    let mut random = Random::new(seed);
    let mut order = LogOrder::at(0, 0, 0);
    let mut next = || {
        order = LogOrder::at(order.appended + 1, 0, order.offset + 1);
        order
    };
    let mut epoch = |_| {
        let letters = (0..random.below(4)).map(|_| (random.below(keys as u64) as i64, b'a' + random.below(26) as u8));
        let letters: Vec<(i64, u8)> = letters.collect();
        let event = |key, order, letter| ((int(key), order, Row::from_bytes(&[letter])), 1);
        let mut events: Vec<_> = letters.into_iter().map(|(key, letter)| event(key, next(), letter)).collect();
        let says_nothing: Vec<(i64, LogOrder)> = (0..keys).map(|key| (key, next())).collect();
        let end = says_nothing.last().expect("there is a key").1.clock;
        events.extend(says_nothing.into_iter().map(|(key, order)| event(key, LogOrder { clock: end, ..order }, b'=')));
        events
    };
    (0..epochs).map(&mut epoch).collect()
}

fn naive_ending(epochs: &[Vec<(FoldEvent, Diff)>]) -> Vec<Contents<Row>> {
    let mut table: BTreeMap<Row, Row> = first_rows().into_iter().collect();
    let mut result = Vec::new();
    for epoch in epochs {
        let mut newest = 0;
        for ((key, order, event), _) in epoch {
            newest = order.clock;
            if event.as_bytes() != b"=" {
                let row = made(table.get(key).map(Row::as_bytes), order, event.as_bytes());
                table.insert(key.clone(), row);
            }
        }
        table.retain(|_, row| made_at(row.as_bytes()) + LIFE > newest);
        // Rows of two keys may be equal.
        let mut contents = Contents::new();
        table.values().for_each(|row| *contents.entry(row.clone()).or_default() += 1);
        result.push(contents);
    }
    result
}

#[test]
fn rows_are_there_before_the_first_event_and_end_where_no_event_finds_them() {
    for seed in 1..6 {
        let epochs = ticking_events(seed, 40, 4);
        let expected = naive_ending(&epochs);
        for (workers, ahead) in [(1, 1), (2, 3), (3, 20)] {
            let output = run(workers, ahead, &epochs, &[], |events, _| {
                let events = events.inner.map(|(event, _, _): (FoldEvent, Time, Diff)| event);
                fold(events, Ending, "ending", KeptState::none(0)).0
            });
            compare(&format!("rows that end, {workers} workers, {ahead} ahead"), &output, &expected);
        }
    }
}
