//! Figures, not checks: `cargo test --release -p operators --test operators speed -- --ignored --nocapture --test-threads 1`.
//!
//! Rates are per second of this thread's processor time, so that they hold on a busy machine too.

use differential_dataflow::input::{Input, InputSession};
use operators::arrange::arrange;
use operators::join::join;
use operators::reduce::{AggregateSpec, ReduceSpec, reduce};
use operators::state::KeptState;
use operators::top_k::{TopKSpec, top_k};
use operators::{Rows, Time};
use schemas::aggregate::AggregateKind;
use schemas::field::FieldKind;
use schemas::row::{Diff, Row};
use std::cell::Cell;
use std::rc::Rc;
use testkit::random::Random;
use timely::dataflow::ProbeHandle;
use timely::worker::Worker;

use crate::harness::{int, ints};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USERS: u64 = 100_000;
const FOLLOWS: u64 = 3_000_000;
const LOAD_EPOCHS: u64 = 50;
const POSTS_PER_EPOCH: u64 = 2_000;
const POST_EPOCHS: u64 = 40;
const LIKES: u64 = 4_000_000;
const LIKED_POSTS: u64 = 500_000;
const LIKE_EPOCHS: u64 = 80;

type Pairs = InputSession<Time, (Row, Row), Diff>;

fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4_096.0
}

fn counted<'s>(rows: Rows<'s>) -> (Rows<'s>, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let counter = count.clone();
    let rows = rows.inspect_container(move |event| {
        if let Ok((_, rows)) = event {
            counter.set(counter.get() + rows.len());
        }
    });
    (rows, count)
}

fn advance(worker: &mut Worker, inputs: &mut [&mut Pairs], probe: &ProbeHandle<Time>) {
    let next = *inputs[0].time() + 1;
    for input in inputs {
        input.advance_to(next);
        input.flush();
    }
    worker.step_while(|| probe.less_than(&next));
}

/// Users who are followed more often than others.
fn skewed(random: &mut Random, end: u64) -> i64 {
    (random.below(end) * random.below(end) / end) as i64
}

/// Follows joined with posts; `finish` is what the feed goes through.
fn feed(name: &'static str, finish: impl for<'s> Fn(Rows<'s>) -> Rows<'s> + Send + Sync + 'static) {
    timely::execute_directly(move |worker| {
        let probe = ProbeHandle::new();
        let (mut follows, mut posts, made) = worker.dataflow::<Time, _, _>(|scope| {
            let (follows, followers) = scope.new_collection();
            let (posts, authors) = scope.new_collection();
            let joined = join(arrange(followers, "follows"), arrange(authors, "posts"), |author, follower, post, _, out| {
                let mut row = Row::concat(follower, post);
                row.extend(author);
                out.push(row);
            });
            let (joined, made) = counted(joined);
            finish(joined).probe_with(&probe);
            (follows, posts, made)
        });
        let mut random = Random::new(1);
        let (before, memory) = (processor_seconds(), resident_bytes());
        for _ in 0..LOAD_EPOCHS {
            for _ in 0..FOLLOWS / LOAD_EPOCHS {
                follows.update((int(skewed(&mut random, USERS)), int(random.below(USERS) as i64)), 1);
            }
            advance(worker, &mut [&mut follows, &mut posts], &probe);
        }
        let rate = FOLLOWS as f64 / (processor_seconds() - before) / 1e6;
        println!("{name}: {rate:.2} M follows loaded per second, {:.0} bytes each", (resident_bytes() - memory) / FOLLOWS as f64);
        let (before, memory) = (processor_seconds(), resident_bytes());
        for epoch in 0..POST_EPOCHS {
            for post in 0..POSTS_PER_EPOCH {
                let row = ints(&[-(epoch as i64), (epoch * POSTS_PER_EPOCH + post) as i64]);
                posts.update((int(random.below(USERS) as i64), row), 1);
            }
            advance(worker, &mut [&mut follows, &mut posts], &probe);
        }
        let (made, seconds) = (made.get() as f64, processor_seconds() - before);
        println!(
            "{name}: {:.2} M joined rows per second, {:.0} bytes each",
            made / seconds / 1e6,
            (resident_bytes() - memory) / made
        );
    });
}

#[test]
#[ignore = "prints figures"]
fn speed_of_joins() {
    feed("join", |rows| rows);
    feed("join, arranged", |rows| arrange(rows.map(split_reader), "feed").as_collection(|key, row| Row::concat(key.0, row.0)));
    feed("join, top 200", |rows| {
        let spec = TopKSpec { limit: 200, offset: 0, rank: false, append_only: false };
        top_k(rows.map(split_reader), spec, KeptState::none(0)).map(|(_, row)| row)
    });
    feed("join, top 200, append-only", |rows| {
        let spec = TopKSpec { limit: 200, offset: 0, rank: false, append_only: true };
        top_k(rows.map(split_reader), spec, KeptState::none(0)).map(|(_, row)| row)
    });
}

fn split_reader(row: Row) -> (Row, Row) {
    let (reader, rest) = row.as_bytes().split_at(9);
    (Row::from_bytes(reader), Row::from_bytes(rest))
}

fn count_of(kind: AggregateKind, input: Vec<usize>) -> ReduceSpec {
    ReduceSpec {
        key_kinds: vec![FieldKind::Int64],
        value_kinds: vec![FieldKind::Int64, FieldKind::Timestamp],
        aggregates: vec![AggregateSpec { kind, input, filter: None, expression: "aggregate".into() }],
        global: false,
        append_only: false,
        relation: "likes".into(),
    }
}

fn likes(name: &'static str, spec: ReduceSpec) {
    timely::execute_directly(move |worker| {
        let probe = ProbeHandle::new();
        let mut likes = worker.dataflow::<Time, _, _>(|scope| {
            let (likes, rows) = scope.new_collection();
            reduce(rows, spec, KeptState::none(0)).0.probe_with(&probe);
            likes
        });
        let mut random = Random::new(1);
        let (before, memory) = (processor_seconds(), resident_bytes());
        for epoch in 0..LIKE_EPOCHS {
            for _ in 0..LIKES / LIKE_EPOCHS {
                let mut value = int(1);
                value.extend(crate::harness::timestamp(1_700_000_000_000_000 + epoch as i64 * 1_000_000).as_bytes());
                likes.update((int(skewed(&mut random, LIKED_POSTS)), value), 1);
            }
            advance(worker, &mut [&mut likes], &probe);
        }
        let (rate, bytes) = (LIKES as f64 / (processor_seconds() - before) / 1e6, resident_bytes() - memory);
        println!("{name}: {rate:.2} M rows per second, {:.0} bytes per group", bytes / LIKED_POSTS as f64);
    });
}

#[test]
#[ignore = "prints figures"]
fn speed_of_reductions() {
    likes("count", count_of(AggregateKind::CountAll, vec![]));
    likes("sum", count_of(AggregateKind::Sum { output: FieldKind::Int64 }, vec![0]));
    likes("max", count_of(AggregateKind::Max, vec![1]));
    likes("decayed sum", count_of(AggregateKind::DecayedSum { half_life_micros: 3_600_000_000 }, vec![0, 1]));
}
