//! Computations of a small topology, with one worker and with several.

use std::collections::BTreeMap;

use epochs::disk::simulated::SimulatedDisk;
use language::load::{build, inline_beside};
use schemas::event::parse_line;
use schemas::position::{Offset, Partition, Timeline};
use sinks::views::{Views, ViewsDefinition};

use super::*;
use crate::event_limits::EventLimits;

/// Posts by author, and how many there are of each.
const STATEMENTS: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.author_id);
CREATE MATERIALIZED VIEW counts AS SELECT author_id, count(*) AS posts FROM posts GROUP BY author_id;
";
const WALL_MICROS: i64 = 1_704_067_200_000_000;

fn topology() -> Arc<Topology> {
    let files = inline_beside("posts.sql", STATEMENTS, &testkit::social::proto_files());
    Arc::new(build(&files).unwrap_or_else(|refused| panic!("{refused:?}")))
}

/// A computation from the beginning of everything; an epoch is owned by its number.
fn computation(workers: usize) -> Computation<u64> {
    let topology = topology();
    let views = Views::new(ViewsDefinition { timeline: Timeline(1), views: topology.views() });
    let begin = Resumption {
        states: Arc::new(KeptStates::of(&topology)),
        topology,
        missing: BTreeSet::new(),
        epoch: 0,
        restored: (0..workers).map(|_| Restored::new()).collect(),
        status: Arc::default(),
        quarantine: Arc::new(Quarantine::open(Arc::new(SimulatedDisk::new(0))).unwrap()),
        clock: Clock::System,
    };
    Computation::start(begin, |name| views.view(name)).unwrap()
}

/// Posts with these numbers, each in the partition of its number.
fn posts(source: &language::topology::Source, numbers: std::ops::Range<u64>) -> Records {
    let mut records = Records::new();
    let topics = [source.schema.clone()].into_iter().collect();
    for number in numbers {
        let author = number % 5;
        let line = format!(
            r#"{{"topic":"social.post","event":{{"event_id":"018cc251-f402-7000-8000-{number:012x}","event_type":"post.created","schema_version":1,"aggregate_id":"{number}","occurred_at":"2024-01-01T00:00:00Z","actor_id":"{author}","payload":{{"author_id":"{author}","text":"t","hashtags":[],"mentions":[],"media_ids":[],"video_id":null,"visibility":"public","reply_to":null}}}}}}"#
        );
        let incoming = parse_line(&topics, line.as_bytes(), WALL_MICROS)
            .unwrap_or_else(|refusal| panic!("{}", refusal.fault))
            .unwrap();
        let partition = Partition(number as u32 % source.partitions);
        let value = incoming.event.encode(source.encoding);
        let record = StoredRecord { partition, offset: Offset(number), timestamp: WALL_MICROS, key: Vec::new(), value };
        records.entry((Topic::new("social.post"), partition)).or_default().push(record);
    }
    records
}

fn send(computation: &mut Computation<u64>, epoch: u64, numbers: std::ops::Range<u64>) {
    let records = posts(&computation.topology.sources[0], numbers);
    computation.send(epoch, WALL_MICROS, records, Allowance::Once, |_| epoch);
}

/// Waits for the oldest epoch; what it changed, each row once.
fn finish(computation: &mut Computation<u64>) -> (u64, u64, BTreeMap<(IndexId, Row), Diff>) {
    loop {
        if let Some((owned, result)) = computation.take_finished() {
            assert_eq!(owned, result.epoch);
            let mut rows = BTreeMap::new();
            for (index, changes) in result.changes {
                changes.into_iter().for_each(|(row, diff)| *rows.entry((index, row)).or_default() += diff);
            }
            rows.retain(|_, diff| *diff != 0);
            return (owned, result.events, rows);
        }
        computation.receive(WAIT_MAX).unwrap();
    }
}

#[test]
fn epochs_leave_whole_and_in_their_order_with_any_number_of_workers() {
    let computed = |workers| {
        let mut computation = computation(workers);
        assert_eq!(computation.workers(), workers);
        send(&mut computation, 0, 0..0);
        send(&mut computation, 1, 0..40);
        let mut results = vec![finish(&mut computation)];
        send(&mut computation, 2, 40..100);
        assert_eq!(computation.in_flight().copied().collect::<Vec<_>>(), [1, 2]);
        results.extend([finish(&mut computation), finish(&mut computation)]);
        assert!(computation.is_idle());
        results
    };
    let alone = computed(1);
    let (epochs, events): (Vec<u64>, Vec<u64>) = alone.iter().map(|(epoch, events, _)| (*epoch, *events)).unzip();
    assert_eq!((epochs, events), (vec![0, 1, 2], vec![0, 40, 60]));
    assert_eq!((alone[0].2.len(), alone[1].2.len(), alone[2].2.len()), (0, 5, 10), "five counts, then each replaced");
    assert_eq!(computed(3), alone);
}

#[test]
fn a_computation_goes_on_for_another_owner() {
    let mut computation = computation(2);
    send(&mut computation, 0, 0..10);
    finish(&mut computation);
    let mut other: Computation<String> = computation.handed_over();
    let records = posts(&other.topology.sources[0], 10..20);
    other.send(1, WALL_MICROS, records, Allowance::Once, |_| "next".to_owned());
    while other.finished().is_none() {
        other.receive(WAIT_MAX).unwrap();
    }
    let (owned, result) = other.take_finished().unwrap();
    assert_eq!((owned.as_str(), result.epoch, result.events), ("next", 1, 10));
}

#[test]
#[should_panic(expected = "handed over while its workers have an epoch")]
fn an_epoch_keeps_its_owner() {
    let mut computation = computation(1);
    send(&mut computation, 0, 0..10);
    let _: Computation<()> = computation.handed_over();
}

#[test]
#[should_panic(expected = "epoch 3 is sent after epoch 4")]
fn epochs_are_sent_in_their_order() {
    let mut computation = computation(1);
    send(&mut computation, 4, 0..0);
    send(&mut computation, 3, 0..0);
}

/// Has epoch 0 exceed its budget.
fn exceed(computation: &Computation<u64>) {
    let budget = &computation.workers.budget;
    budget.limit(0, EventLimits { rows: 1, bytes: 1 });
    budget.meter("counts").count(0, 1 << 20);
    assert!(budget.exceeded().is_some(), "a meter tells of a row as large as that at once");
}

#[test]
fn a_panic_is_not_told_as_an_epoch_that_made_too_much() {
    let mut computation = computation(2);
    computation.workers.panic_policy.panicked(&"the cause");
    exceed(&computation);
    let failure = computation.receive(WAIT_MAX);
    assert!(matches!(&failure, Err(ComputeError::Panicked { detail }) if detail == "the cause"), "{failure:?}");
}

#[test]
fn an_epoch_that_made_too_much_is_not_told_as_a_panic() {
    let mut computation = computation(2);
    exceed(&computation);
    computation.workers.panic_policy.give_up();
    let failure = computation.receive(WAIT_MAX);
    assert!(matches!(&failure, Err(ComputeError::OverBudget(exceeded)) if exceeded.view == "counts"), "{failure:?}");
}
