//! Restarts: a dataflow that begins with the state of another one goes on as that one would have.

use std::collections::BTreeSet;

use differential_dataflow::{Data, ExchangeData};
use operators::Time;
use operators::fold::{FoldEvent, fold};
use operators::reduce::reduce;
use operators::state::StateChange;
use operators::temporal_filter::temporal_filter;
use operators::top_k::{TopKSpec, top_k};
use schemas::row::{Diff, Row};
use testkit::random::Random;
use timely::dataflow::operators::vec::Map;

use crate::harness::{Build, Contents, Entries, Kept, contents, int, ints, random_changes, run_kept};
use crate::{fold, reduce, temporal_filter};

/// Numbers of workers before and after a restart.
const WORKERS: [(usize, usize); 3] = [(1, 2), (2, 3), (3, 1)];

/// Percentage of faults that must be noticed: all, where every entry has its row in the output.
const ALL: usize = 100;
const MANY: usize = 60;
/// At least one of up to a hundred.
const ONE: usize = 1;

fn apply(entries: &mut Entries, reports: &[StateChange]) {
    for StateChange { key, value } in reports {
        match value {
            Some(value) => drop(entries.insert(key.clone(), value.clone())),
            None => drop(entries.remove(key)),
        }
    }
}

/// The state after each epoch.
fn states(mut entries: Entries, reports: &[Vec<StateChange>]) -> Vec<Entries> {
    let after = |reports: &Vec<StateChange>| {
        apply(&mut entries, reports);
        entries.clone()
    };
    reports.iter().map(after).collect()
}

/// An operator with its input.
struct Case<D, B> {
    name: String,
    epochs: Vec<Vec<(D, Diff)>>,
    clock: Vec<i64>,
    build: B,
}

impl<D: ExchangeData + Send + Sync, B> Case<D, B> {
    fn run<O: Data + Ord + Send>(&self, workers: usize, ahead: usize, restored: Option<(Time, &Entries)>) -> Kept<O>
    where
        B: Build<D, O>,
    {
        run_kept(workers, ahead, restored, &self.epochs, &self.clock, self.build.clone())
    }

    /// The first difference between going on from an epoch with these entries and never having stopped.
    fn difference<O>(&self, workers: usize, start: usize, entries: &Entries, expected: &[Contents<O>]) -> Option<String>
    where
        B: Build<D, O>,
        O: Data + Ord + Send,
    {
        let restarted = self.run(workers, 3, Some((start as Time, entries)));
        let output = contents(&restarted.changes);
        if let Some(early) = restarted.changes[..start].iter().flatten().next() {
            return Some(format!("{early:?} was given out before epoch {start}"));
        }
        let epoch = (start..expected.len()).find(|&epoch| output[epoch] != expected[epoch])?;
        Some(format!("epoch {epoch}: {:#?} instead of {:#?}", output[epoch], expected[epoch]))
    }

    /// Restarts after every epoch; returns the states and outputs of the run that never stopped.
    fn check<O>(&self) -> (Vec<Entries>, Vec<Contents<O>>)
    where
        B: Build<D, O>,
        O: Data + Ord + Send,
    {
        let whole: Kept<O> = self.run(1, 1, None);
        let (kept, expected) = (states(Entries::new(), &whole.reports), contents(&whole.changes));
        assert!(kept.iter().any(|entries| !entries.is_empty()), "{}: the test is to keep something", self.name);
        for (before, after) in WORKERS {
            let name = format!("{}, {before} and then {after} workers", self.name);
            let whole: Kept<O> = self.run(before, 2, None);
            assert!(states(Entries::new(), &whole.reports) == kept, "{name}: the state depends on the workers");
            for start in 0..self.epochs.len() {
                let difference = self.difference(after, start, &kept[start], &expected);
                assert!(difference.is_none(), "{name}, restart after epoch {start}: {}", difference.unwrap_or_default());
            }
        }
        self.check_reports::<O>(&kept);
        (kept, expected)
    }

    /// Checks that reports after a restart continue the state, and that restored entries are not reported.
    fn check_reports<O: Data + Ord + Send>(&self, kept: &[Entries])
    where
        B: Build<D, O>,
    {
        for (start, entries) in kept.iter().enumerate() {
            let restarted: Kept<O> = self.run(2, 1, Some((start as Time, entries)));
            assert_eq!(restarted.reports[..=start].concat(), [], "{}, restart after epoch {start}", self.name);
            let after = states(entries.clone(), &restarted.reports);
            assert!(after[start..] == kept[start..], "{}, restart after epoch {start}: another state", self.name);
        }
    }

    /// Returns the entries after an epoch: their number, and those whose loss changes the output.
    fn lost<O: Data + Ord + Send>(&self, start: usize, kept: &[Entries], expected: &[Contents<O>]) -> (usize, usize)
    where
        B: Build<D, O>,
    {
        let is_noticed = |key: &&Row| {
            let mut entries = kept[start].clone();
            entries.remove(*key);
            self.difference(2, start, &entries, expected).is_some()
        };
        (kept[start].len(), kept[start].keys().filter(is_noticed).count())
    }

    /// The same for entries as they were some epoch before.
    fn stale<O: Data + Ord + Send>(&self, start: usize, kept: &[Entries], expected: &[Contents<O>]) -> (usize, usize)
    where
        B: Build<D, O>,
    {
        let keys: BTreeSet<&Row> = kept[..=start].iter().flat_map(Entries::keys).collect();
        let (mut stale, mut noticed) = (0, 0);
        for key in keys {
            let now = kept[start].get(key);
            let Some(old) = kept[..start].iter().rev().filter_map(|entries| entries.get(key)).find(|old| Some(*old) != now)
            else {
                continue;
            };
            let mut entries = kept[start].clone();
            entries.insert(key.clone(), old.clone());
            stale += 1;
            noticed += usize::from(self.difference(2, start, &entries, expected).is_some());
        }
        (stale, noticed)
    }

    /// The same, and so many percent of the entries that are lost, or stale, must change the output.
    fn check_with_faults<O: Data + Ord + Send>(&self, start: usize, lost: usize, stale: usize)
    where
        B: Build<D, O>,
    {
        let (kept, expected) = self.check();
        let faults = [("lost", lost, self.lost(start, &kept, &expected)), ("stale", stale, self.stale(start, &kept, &expected))];
        for (what, percent, (all, noticed)) in faults {
            assert!(all > 0 && noticed * 100 >= all * percent, "{}: {noticed} of {all} {what} entries were noticed", self.name);
        }
    }
}

fn case<D: 'static, O: 'static, B: Build<D, O>>(
    name: String,
    epochs: Vec<Vec<(D, Diff)>>,
    clock: Vec<i64>,
    build: B,
) -> Case<D, B> {
    Case { name, epochs, clock, build }
}

fn table(seed: u64, epochs: Vec<Vec<(FoldEvent, Diff)>>) -> Case<FoldEvent, impl Build<FoldEvent, Row>> {
    case(format!("fold {seed}"), epochs, vec![], |events, _, state| {
        fold(events.inner.map(|(event, _, _)| event), fold::Letters, "letters", state).0
    })
}

#[test]
fn a_table_goes_on_after_a_restart() {
    for seed in 1..3 {
        table(seed, fold::random_events(seed, 16, 12, 6)).check_with_faults(9, ALL, ALL);
    }
}

#[test]
fn more_rows_than_one_activation_gives_out_are_restored() {
    let case = table(9, fold::random_events(9, 3, 90_000, 40_000));
    let whole = case.run(2, 1, None);
    let (kept, expected) = (states(Entries::new(), &whole.reports), contents(&whole.changes));
    assert!(kept[1].len() > 10_000, "the test is to restore more than one activation does");
    assert_eq!(case.difference(1, 1, &kept[1], &expected), None);
}

fn groups(seed: u64, retract: u64, global: bool) -> Case<(Row, Row), impl Build<(Row, Row), reduce::Output>> {
    let mut epochs = random_changes(&mut Random::new(seed), 14, 8, retract, reduce::keyed_row(global));
    // Of nothing there is a row before anything came: the first epoch is empty, or else its rows cancel.
    if retract == 0 {
        epochs.insert(0, Vec::new());
    }
    let spec = reduce::spec(reduce::aggregates(), global, retract == 0);
    case(format!("reduce {seed}, global {global}, {retract}% retracted"), epochs, vec![], move |rows, _, state| {
        let (rows, errors) = reduce(rows, spec.clone(), state);
        rows.map(Ok).concat(errors.map(Err))
    })
}

#[test]
fn groups_go_on_after_a_restart() {
    for (seed, retract) in [(1, 0), (2, 45)] {
        groups(seed, retract, false).check_with_faults(9, ALL, ALL);
    }
}

#[test]
fn one_group_of_everything_goes_on_after_a_restart() {
    for (seed, retract) in [(4, 0), (5, 45)] {
        groups(seed, retract, true).check_with_faults(9, ALL, ALL);
    }
}

#[test]
fn the_state_does_not_depend_on_the_slicing_into_epochs() {
    for retract in [0, 40] {
        let mut case = groups(7, retract, false);
        let end = |kept: Kept<reduce::Output>| states(Entries::new(), &kept.reports).pop();
        let sliced = end(case.run(1, 1, None));
        case.epochs = vec![case.epochs.into_iter().rev().flatten().collect()];
        assert!(sliced.as_ref().is_some_and(|entries| !entries.is_empty()));
        assert_eq!(end(case.run(1, 1, None)), sliced);
    }
}

#[test]
fn rows_within_time_go_on_after_a_restart() {
    for seed in 1..4 {
        let mut random = Random::new(seed);
        let mut epochs = random_changes(&mut random, 16, 6, 35, temporal_filter::row);
        epochs.extend(vec![Vec::new(); 8]);
        let mut now = 0;
        // Now and then the clock jumps over rows that never appear.
        let clock: Vec<i64> = epochs
            .iter()
            .map(|_| {
                now += random.below(14) as i64;
                now
            })
            .collect();
        let case = case(format!("temporal filter {seed}"), epochs, clock, |rows, clock, state| {
            temporal_filter(rows, clock, temporal_filter::bounds, state)
        });
        // Rows that were still to come at the end are missed by nobody.
        case.check_with_faults(8, MANY, MANY);
    }
}

#[test]
fn a_row_that_is_over_is_not_held() {
    let row = |from, until| ints(&[from, until]);
    // One has appeared, one is passed over by the clock, one is still to come.
    let epochs = vec![vec![(row(0, 8), 1), (row(5, 8), 1), (row(15, 18), 1)], vec![], vec![]];
    let case = case("over".into(), epochs, vec![0, 10, 20], |rows, clock, state| {
        temporal_filter(rows, clock, temporal_filter::bounds, state)
    });
    let (kept, _) = case.check();
    assert_eq!(kept.iter().map(Entries::len).collect::<Vec<_>>(), [3, 1, 0]);
}

#[test]
fn ranks_go_on_after_a_restart() {
    for (seed, limit, offset, rank) in [(1, 3, 0, false), (2, 1, 0, true), (3, 4, 2, false), (4, 50, 1, true)] {
        for retract in [0, 45] {
            let spec = TopKSpec { limit, offset, rank, append_only: retract == 0 };
            let row =
                |random: &mut Random| (int(random.below(3) as i64), ints(&[random.below(12) as i64, random.below(2) as i64]));
            let epochs = random_changes(&mut Random::new(seed), 14, 8, retract, row);
            let case = case(format!("{spec:?}"), epochs, vec![], move |rows, _, state| top_k(rows, spec, state));
            // Rows behind the last place are missed only when those before them go; where none goes, a row too many falls out again.
            let some = if limit > 12 { MANY } else { ONE };
            // Of a single place it does not matter how often its row is there.
            let stale = if spec.append_only || limit == 1 { 0 } else { some };
            case.check_with_faults(8, some, stale);
        }
    }
}

#[test]
fn a_row_that_is_owed_is_still_owed_after_a_restart() {
    let spec = TopKSpec { limit: 1, offset: 0, rank: false, append_only: false };
    let row = |value| (int(1), int(value));
    let epochs =
        vec![vec![(row(1), -1), (row(2), 1)], vec![(row(3), 1)], vec![(row(1), 1)], vec![(row(1), 1)], vec![(row(1), -1)]];
    case("owed".into(), epochs, vec![], move |rows, _, state| top_k(rows, spec, state)).check();
}
