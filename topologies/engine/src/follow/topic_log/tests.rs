//! Derived topics in logs whose offsets have gaps, and in logs that fail or are written by somebody else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use schemas::chain::Chain;
use schemas::sink::SinkContent;
use sinks::contract::{Progress, Sink, SinkError, Unit};
use sinks::rows::RowReader;
use sinks::topic::{TopicConfig, TopicSink, end_of};
use sources::log::{LogAppender, LogReader, LogSpace};
use sources::memory::MemoryLog;
use sources::record::{ReadRecords, StoredRecord, TopicMetadata};

use super::*;

/// More appends than a log with gaps has different gaps.
const APPENDS: u64 = 12;

fn topic() -> Topic {
    Topic::new("derived.rows")
}

fn records(values: &[&str]) -> Vec<TopicRecord> {
    values.iter().map(|value| TopicRecord { key: Vec::new(), value: value.as_bytes().to_vec() }).collect()
}

/// The changelog of a view without columns, in a derived topic of this log.
fn sink(log: &Arc<dyn Log>) -> TopicSink {
    let config = TopicConfig { name: "rows".to_owned(), topic: topic(), content: SinkContent::Changelog };
    TopicSink::new(config, RowReader::new(&[]), Arc::new(DerivedTopicLog(Arc::clone(log))), |_| {})
}

/// An epoch in which nothing changes; epoch 1 is the first.
fn unit(epoch: u8) -> Unit {
    let chain = |epoch: u8| [epoch; 32];
    let progress =
        Progress { timeline: 7, epoch: u64::from(epoch), chain: chain(epoch), incarnation: 1, plan: [9; 32], generation: 0 };
    Unit { after: Chain(chain(epoch - 1)), progress, changes: Vec::new() }
}

/// A log of which the answers behind an append can fail, and in which somebody else can append right behind.
#[derive(Default)]
struct Disturbed {
    log: MemoryLog,
    /// its ends can't be read
    fails: AtomicBool,
    /// another record comes behind every append
    is_shared: AtomicBool,
}

impl LogReader for Disturbed {
    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        self.log.topics()
    }

    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError> {
        self.log.topic(topic)
    }

    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadRecords, LogError> {
        self.log.read(topic, partition, from, max_records, max_bytes)
    }

    fn last_before(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<Option<StoredRecord>, LogError> {
        self.log.last_before(topic, partition, before)
    }

    fn stable(&self) -> Result<i64, LogError> {
        self.log.stable()
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(LogError::UnknownTopic { topic: topic.clone() });
        }
        self.log.bounds(topic, partition)
    }

    fn records_from(&self, topic: &Topic, partition: Partition, from: Offset) -> Result<u64, LogError> {
        self.log.records_from(topic, partition, from)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        self.log.offset_at(topic, partition, timestamp)
    }

    fn bytes(&self) -> u64 {
        self.log.bytes()
    }

    fn topic_bytes(&self, topic: &Topic) -> Result<u64, LogError> {
        self.log.topic_bytes(topic)
    }

    fn space(&self) -> Option<LogSpace> {
        self.log.space()
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.log.wait(seen, timeout)
    }
}

impl LogAppender for Disturbed {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        self.log.create_topic(topic, partitions)
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let places = self.log.append(topic, records)?;
        if self.is_shared.load(Ordering::Relaxed) {
            self.log.append(topic, vec![Record { key: Vec::new(), value: b"foreign".to_vec(), timestamp: 0 }])?;
        }
        Ok(places)
    }

    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError> {
        self.log.trim(topic, partition, before)
    }
}

#[test]
fn an_append_returns_the_end_that_the_log_has_and_the_last_record_is_found_before_it() {
    let log = Arc::new(MemoryLog::with_gaps());
    let derived = DerivedTopicLog(log.clone());
    derived.create(&topic()).expect("a new topic");
    let empty = derived.end(&topic()).expect("an end");
    assert!(empty > Offset(0), "the log skips offsets before the first record");
    assert_eq!(derived.last(&topic(), empty), Ok(None));
    let mut skipped = 0;
    for number in 0..APPENDS {
        let value = number.to_string();
        let end = derived.append(&topic(), records(&["before", &value])).expect("appended");
        assert_eq!(derived.end(&topic()), Ok(end));
        assert_eq!(derived.last(&topic(), end), Ok(Some(value.into_bytes())));
        let stored = log.last_before(&topic(), PARTITION, end).expect("readable").expect("a record");
        assert_eq!(derived.last(&topic(), stored.offset), Ok(Some(b"before".to_vec())), "the one before the last");
        skipped += u64::from(end > stored.offset.behind());
    }
    assert!(0 < skipped && skipped < APPENDS, "{skipped} of {APPENDS} ends lie behind a gap");
}

#[test]
fn a_sink_goes_on_in_a_log_with_gaps_also_after_a_restart() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::with_gaps());
    let mut first = sink(&log);
    assert_eq!(first.fence(1), Ok(None));
    (1..=6).for_each(|epoch| assert_eq!(first.apply(&unit(epoch)), Ok(()), "epoch {epoch}"));
    let mut second = sink(&log);
    assert_eq!(second.fence(1), Ok(Some(unit(6).progress)));
    (7..=12).for_each(|epoch| assert_eq!(second.apply(&unit(epoch)), Ok(()), "epoch {epoch}"));
    assert_eq!(first.apply(&unit(7)), Err(SinkError::Guard), "the topic has grown meanwhile");
    let end = end_of(&DerivedTopicLog(Arc::clone(&log)), &topic(), Some("rows")).expect("readable").expect("ours");
    assert_eq!(end.complete, log.bounds(&topic(), PARTITION).expect("bounds").1);
    let stored = log.read(&topic(), PARTITION, Offset(0), usize::MAX, usize::MAX).expect("readable").records;
    assert_eq!(stored.len(), 13, "a reset, and a commit for each epoch");
}

#[test]
fn what_comes_behind_an_append_is_seen_at_once() {
    let log = Arc::new(Disturbed::default());
    let shared: Arc<dyn Log> = log.clone();
    let mut sink = sink(&shared);
    assert_eq!(sink.fence(1), Ok(None));
    assert_eq!(sink.apply(&unit(1)), Ok(()));
    log.is_shared.store(true, Ordering::Relaxed);
    let Err(SinkError::Ambiguous(why)) = sink.apply(&unit(2)) else { panic!("the sink took the record of another for its own") };
    assert!(
        why.contains("append to topic 'derived.rows'") && why.contains("at offset 2, the last record is at offset 3"),
        "{why}"
    );
    assert!(matches!(sink.fence(1), Err(SinkError::Refused(_))), "another wrote there");
}

#[test]
fn an_append_whose_end_is_not_known_may_be_there() {
    let log = Arc::new(Disturbed::default());
    let derived = DerivedTopicLog(log.clone());
    derived.create(&topic()).expect("a new topic");
    log.fails.store(true, Ordering::Relaxed);
    let error = derived.append(&topic(), records(&["a"])).expect_err("the end can't be read");
    assert!(matches!(error, TopicLogError::Ambiguous(_)), "{error:?}");
    log.fails.store(false, Ordering::Relaxed);
    let end = derived.end(&topic()).expect("an end");
    assert_eq!(derived.last(&topic(), end), Ok(Some(b"a".to_vec())), "it is there");
    let error = derived.append(&topic(), Vec::new()).expect_err("nothing was appended");
    assert!(matches!(error, TopicLogError::Ambiguous(_)), "{error:?}");
}

#[test]
fn a_topic_with_more_partitions_has_no_order_and_is_refused() {
    let log = Arc::new(MemoryLog::new());
    log.create_topic(&topic(), 2).expect("a new topic");
    assert_eq!(DerivedTopicLog(log).create(&topic()), Err(TopicLogError::Partitions { existing: 2 }));
}
