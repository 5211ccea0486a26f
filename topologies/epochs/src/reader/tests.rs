//! A reader meets a topic that was made anew, records that are gone, and others than those that were bound.

use sources::log::Record;
use sources::memory::MemoryLog;

use super::*;

fn record(number: u64) -> Record {
    Record { key: Vec::new(), value: number.to_be_bytes().to_vec(), timestamp: 7 }
}

/// A log with one partition and so many records, and a reader at its beginning.
fn followed(records: u64) -> (Arc<MemoryLog>, TopicMetadata, Reader) {
    let log = Arc::new(MemoryLog::new());
    let topic = log.create_topic(&Topic::new("orders"), 1).expect("created");
    log.append(&topic.topic, (0..records).map(record).collect()).expect("appended");
    let reader = reader(&log, &topic, &Offsets::default());
    (log, topic, reader)
}

fn reader(log: &Arc<MemoryLog>, topic: &TopicMetadata, offsets: &Offsets) -> Reader {
    Reader::new(Arc::clone(log) as Arc<dyn Log>, std::slice::from_ref(topic), offsets, 10).expect("the reader begins")
}

/// Reads an epoch and moves on.
fn bind(reader: &mut Reader) -> Vec<BoundRange> {
    let (ranges, _) = reader.read_next().expect("read");
    reader.advance(&ranges);
    ranges
}

fn refused<T: std::fmt::Debug>(result: Result<T, EpochError>) -> (HaltReason, String) {
    match result {
        Err(EpochError::Halted { reason, topic, partition, detail }) => {
            assert_eq!((topic.as_str(), partition), ("orders", Some(0)));
            (reason, detail)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_read_again_is_what_was_bound() {
    let (log, topic, mut live) = followed(25);
    let first = live.read_next().expect("read");
    live.advance(&first.0);
    let second = live.read_next().expect("read");
    assert_eq!((first.0[0].next, second.0[0].next), (10, 20));
    let mut again = reader(&log, &topic, &Offsets::default());
    assert_eq!(again.read_again(&first.0).expect("read"), first.1);
    assert_eq!(again.read_again(&second.0).expect("read"), second.1);
}

#[test]
fn fault_28_a_topic_that_was_deleted_and_made_again_is_not_read_on() {
    let (_, _, mut live) = followed(20);
    let (first, bound) = (live.first_ranges(), bind(&mut live));
    // As many records as before, in a topic of the same name.
    let (_, _, mut other) = followed(20);
    assert_eq!(refused(other.read_again(&bound)).0, HaltReason::SourceIdentityChanged);
    assert_eq!(refused(other.rewind(&first[0])).0, HaltReason::SourceIdentityChanged);
    let (log, topic, _) = followed(20);
    let kept = Reader::new(log, &[topic], &live.positions(), 10).map(drop);
    assert_eq!(refused(kept).0, HaltReason::SourceIdentityChanged);
}

#[test]
fn fault_29_records_that_are_gone_before_they_were_read_halt_with_numbers() {
    let (log, topic, mut live) = followed(25);
    let bound = bind(&mut live);
    log.trim(&topic.topic, Partition(0), Offset(15)).expect("trimmed");
    let (reason, detail) = refused(reader(&log, &topic, &Offsets::default()).read_again(&bound));
    assert_eq!(reason, HaltReason::RetentionGap);
    assert!(detail.contains("offsets 0 to 10") && detail.contains("the earliest record is 15"), "{detail}");
    let (reason, detail) = refused(live.read_next());
    assert_eq!(reason, HaltReason::RetentionGap);
    assert!(detail.contains("offset 10") && detail.contains("the earliest is 15"), "{detail}");
}

#[test]
fn fault_31_a_log_that_holds_others_than_the_bound_records_is_not_read_on() {
    let (_, topic, mut live) = followed(20);
    let bound = bind(&mut live);
    let other = Arc::new(MemoryLog::new());
    other.create_topic(&topic.topic, 1).expect("created");
    // What an unclean election leaves: the records after the fourth are gone, and later ones take their offsets.
    other.append(&topic.topic, (0..5).map(record).collect()).expect("appended");
    let (reason, detail) = refused(reader(&other, &topic, &Offsets::default()).read_again(&bound));
    assert_eq!(reason, HaltReason::LogDiverged);
    assert!(detail.contains("offsets 0 to 10") && detail.contains("ends at 5"), "{detail}");
    other.append(&topic.topic, (100..120).map(record).collect()).expect("appended");
    let (reason, detail) = refused(reader(&other, &topic, &Offsets::default()).read_again(&bound));
    assert_eq!(reason, HaltReason::LogDiverged);
    assert!(detail.contains("offsets 0 to 10 are others"), "{detail}");
}

#[test]
fn fault_31_a_log_that_ends_before_what_was_read_is_not_read_on() {
    let (_, topic, mut live) = followed(20);
    bind(&mut live);
    let short = Arc::new(MemoryLog::new());
    short.create_topic(&topic.topic, 1).expect("created");
    short.append(&topic.topic, (0..5).map(record).collect()).expect("appended");
    let (reason, detail) = refused(reader(&short, &topic, &live.positions()).read_next());
    assert_eq!(reason, HaltReason::LogDiverged);
    assert!(detail.contains("offset 10") && detail.contains("ends at 5"), "{detail}");
}
