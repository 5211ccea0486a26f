//! What becomes of lines, against logs in memory and on disk.

use sources::embedded::EmbeddedLog;
use sources::memory::MemoryLog;

use super::*;
use crate::world::{World, WorldOptions};

const FORMAT: TopicFormat = TopicFormat { partitions: 3, encoding: Encoding::Protobuf };

fn open(log: &Arc<dyn Log>) -> LogIngest {
    LogIngest::open(Arc::clone(log), MemoryLimit::new(None), |_| FORMAT).unwrap()
}

fn memory() -> Arc<dyn Log> {
    Arc::new(MemoryLog::new())
}

/// A registration; its event id ends in `number`.
fn user(number: u64) -> Vec<u8> {
    format!(
        "{{\"topic\":\"social.user\",\"event\":{{\"event_id\":\"018cc251-f402-7000-8002-{number:012}\",\"event_type\":\"user.registered\",\
         \"schema_version\":1,\"aggregate_id\":\"{number}\",\"occurred_at\":\"2024-01-01T00:00:00.002000Z\",\"actor_id\":\"{number}\",\
         \"payload\":{{\"username\":\"u\",\"email\":\"u@example.invalid\",\"display_name\":\"U\",\"bio\":\"\"}}}}}}"
    )
    .into_bytes()
}

fn records(log: &Arc<dyn Log>, topic: &str) -> Vec<sources::log::StoredRecord> {
    let topic = Topic::new(topic);
    let metadata = log.topics().unwrap().into_iter().find(|metadata| metadata.topic == topic).unwrap();
    let read = |partition| log.read(&topic, Partition(partition), Offset(0), 1_000_000, 1 << 30).unwrap();
    (0..metadata.partitions).flat_map(read).collect()
}

#[test]
fn each_line_has_its_outcome_and_only_new_events_are_appended() {
    let log = memory();
    let ingest = open(&log);
    let lines = vec![user(1), b"  ".to_vec(), user(2), b"{\"topic\":1}".to_vec(), user(1)];
    let outcomes = ingest.append(lines).unwrap();
    let LineOutcome::Accepted(first) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(matches!(outcomes[1], LineOutcome::Empty));
    assert!(matches!(outcomes[2], LineOutcome::Accepted(_)));
    assert!(matches!(outcomes[3], LineOutcome::Rejected(_)));
    assert_eq!(outcomes[4], LineOutcome::Duplicate(Some(first.clone())), "the second line with an id in one request");
    assert_eq!(ingest.append(vec![user(1)]).unwrap(), [LineOutcome::Duplicate(Some(first.clone()))], "in a later request");
    assert_eq!(records(&log, "social.user").len(), 2);
    assert_eq!(ingest.events(), 2);
}

#[test]
fn a_rejected_line_is_kept_with_its_reason_and_the_beginning_of_its_bytes() {
    let log = memory();
    let ingest = open(&log);
    let mut large = user(1);
    large.resize(3 * 1024 * 1024, b' ');
    large.push(b'x');
    for line in [b"{\"topic\":\"social.nonsense\",\"event\":{}}".to_vec(), b"\xff\xfe".to_vec(), large.clone()] {
        assert!(matches!(ingest.append(vec![line]).unwrap()[..], [LineOutcome::Rejected(_)]));
    }
    let letters: Vec<DeadLetter> =
        records(&log, DEAD_LETTER_TOPIC).iter().map(|record| serde_json::from_slice(&record.value).unwrap()).collect();
    assert_eq!(letters[0].fault.reason.as_str(), "unknown_topic");
    assert_eq!(letters[0].sent_to.as_deref(), Some("social.nonsense"));
    assert_eq!(letters[1].bytes, b"\xff\xfe", "bytes that are no text are kept as they are");
    assert_eq!(letters[2].fault.reason.as_str(), "too_large");
    assert_eq!((letters[2].bytes.len(), letters[2].length), (DEAD_LETTER_BYTES_MAX, large.len() as u64));
    assert!(records(&log, "social.user").is_empty());
}

#[test]
fn an_event_is_a_duplicate_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let accepted = {
        let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(directory.path()).unwrap());
        open(&log).append((1..=50).map(user).collect()).unwrap()
    };
    let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(directory.path()).unwrap());
    let again = open(&log).append((1..=51).map(user).collect()).unwrap();
    for (before, after) in accepted.into_iter().zip(&again) {
        let LineOutcome::Accepted(place) = before else { panic!("{before:?}") };
        assert_eq!(after, &LineOutcome::Duplicate(Some(place)));
    }
    assert!(matches!(again[50], LineOutcome::Accepted(_)));
}

#[test]
fn a_generated_world_is_accepted_but_for_its_duplicates_and_in_order_within_each_aggregate() {
    let log = memory();
    let ingest = open(&log);
    let mut world = World::new(WorldOptions::default());
    let lines: Vec<String> = world.history().collect();
    let events = world.events();
    let mut duplicates = 0;
    for batch in lines.chunks(500) {
        for outcome in ingest.append(batch.iter().map(|line| line.clone().into_bytes()).collect()).unwrap() {
            match outcome {
                LineOutcome::Accepted(_) => {}
                LineOutcome::Duplicate(_) => duplicates += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(ingest.events(), events);
    assert_eq!(duplicates, lines.len() as u64 - events);
    for schema in catalogue().topics() {
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        let mut decoder = EventDecoder::new(schema, Encoding::Protobuf, &[]);
        for record in records(&log, &schema.topic) {
            let batch = decoder.decode([(record.partition, record.offset, record.timestamp, record.value.as_slice())]);
            assert_eq!(batch.faults, []);
            let before = last.insert(record.key, batch.occurred_at[0]);
            assert!(before.is_none_or(|before| before < batch.occurred_at[0]), "{} is out of order", schema.topic);
        }
    }
}

#[test]
fn the_topics_are_those_of_the_catalogue_with_their_bounds() {
    let log = memory();
    let ingest = open(&log);
    ingest.append((1..=10).map(user).collect()).unwrap();
    let topics = ingest.topics().unwrap();
    assert_eq!(topics.len(), catalogue().topics().len(), "dead letters are no topic to send to");
    let users = topics.iter().find(|topic| topic.name.as_str() == "social.user").unwrap();
    assert_eq!(users.partitions.len(), 3);
    assert_eq!(users.partitions.iter().map(|(_, end)| end.0).sum::<u64>(), 10);
}
