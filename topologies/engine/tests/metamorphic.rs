//! However events are cut into epochs, and on however many workers: the same rows, byte for byte, in every index of every view.
//!
//! The events are random ones of every type that the social network has, so a new event is in here without being mentioned.

use std::path::Path;
use std::sync::Arc;

use engine::run::Options;
use language::load::load;
use language::topology::Topology;
use schemas::row::Diff;
use schemas::testing::{enveloped_topics, social_topics};
use schemas::time::timestamp_text;
use schemas::topic::enveloped::{AggregateIdKind, EnvelopedTopic, EventFieldKind, EventSchema, FieldSchema};
use testkit::random::Random;

use crate::harness::{Deployment, Producer, START_MICROS, options};

const EVENTS: usize = 900;
/// Ids are small, so that events concern one another.
const IDS: usize = 9;
/// Between two events, so that windows of an hour and pauses of half an hour come about.
const STEP_MICROS: i64 = 20 * 1_000_000;
/// Mostly public: what only few may see is in few views.
const VISIBILITIES: [&str; 5] = ["public", "public", "public", "followers", "private"];
const TEXTS: [&str; 8] = ["", "a", "#tide rises", "Hello, World", "public", "größer 🎉", "direct", "like"];

#[test]
fn epochs_and_workers_change_no_row() {
    let topology =
        Arc::new(load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../social")).unwrap_or_else(|error| panic!("{error}")));
    for seed in [1, 2] {
        let lines = events(seed);
        let expected = rows(&topology, &lines, 1, 1_000);
        let filled = expected.iter().filter(|(_, rows)| !rows.is_empty()).count();
        assert!(
            filled * 10 >= expected.len() * 9,
            "only {filled} of {} indexes have rows: the events show too little",
            expected.len()
        );
        for (workers, epoch_records) in [(1, 1), (1, 7), (2, 7), (2, 1_000), (3, 1), (3, 100)] {
            let found = rows(&topology, &lines, workers, epoch_records);
            for ((name, expected), (_, found)) in expected.iter().zip(&found) {
                assert!(expected == found, "{}", difference(name, (workers, epoch_records), expected, found));
            }
        }
    }
}

/// Rows as they are stored, and how often each is there.
pub type StoredRows = Vec<(Vec<u8>, Diff)>;

/// All rows after all events, and what went wrong with them.
fn rows(topology: &Arc<Topology>, lines: &[String], workers: usize, epoch_records: usize) -> Vec<(String, StoredRows)> {
    let deployment = Deployment::replay(Arc::clone(topology), lines, Options { workers, epoch_records, ..options() });
    deployment.catch_up();
    let least = lines.len() / epoch_records.max(1);
    assert!(
        deployment.epochs() >= least as u64,
        "{} epochs of {epoch_records} records can't hold {} events",
        deployment.epochs(),
        lines.len()
    );
    everything(&deployment)
}

/// All rows of all indexes, and what went wrong with them.
pub fn everything(deployment: &Deployment) -> Vec<(String, StoredRows)> {
    let mut all = deployment.bytes();
    let errors = deployment.row_errors().into_iter().map(|(error, count)| (format!("{error:?}").into_bytes(), count)).collect();
    all.push(("row errors".to_owned(), errors));
    all
}

fn difference(name: &str, (workers, epoch_records): (usize, usize), expected: &StoredRows, found: &StoredRows) -> String {
    let missing = expected.iter().find(|row| !found.contains(row));
    let surplus = found.iter().find(|row| !expected.contains(row));
    format!(
        "{name} with {workers} workers and epochs of {epoch_records}: {} rows instead of {}; missing {missing:?}, too much {surplus:?}",
        found.len(),
        expected.len()
    )
}

/// Events that look random; some come twice.
pub fn events(seed: u64) -> Vec<String> {
    let topics = social_topics(testkit::social::proto_files());
    let topics = enveloped_topics(&topics);
    let mut random = Random::new(seed);
    let producer = Producer::with_step(STEP_MICROS);
    let mut lines: Vec<String> = Vec::with_capacity(EVENTS);
    while lines.len() < EVENTS {
        if !lines.is_empty() && random.one_in(30) {
            let again = random.pick(&lines).clone();
            lines.push(again);
            continue;
        }
        let topic = random.pick(&topics);
        let event = random.pick(&topic.events);
        // Things are made more often than they are taken away, or there would be nothing.
        let takes_away = ["deleted", "removed", "left", "revoked", "un"].iter().any(|word| event.name.contains(word));
        if takes_away && !random.one_in(4) {
            continue;
        }
        // Who has left takes everything along and never comes back.
        if event.event_type == "user.deleted" && !random.one_in(20) {
            continue;
        }
        lines.push(line(&mut random, &producer, topic, event));
    }
    lines
}

fn line(random: &mut Random, producer: &Producer, topic: &EnvelopedTopic, event: &EventSchema) -> String {
    let id = |random: &mut Random| (random.below(IDS) + 1).to_string();
    let aggregate_id = match topic.aggregate {
        AggregateIdKind::Id => id(random),
        AggregateIdKind::Text => format!("{}-{}", id(random), IDS + 1),
    };
    let fields: Vec<String> = event
        .fields
        .iter()
        .filter_map(|field| {
            let is_left_out = field.nullable && random.one_in(3);
            (!is_left_out).then(|| format!("\"{}\":{}", field.name, value(random, field, &aggregate_id)))
        })
        .collect();
    let actor_id = random.below(IDS) as u64 + 1;
    producer.event(&topic.topic, &event.event_type, &aggregate_id, actor_id, &format!("{{{}}}", fields.join(",")))
}

fn value(random: &mut Random, field: &FieldSchema, aggregate_id: &str) -> String {
    let id = |random: &mut Random| format!("\"{}\"", random.below(IDS) + 1);
    let text = |random: &mut Random| serde_json::to_string(random.pick(&TEXTS)).expect("a text is JSON");
    let list = |random: &mut Random, item: &dyn Fn(&mut Random) -> String| {
        let items: Vec<String> = (0..random.below(4)).map(|_| item(random)).collect();
        format!("[{}]", items.join(","))
    };
    if field.name == "visibility" {
        return format!("\"{}\"", random.pick(&VISIBILITIES));
    }
    match field.kind {
        EventFieldKind::Id if field.key => format!("\"{aggregate_id}\""),
        EventFieldKind::Id => id(random),
        EventFieldKind::Int => (random.below(2_000) as i64 - 500).to_string(),
        EventFieldKind::Float => format!("{}.125", random.below(100)),
        EventFieldKind::Boolean => random.one_in(2).to_string(),
        EventFieldKind::Text => text(random),
        EventFieldKind::Time => format!("\"{}\"", timestamp_text(START_MICROS + random.below(1_000_000) as i64)),
        EventFieldKind::Ids => list(random, &id),
        EventFieldKind::Texts => list(random, &text),
    }
}
