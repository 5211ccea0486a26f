//! Epochs are prefixes of the order of appending; and a reader meets a topic that was created again, records that are gone, and others than
//! those that were bound.

use std::sync::atomic::{AtomicI64, Ordering};

use sources::log::{Log, LogAppender, LogReader};
use sources::memory::MemoryLog;
use sources::record::Record;
use sources::testing::{HookedLog, LogHooks};

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
    Reader::new(Arc::clone(log) as Arc<dyn LogReader>, std::slice::from_ref(topic), offsets, 10).expect("the reader begins")
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

/// A log that shows more than it is stable up to, as one does while it shows an append; and one of an older version, by what becomes of the
/// timestamps.
struct Unsteady {
    stable: AtomicI64,
    older: fn(i64) -> i64,
}

impl LogHooks for Unsteady {
    fn timestamp(&self, stored: i64) -> i64 {
        (self.older)(stored)
    }

    fn stable(&self, _log: &MemoryLog) -> Result<i64, LogError> {
        Ok(self.stable.load(Ordering::Relaxed))
    }
}

fn unsteady(older: fn(i64) -> i64) -> Arc<HookedLog<Unsteady>> {
    let hooks = Unsteady { stable: AtomicI64::new(i64::MAX), older };
    Arc::new(HookedLog { log: MemoryLog::new(), hooks })
}

/// Appends records whose values are numbers from `first` on, each to a topic and a partition that look random.
fn scatter(log: &dyn Log, topics: &[TopicMetadata], numbers: std::ops::Range<u64>) {
    for number in numbers {
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let record = Record { key: mixed.to_be_bytes().to_vec(), value: number.to_be_bytes().to_vec(), timestamp: 0 };
        log.append(&topics[(mixed % topics.len() as u64) as usize].topic, vec![record]).expect("appended");
    }
}

fn topics_of(log: &dyn Log, partitions: &[u32]) -> Vec<TopicMetadata> {
    let create = |(number, count): (usize, &u32)| log.create_topic(&Topic::new(&format!("topic-{number}")), *count);
    partitions.iter().enumerate().map(create).collect::<Result<_, _>>().expect("created")
}

/// The numbers of an epoch's records in the order in which their events are folded.
fn folded(records: &Records) -> Vec<u64> {
    let mut all = Vec::new();
    for (place, records) in records {
        let mut newest = i64::MIN;
        for record in records {
            newest = newest.max(record.timestamp);
            let number = u64::from_be_bytes(record.value.as_slice().try_into().expect("8 bytes"));
            all.push((newest, place, record.offset, number));
        }
    }
    all.sort_unstable();
    all.into_iter().map(|(.., number)| number).collect()
}

#[test]
fn an_epoch_is_a_prefix_of_what_is_left_in_the_order_of_appending() {
    for (partitions, records_max) in [(vec![1, 1], 7), (vec![3, 1, 8], 1), (vec![8, 3], 10), (vec![5], 40), (vec![2, 8], 1_000)] {
        let log = unsteady(|timestamp| timestamp);
        let topics = topics_of(&*log, &partitions);
        let shared = Arc::clone(&log) as Arc<dyn LogReader>;
        let mut reader = Reader::new(shared, &topics, &Offsets::default(), records_max).expect("the reader begins");
        let (mut found, mut appended, mut stable) = (Vec::new(), 0, 0);
        for round in 0..60 {
            let more = round * 13 % 31;
            scatter(&*log, &topics, appended..appended + more);
            appended += more;
            // The timestamps count from 0: some of the last records are seen, and others before them may not be.
            stable = appended.saturating_sub(round * 7 % 5).max(stable);
            log.hooks.stable.store(stable as i64 - 1, Ordering::Relaxed);
            let (ranges, records) = reader.read_next().expect("read");
            assert_eq!(reader.read_next().expect("read once more").1, records, "what was not bound was lost");
            let left = stable as usize - found.len();
            assert_eq!(records.values().map(Vec::len).sum::<usize>(), left.min(records_max), "{partitions:?}, round {round}");
            found.extend(folded(&records));
            assert!(found.iter().copied().eq(0..found.len() as u64), "{partitions:?}, round {round}: {found:?}");
            reader.advance(&ranges);
        }
    }
}

#[test]
fn records_without_strict_timestamps_have_one_order_however_they_are_cut() {
    // Many share a timestamp, and they fall.
    let older: [fn(i64) -> i64; 3] = [|_| 5, |timestamp| timestamp / 40, |timestamp| timestamp / 9 * 7 % 23];
    for older in older {
        let log = unsteady(older);
        let topics = topics_of(&*log, &[3, 8, 1]);
        scatter(&*log, &topics, 0..600);
        let order = |records_max: usize| {
            let shared = Arc::clone(&log) as Arc<dyn LogReader>;
            let mut reader = Reader::new(shared, &topics[1..2], &Offsets::default(), records_max).expect("the reader begins");
            let mut found = Vec::new();
            loop {
                let (ranges, records) = reader.read_next().expect("read");
                if records.is_empty() {
                    return found;
                }
                found.extend(folded(&records));
                reader.advance(&ranges);
            }
        };
        let whole = order(EPOCH_RECORDS_MAX);
        assert!(whole.len() > 100);
        for records_max in [1, 2, 7, 50] {
            assert_eq!(order(records_max), whole, "epochs of {records_max}");
        }
    }
}

#[test]
fn a_topic_that_is_followed_later_keeps_no_other_waiting_and_its_order() {
    let log = Arc::new(MemoryLog::new());
    let topics = topics_of(&*log, &[3, 3]);
    scatter(&*log, &topics[1..], 0..500);
    scatter(&*log, &topics[..1], 500..600);
    let shared = Arc::clone(&log) as Arc<dyn LogReader>;
    let mut reader = Reader::new(shared, &topics[..1], &Offsets::default(), 200).expect("the reader begins");
    bind(&mut reader);
    reader.follow(&topics, &Offsets::default()).expect("followed");
    scatter(&*log, &topics, 600..640);
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for epoch in 0..6 {
        let (ranges, records) = reader.read_next().expect("read");
        reader.advance(&ranges);
        let (of_first, of_second): (Records, Records) =
            records.into_iter().partition(|((topic, _), _)| *topic == topics[0].topic);
        assert!(epoch > 0 || folded(&of_first).len() > 10, "what is new waits for what is old");
        assert!(epoch > 0 || reader.is_catching_up(), "the older records of the second topic are more than an epoch holds");
        early.extend(folded(&of_first));
        late.extend(folded(&of_second));
    }
    assert!(early.is_sorted() && late.is_sorted(), "{early:?} {late:?}");
    assert_eq!(early.len() + late.len(), 540);
    assert!(!reader.is_catching_up());
}

#[test]
fn a_reader_that_begins_behind_bound_records_knows_the_last_timestamp() {
    let (log, topic, mut first) = followed(3);
    assert_eq!(first.reached, (i64::MIN, i64::MIN));
    bind(&mut first);
    assert_eq!(reader(&log, &topic, &first.positions()).reached, (first.reached.0, first.reached.0));
}

/// Binds and reads again a log of 400 records, epoch by epoch. Returns the numbers of each epoch.
fn epochs_of(log: MemoryLog) -> Vec<Vec<u64>> {
    let log = Arc::new(log);
    let topics = topics_of(&*log, &[3, 1]);
    scatter(&*log, &topics, 0..400);
    let reader = |offsets: &Offsets| Reader::new(log.clone(), &topics, offsets, 37).expect("the reader begins");
    let (mut live, mut again, mut epochs) = (reader(&Offsets::default()), reader(&Offsets::default()), Vec::new());
    loop {
        let (ranges, records) = live.read_next().expect("read");
        if records.is_empty() {
            break;
        }
        live.advance(&ranges);
        assert_eq!(again.read_again(&ranges).expect("read again"), records);
        epochs.push(folded(&records));
    }
    for ((topic, partition), next) in live.offsets() {
        assert_eq!(log.records_from(&topic, partition, next).expect("known"), 0, "{topic} {partition} from {next}");
    }
    assert_eq!(reader(&live.positions()).reached, (live.reached.0, live.reached.0));
    epochs
}

#[test]
fn a_log_with_gaps_makes_the_same_epochs_as_one_without() {
    let epochs = epochs_of(MemoryLog::new());
    assert_eq!(epochs.len(), 400_usize.div_ceil(37));
    assert_eq!(epochs_of(MemoryLog::with_gaps()), epochs);
}
