//! Derived topics in logs whose offsets have gaps, and in logs that fail or are written by somebody else.

use std::sync::atomic::{AtomicBool, Ordering};

use schemas::chain::Chain;
use schemas::sink::SinkContent;
use sinks::contract::{Progress, Sink, SinkError, Unit};
use sinks::rows::RowReader;
use sinks::topic::{TopicConfig, TopicSink, end_of};
use sources::log::{LogAppender, LogReader};
use sources::memory::MemoryLog;
use sources::testing::{HookedLog, LogHooks};

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

/// A log of which the answers after an append can fail, and in which somebody else can append right after.
#[derive(Default)]
struct Disturbed {
    /// its ends can't be read
    fails: AtomicBool,
    /// another record comes after every append
    is_shared: AtomicBool,
}

impl LogHooks for Disturbed {
    fn before_bounds(&self, topic: &Topic) -> Result<(), LogError> {
        if self.fails.load(Ordering::Relaxed) { Err(LogError::UnknownTopic { topic: topic.clone() }) } else { Ok(()) }
    }

    fn after_append(&self, log: &MemoryLog, topic: &Topic) -> Result<(), LogError> {
        if self.is_shared.load(Ordering::Relaxed) {
            log.append(topic, vec![Record { key: Vec::new(), value: b"foreign".to_vec(), timestamp: 0 }])?;
        }
        Ok(())
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
    let log = Arc::new(HookedLog::<Disturbed>::default());
    let shared: Arc<dyn Log> = log.clone();
    let mut sink = sink(&shared);
    assert_eq!(sink.fence(1), Ok(None));
    assert_eq!(sink.apply(&unit(1)), Ok(()));
    log.hooks.is_shared.store(true, Ordering::Relaxed);
    let Err(SinkError::Ambiguous(why)) = sink.apply(&unit(2)) else { panic!("the sink took the record of another for its own") };
    assert!(
        why.contains("append to topic 'derived.rows'") && why.contains("at offset 2, the last record is at offset 3"),
        "{why}"
    );
    assert!(matches!(sink.fence(1), Err(SinkError::Refused(_))), "another wrote there");
}

#[test]
fn an_append_whose_end_is_not_known_may_be_there() {
    let log = Arc::new(HookedLog::<Disturbed>::default());
    let derived = DerivedTopicLog(log.clone());
    derived.create(&topic()).expect("a new topic");
    log.hooks.fails.store(true, Ordering::Relaxed);
    let error = derived.append(&topic(), records(&["a"])).expect_err("the end can't be read");
    assert!(matches!(error, TopicLogError::Ambiguous(_)), "{error:?}");
    log.hooks.fails.store(false, Ordering::Relaxed);
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
