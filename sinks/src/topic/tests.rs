//! Derived topics, against a log that loses answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use schemas::position::{Offset, Topic};
use schemas::sink::SinkContent;
use serde_json::json;

use super::*;
use crate::contract::{SinkError, SinkState};
use crate::testing::{Following, columns, template};
use testkit::random::Random;

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
    log: MemoryTopicLog,
    faults: Mutex<VecDeque<Option<Fault>>>,
}

impl TopicLog for FaultyLog {
    fn create(&self, topic: &Topic) -> Result<(), TopicLogError> {
        self.log.create(topic)
    }

    fn end(&self, topic: &Topic) -> Result<Offset, TopicLogError> {
        self.log.end(topic)
    }

    fn last(&self, topic: &Topic, before: Offset) -> Result<Option<Vec<u8>>, TopicLogError> {
        self.log.last(topic, before)
    }

    fn append(&self, topic: &Topic, records: Vec<TopicRecord>) -> Result<Offset, TopicLogError> {
        let lost = || TopicLogError::Ambiguous("lost".to_owned());
        match self.faults.lock().pop_front().flatten() {
            None => self.log.append(topic, records),
            Some(Fault::Refused) => Err(TopicLogError::Unavailable("no space".to_owned())),
            Some(Fault::LostBefore) => Err(lost()),
            Some(Fault::LostAfter) => self.log.append(topic, records).and(Err(lost())),
        }
    }
}

impl FaultyLog {
    fn with_gaps() -> Self {
        Self { log: MemoryTopicLog::with_gaps(), ..Self::default() }
    }
}

/// A run that follows into a topic of this log.
fn following(log: &Arc<FaultyLog>, content: SinkContent) -> Following<TopicSink> {
    let log = Arc::clone(log);
    Following::new(move || {
        let config = TopicConfig { name: "rows".to_owned(), topic: Topic::new(TOPIC), content: content.clone() };
        let sink = TopicSink::new(config, RowReader::new(&columns()), Arc::clone(&log) as Arc<dyn TopicLog>, |_| {});
        sink.in_parts_of(3)
    })
}

fn records(log: &FaultyLog) -> Vec<TopicRecord> {
    log.log.records(&Topic::new(TOPIC))
}

/// Folds a topic of upserts as a reader of complete units does: the rows, and how often an epoch changed a key twice.
fn fold(records: &[TopicRecord]) -> (BTreeMap<String, serde_json::Value>, usize) {
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
        let log = Arc::new(if seed % 2 == 0 { FaultyLog::default() } else { FaultyLog::with_gaps() });
        let mut run = following(&log, SinkContent::Upsert { key: vec![1] });
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
    let mut run = following(&log, SinkContent::Changelog);
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
fn a_log_that_skips_offsets_is_continued_where_it_says_its_end_is() {
    let (log, topic) = (Arc::new(FaultyLog::with_gaps()), Topic::new(TOPIC));
    let mut run = following(&log, SinkContent::Upsert { key: vec![1] });
    run.finish();
    run.change(&[(1, Some("a")), (2, Some("b"))]);
    run.finish();
    let end = end_of(log.as_ref(), &topic, Some("rows")).expect("readable").expect("ours");
    let next = log.end(&topic).expect("an end");
    assert_eq!((end.next, end.complete), (next, next));
    assert!(next.0 > records(&log).len() as u64, "{next} is no number of records");
    run.restart();
    run.change(&[(1, None)]);
    run.finish();
    let operations = ["reset", "commit", "upsert", "upsert", "commit", "delete", "commit"];
    let values =
        records(&log).into_iter().map(|record| serde_json::from_slice::<serde_json::Value>(&record.value).expect("JSON"));
    assert_eq!(values.map(|value| value["headers"]["op"].clone()).collect::<Vec<_>>(), operations);
}

#[test]
fn keys_of_a_cache_are_told_once_for_old_and_new_rows() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, SinkContent::Invalidate { key: template("page:{text}") });
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
    let mut run = following(&log, SinkContent::Changelog);
    log.create(&Topic::new(TOPIC)).expect("a new topic");
    let foreign = TopicRecord { key: vec![], value: b"{}".to_vec() };
    log.append(&Topic::new(TOPIC), vec![foreign]).expect("room");
    assert!(run.step().is_err());
    let SinkState::Halted(why) = run.outbox.state() else { panic!("{:?}", run.outbox.state()) };
    assert!(why.contains("has records that this sink did not write; choose another topic"), "{why}");
    assert_eq!(run.step(), Ok(false));
}

#[test]
fn a_key_with_several_rows_stops_the_sink_and_names_the_key() {
    let log = Arc::new(FaultyLog::default());
    let mut run = following(&log, SinkContent::Upsert { key: vec![0] });
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
    let mut run = following(&log, SinkContent::Changelog);
    run.restart();
    run.finish();
    let mut earlier = following(&log, SinkContent::Changelog);
    assert_eq!(earlier.step(), Err(SinkError::Fenced(2)));
}
