//! Runs a dataflow over epochs of changes and returns what its output was after each of them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::mpsc;
use testkit::random::Random;

use differential_dataflow::{Data, ExchangeData, VecCollection};
use operators::Time;
use operators::state::{KeptState, StateChange, state_owner};
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};
use timely::dataflow::operators::vec::Input as _;
use timely::dataflow::operators::{Inspect, Probe};
use timely::dataflow::{ProbeHandle, StreamVec};

/// Rows and how often they are there.
pub type Contents<D> = BTreeMap<D, Diff>;

/// Random changes in epochs: never more is retracted than is there. With `retract` at zero nothing is. Otherwise the first epoch, and now
/// and then another, has rows that come and go in it: together they change nothing.
pub fn random_changes<D: Data + Ord>(
    random: &mut Random,
    epochs: usize,
    changes: u64,
    retract: u64,
    mut row: impl FnMut(&mut Random) -> D,
) -> Vec<Vec<(D, Diff)>> {
    let mut present: Vec<D> = Vec::new();
    let epoch = |number| {
        let mut made = Vec::new();
        if retract > 0 && (number == 0 || random.chance(20)) {
            for _ in 0..=random.below(3) {
                let passing = row(random);
                made.extend([(passing.clone(), 1), (passing, -1)]);
            }
        }
        let changes = if number == 0 && retract > 0 { 0 } else { changes };
        for _ in 0..random.below(changes + 1) {
            if !present.is_empty() && random.chance(retract) {
                let gone = present.swap_remove(random.below(present.len() as u64) as usize);
                made.push((gone, -1));
                if random.chance(50) {
                    continue;
                }
            }
            let new = row(random);
            let times = if random.chance(15) { 2 } else { 1 };
            present.extend(vec![new.clone(); times]);
            made.push((new, times as Diff));
        }
        made
    };
    (0..epochs).map(epoch).collect()
}

/// Returns the rows that are there after each epoch.
pub fn contents<D: Clone + Ord>(epochs: &[Vec<(D, Diff)>]) -> Vec<Contents<D>> {
    let mut now = Contents::new();
    let after = |changes: &Vec<(D, Diff)>| {
        changes.iter().for_each(|(row, diff)| *now.entry(row.clone()).or_default() += diff);
        now.retain(|_, diff| *diff != 0);
        now.clone()
    };
    epochs.iter().map(after).collect()
}

/// Runs the dataflow on so many workers, handing in at most `ahead` epochs before it has to be done with them.
pub fn run<D, O>(
    workers: usize,
    ahead: usize,
    epochs: &[Vec<(D, Diff)>],
    clock: &[i64],
    build: impl for<'s> Fn(VecCollection<'s, Time, D, Diff>, StreamVec<'s, Time, i64>) -> VecCollection<'s, Time, O, Diff>
    + Clone
    + Send
    + Sync
    + 'static,
) -> Vec<Contents<O>>
where
    D: ExchangeData + Send + Sync,
    O: Data + Ord + Send,
{
    contents(&run_kept(workers, ahead, None, epochs, clock, move |rows, clock, _| build(rows, clock)).changes)
}

/// The entries of a kept state.
pub type Entries = BTreeMap<Row, Row>;

/// Output of a dataflow whose state is kept.
pub struct Kept<O> {
    /// the output of each epoch
    pub changes: Vec<Vec<(O, Diff)>>,
    /// reports of each epoch, in order
    pub reports: Vec<Vec<StateChange>>,
}

/// A dataflow with an input of rows and a clock, which begins with a state.
pub trait Build<D: 'static, O: 'static>:
    for<'s> Fn(VecCollection<'s, Time, D, Diff>, StreamVec<'s, Time, i64>, KeptState) -> VecCollection<'s, Time, O, Diff>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<D: 'static, O: 'static, F> Build<D, O> for F where
    F: for<'s> Fn(VecCollection<'s, Time, D, Diff>, StreamVec<'s, Time, i64>, KeptState) -> VecCollection<'s, Time, O, Diff>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// The same; with `restored`, the dataflow begins at that epoch with that state, and only later epochs are handed in.
pub fn run_kept<D, O>(
    workers: usize,
    ahead: usize,
    restored: Option<(Time, &Entries)>,
    epochs: &[Vec<(D, Diff)>],
    clock: &[i64],
    build: impl Build<D, O>,
) -> Kept<O>
where
    D: ExchangeData + Send + Sync,
    O: Data + Ord + Send,
{
    let (sender, receiver) = mpsc::channel::<(O, Time, Diff)>();
    let (reporter, reported) = mpsc::channel::<(Time, StateChange)>();
    let (given, ticks, count) = (epochs.to_vec(), clock.to_vec(), epochs.len());
    let (start, first) = restored.map_or((0, 0), |(start, _)| (start, start + 1));
    let entries: Vec<(Row, Row)> = restored.into_iter().flat_map(|(_, entries)| entries.clone()).collect();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        use differential_dataflow::input::Input as _;
        let (sender, reporter, probe) = (sender.clone(), reporter.clone(), ProbeHandle::new());
        let (index, peers) = (worker.index() as u64, worker.peers() as u64);
        let mine = entries.iter().filter(|(key, _)| state_owner(key.as_bytes()) % peers == index).cloned().collect();
        let state = KeptState::new(start, mine, move |time, change| reporter.send((time, change)).unwrap());
        let (mut rows, mut clock) = worker.dataflow::<Time, _, _>(|scope| {
            let (rows, collection) = scope.new_collection();
            let (clock, stream) = scope.new_input();
            let output = build(collection, stream, state).inner.inspect(move |change| sender.send(change.clone()).unwrap());
            output.probe_with(&probe);
            (rows, clock)
        });
        rows.advance_to(first);
        rows.flush();
        clock.advance_to(first);
        for (epoch, changes) in given.iter().enumerate().skip(first as usize) {
            let mine = changes.iter().skip(worker.index()).step_by(worker.peers());
            mine.for_each(|(row, diff)| rows.update(row.clone(), *diff));
            ticks.get(epoch).into_iter().for_each(|micros| clock.send(*micros));
            let next = epoch as Time + 1;
            rows.advance_to(next);
            rows.flush();
            clock.advance_to(next);
            if next.is_multiple_of(ahead as Time) {
                worker.step_while(|| probe.less_than(&next));
            }
        }
    })
    .unwrap();
    guards.join().into_iter().for_each(|result| result.unwrap());
    let (mut changes, mut reports) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    receiver.into_iter().for_each(|(row, time, diff)| changes[time as usize].push((row, diff)));
    reported.into_iter().for_each(|(time, change)| reports[time as usize].push(change));
    Kept { changes, reports }
}

/// Compares the dataflow with the naive recomputation after each epoch, for several numbers of workers and slicings.
pub fn check<D, O>(
    name: &str,
    epochs: &[Vec<(D, Diff)>],
    build: impl for<'s> Fn(VecCollection<'s, Time, D, Diff>) -> VecCollection<'s, Time, O, Diff> + Clone + Send + Sync + 'static,
    naive: impl Fn(&Contents<D>) -> Contents<O>,
) where
    D: ExchangeData + Send + Sync,
    O: Data + Ord + Send,
{
    let expected: Vec<_> = contents(epochs).iter().map(naive).collect();
    for (workers, ahead) in [(1, 1), (2, 3), (3, 20)] {
        let build = build.clone();
        let output = run(workers, ahead, epochs, &[], move |rows, _| build(rows));
        compare(&format!("{name}, {workers} workers, {ahead} ahead"), &output, &expected);
    }
}

/// Panics at the first epoch whose contents differ.
pub fn compare<O: Debug + PartialEq>(name: &str, output: &[Contents<O>], expected: &[Contents<O>]) {
    assert_eq!(output.len(), expected.len());
    for (epoch, (output, expected)) in output.iter().zip(expected).enumerate() {
        assert!(output == expected, "{name}: epoch {epoch}\n got {output:#?}\n instead of {expected:#?}");
    }
}

pub fn field(kind: &FieldKind, value: &Value<'_>) -> Row {
    let mut row = Row::empty();
    kind.write(value, &mut row);
    row
}

pub fn int(value: i64) -> Row {
    field(&FieldKind::Int64, &Value::Int(value))
}

pub fn ints(values: &[i64]) -> Row {
    values.iter().fold(Row::empty(), |row, value| Row::concat(row.as_bytes(), int(*value).as_bytes()))
}

pub fn timestamp(micros: i64) -> Row {
    field(&FieldKind::Timestamp, &Value::Timestamp(micros))
}
