//! Derived topics, against a log that loses answers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use sinks::contract::SinkState;
use sources::error::Action;
use sources::log::{StoredRecord, TopicMetadata};
use sources::memory::MemoryLog;

use super::super::testing::{Following, Random, columns, template};
use super::*;

const TOPIC: &str = "derived.rows";

/// Failure of an append.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Refused,
    LostBefore,
    LostAfter,
}

/// A log whose next appends fail.
#[derive(Default)]
struct FaultyLog {
    log: MemoryLog,
    faults: Mutex<VecDeque<Option<Fault>>>,
}

impl Log for FaultyLog {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        self.log.create_topic(topic, partitions)
    }

    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        self.log.topics()
    }

    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError> {
        self.log.topic(topic)
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let lost = || LogError::Io { action: Action::Append, topic: topic.clone(), source: std::io::Error::other("lost") };
        match self.faults.lock().pop_front().flatten() {
            None => self.log.append(topic, records),
            Some(Fault::Refused) => {
                let (directory, topic) = ("/".into(), topic.clone());
                Err(LogError::NoSpace { action: Action::Append, topic, directory, free: 0, needed: 1 })
            }
            Some(Fault::LostBefore) => Err(lost()),
            Some(Fault::LostAfter) => self.log.append(topic, records).and(Err(lost())),
        }
    }

    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        records: usize,
        bytes: usize,
    ) -> Result<Vec<StoredRecord>, LogError> {
        self.log.read(topic, partition, from, records, bytes)
    }

    fn stable(&self) -> Result<i64, LogError> {
        self.log.stable()
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        self.log.bounds(topic, partition)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        self.log.offset_at(topic, partition, timestamp)
    }

    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError> {
        self.log.trim(topic, partition, before)
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.log.wait(seen, timeout)
    }
}

/// A run that follows into a topic of this log.
fn following(log: &Arc<FaultyLog>, content: Content) -> Following<LogSink> {
    let log = Arc::clone(log);
    Following::new(move || {
        let rows = RowReader::new(&columns());
        let sink = LogSink::new("rows".to_owned(), TOPIC, Arc::clone(&log) as Arc<dyn Log>, content.clone(), rows);
        LogSink { part_records: 3, ..sink }
    })
}

fn records(log: &FaultyLog) -> Vec<StoredRecord> {
    log.read(&Topic::new(TOPIC), PARTITION, Offset(0), usize::MAX, usize::MAX).expect("the topic is there")
}

/// Folds a topic of upserts as a reader of complete units does: the rows, and how often an epoch changed a key twice.
fn fold(records: &[StoredRecord]) -> (BTreeMap<String, serde_json::Value>, usize) {
    let (mut rows, mut waiting, mut seen, mut repeats) = (BTreeMap::new(), Vec::new(), Vec::new(), 0);
    for record in records {
        let value: serde_json::Value = serde_json::from_slice(&record.value).expect("JSON");
        let key = String::from_utf8(record.key.clone()).expect("a text");
        match value["headers"]["op"].as_str().expect("an operation") {
            "reset" => {
                rows.clear();
                waiting.clear();
                seen.clear();
            }
            "commit" => waiting.drain(..).for_each(|(key, value): (String, serde_json::Value)| {
                match value["row"].is_null() {
                    true => drop(rows.remove(&key)),
                    false => drop(rows.insert(key, value["row"].clone())),
                };
            }),
            "part" => {}
            _ => {
                let identity = (key.clone(), value["headers"]["position"].to_string());
                repeats += usize::from(seen.contains(&identity));
                seen.push(identity);
                waiting.push((key, value));
            }
        }
    }
    (rows, repeats)
}

fn expected(table: &BTreeMap<i64, String>) -> BTreeMap<String, serde_json::Value> {
    table.iter().map(|(id, text)| (format!("{{\"id\":{id}}}"), json!({"text": text, "id": id}))).collect()
}

#[test]
fn every_epoch_is_in_the_topic_once_whatever_becomes_of_appends_and_processes() {
    for seed in 0..200_u64 {
        let mut random = Random::new(seed);
        let mut below = |end| random.below(end);
        let log = Arc::new(FaultyLog::default());
        let mut run = following(&log, Content::Upsert { key: vec![1] });
        for epoch in 0..30 {
            let texts = (0..below(12)).map(|_| (below(8) as i64, below(3) > 0, format!("{epoch}"))).collect::<Vec<_>>();
            run.change(&texts.iter().map(|(id, is_there, text)| (*id, is_there.then_some(text.as_str()))).collect::<Vec<_>>());
            for _ in 0..below(4) {
                let fault = [None, Some(Fault::Refused), Some(Fault::LostBefore), Some(Fault::LostAfter)][below(4) as usize];
                log.faults.lock().push_back(fault);
            }
            for _ in 0..below(6) {
                let _ = run.step();
            }
            if below(5) == 0 {
                run.restart();
            }
        }
        run.finish();
        assert_eq!(fold(&records(&log)), (expected(&run.table), 0), "seed {seed}");
    }
}

#[test]
fn a_start_goes_on_in_the_middle_of_an_epoch() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, Content::Changelog);
    run.finish();
    let names: Vec<String> = (0..8).map(|id| id.to_string()).collect();
    run.change(&names.iter().enumerate().map(|(id, name)| (id as i64, Some(name.as_str()))).collect::<Vec<_>>());
    *log.faults.lock() = [None, Some(Fault::LostBefore)].into();
    run.step().expect("it asks how far the sink is");
    let before = records(&log).len();
    let end = end_of(log.as_ref(), &Topic::new(TOPIC), None).expect("readable").expect("ours");
    assert_eq!(end.complete.0, 2, "a reader of what is complete sees a reset and its end");
    run.restart();
    run.finish();
    let records = records(&log);
    assert_eq!((before, records.len()), (2 + 4, 2 + 4 + 4 + 3), "eight changes in parts of three, each with a control record");
    let operations: Vec<String> = records
        .iter()
        .map(|record| serde_json::from_slice::<serde_json::Value>(&record.value).expect("JSON")["headers"]["op"].to_string())
        .collect();
    assert_eq!(operations.iter().filter(|operation| *operation == "\"insert\"").count(), 8);
    assert_eq!(operations.last().map(String::as_str), Some("\"commit\""));
}

#[test]
fn keys_of_a_cache_are_told_once_for_old_and_new_rows() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, Content::Invalidate { key: template("page:{text}") });
    run.change(&[(1, Some("a")), (2, Some("a"))]);
    run.finish();
    run.change(&[(1, Some("b")), (3, Some("b")), (2, Some("a"))]);
    run.finish();
    let keys: Vec<String> = records(&log).iter().map(|record| String::from_utf8_lossy(&record.key).into_owned()).collect();
    assert_eq!(keys, ["", "", "page:a", "page:b", ""], "the first says that everything may be stale");
}

#[test]
fn what_another_wrote_is_never_written_behind() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, Content::Changelog);
    log.create_topic(&Topic::new(TOPIC), 1).expect("a new topic");
    let foreign = Record { key: vec![], value: b"{}".to_vec(), timestamp: 0 };
    log.append(&Topic::new(TOPIC), vec![foreign]).expect("room");
    assert!(run.step().is_err());
    let SinkState::Halted(why) = run.outbox.state() else { panic!("{:?}", run.outbox.state()) };
    assert!(why.contains("has records that this sink did not write; choose another topic"), "{why}");
    assert_eq!(run.step(), Ok(false));
}

#[test]
fn a_key_with_several_rows_stops_the_sink_and_names_the_key() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, Content::Upsert { key: vec![0] });
    run.finish();
    run.change(&[(1, Some("same")), (2, Some("same"))]);
    assert!(matches!(run.step(), Err(SinkError::Refused(_))));
    let SinkState::Halted(why) = run.outbox.state() else { panic!("{:?}", run.outbox.state()) };
    assert!(why.contains(r#"several rows have the key {"text":"same"}"#), "{why}");
    assert_eq!(run.outbox.floor(), None, "it holds nothing back");
}

#[test]
fn an_earlier_incarnation_does_not_write_any_more() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, Content::Changelog);
    run.restart();
    run.finish();
    let mut earlier = following(&log, Content::Changelog);
    assert_eq!(earlier.step(), Err(SinkError::Fenced(2)));
}
