//! Section n: the cost of a value in an exact sum of DOUBLE PRECISION, in proportion to one of BIGINT in the same run.
//!
//! The operator alone, over the same groups: every value comes, then every one is taken back and another one comes, as when rows are
//! updated.

use std::io;

use differential_dataflow::input::{Input as _, InputSession};
use operators::Time;
use operators::reduce::{AggregateSpec, ReduceSpec, reduce};
use operators::state::KeptState;
use schemas::aggregate::AggregateKind;
use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::Probe as _;
use timely::worker::Worker;

use crate::Failure;
use crate::lines::Random;
use crate::processor::this_thread;
use crate::table::{Figure, Goal};

const GROUPS: u64 = 10_000;
const VALUES: u64 = 500_000;
const EPOCH: usize = 10_000;
const ROUNDS: usize = 3;

/// Sums both, in turns; the best round of each counts.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let integers = |number: u64| Value::Int(number as i64);
    let floats = |number: u64| Value::Float(number as f64 / 100.0);
    let integer = (FieldKind::Int64, AggregateKind::Sum { output: FieldKind::Int64 });
    let float = (FieldKind::Float64, AggregateKind::FloatSum);
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        best[0] = best[0].min(seconds(&integer, integers)?);
        best[1] = best[1].min(seconds(&float, floats)?);
    }
    let [integers, floats] = best.map(|seconds| seconds * 1e9 / (VALUES * 3) as f64);
    let figure = |what: &str, value: f64, unit: &'static str| Figure {
        section: 'n',
        what: what.to_owned(),
        value,
        unit,
        goal: Goal::None,
    };
    Ok(vec![
        figure("a value in or out of a sum of BIGINT", integers, "ns of CPU"),
        figure("a value in or out of an exact sum of DOUBLE PRECISION", floats, "ns of CPU"),
        figure("DOUBLE PRECISION in proportion to BIGINT", floats / integers, ""),
    ])
}

/// Seconds of processor time for all values to come, go and be replaced.
fn seconds((kind, aggregate): &(FieldKind, AggregateKind), value: impl Fn(u64) -> Value<'static>) -> Result<f64, Failure> {
    let spec = ReduceSpec {
        key_kinds: vec![FieldKind::Int64],
        value_kinds: vec![kind.clone()],
        aggregates: vec![AggregateSpec { kind: aggregate.clone(), input: vec![0], filter: None, expression: "sum".into() }],
        global: false,
        append_only: false,
        relation: "sums".into(),
    };
    let row = |kind: &FieldKind, value: Value<'static>| {
        let mut row = Row::empty();
        kind.write(&value, &mut row);
        row
    };
    let mut groups = Random::new(1);
    // Which group a value belongs to does not change with it.
    let groups: Vec<Row> = (0..VALUES).map(|_| row(&FieldKind::Int64, Value::Int(groups.below(GROUPS) as i64))).collect();
    let mut random = Random::new(2);
    let mut keyed = |group: &Row| (group.clone(), row(kind, value(random.below(1_000_000))));
    let old: Vec<(Row, Row)> = groups.iter().map(&mut keyed).collect();
    let new: Vec<(Row, Row)> = groups.iter().map(&mut keyed).collect();
    let seconds: io::Result<f64> = timely::execute_directly(move |worker| {
        let probe = ProbeHandle::new();
        let mut input = worker.dataflow::<Time, _, _>(|scope| {
            let (input, rows) = scope.new_collection();
            let (sums, _errors) = reduce(rows, spec, KeptState::none(0));
            sums.inner.probe_with(&probe);
            input
        });
        let before = this_thread()?;
        for (place, row) in old.iter().enumerate() {
            input.update(row.clone(), 1);
            finish_epoch(worker, &mut input, &probe, place);
        }
        for (place, (old, new)) in old.into_iter().zip(new).enumerate() {
            input.update(old, -1);
            input.update(new, 1);
            finish_epoch(worker, &mut input, &probe, place);
        }
        Ok(this_thread()? - before)
    });
    Ok(seconds?)
}

/// Ends the epoch behind every so many rows.
fn finish_epoch(worker: &mut Worker, input: &mut InputSession<Time, (Row, Row), Diff>, probe: &ProbeHandle<Time>, place: usize) {
    if (place + 1).is_multiple_of(EPOCH) {
        input.advance_to(input.time() + 1);
        input.flush();
        worker.step_while(|| probe.less_than(input.time()));
    }
}
