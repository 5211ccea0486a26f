//! The checks of a log with both halves, whose offsets have no gaps: what is appended can be read, at the place and time that were told.
//!
//! An empty log enters each check; a panic that says what it saw leaves, when the log fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use schemas::position::{Offset, PARTITIONS_MAX, Partition, TOPIC_NAME_LENGTH_MAX, Topic};

use crate::error::LogError;
use crate::limits::{APPEND_BYTES_MAX, APPEND_RECORDS_MAX, RECORD_BYTES_MAX, TIMESTAMP_MAX};
use crate::log::Log;
use crate::partitioner::partition_of;
use crate::record::{Record, StoredRecord};

use super::content::stamped;

/// Result of a check: the log's own failure, or nothing.
pub(super) type AppendingOutcome = Result<(), LogError>;
/// A check of an empty log.
pub(super) type Check = fn(Arc<dyn Log>) -> AppendingOutcome;

/// No limit of a read.
const NO_LIMIT: usize = usize::MAX;
/// Far more than any check takes, so that waiting for it shows as a hang and not as a pass.
const LONG: Duration = Duration::from_secs(600);

/// The checks, with their names.
pub(super) const CHECKS: [(&str, Check); 19] = [
    ("topics are created once", topics_are_created_once),
    ("topics outside the limits are refused", topics_outside_the_limits_are_refused),
    ("unknown places are refused", unknown_places_are_refused),
    ("records come back as they were appended", records_come_back_as_they_were_appended),
    ("order within a key is kept", order_within_a_key_is_kept),
    ("appends outside the limits are refused", appends_outside_the_limits_are_refused),
    ("the largest record is taken", the_largest_record_is_taken),
    ("reads keep their limits", reads_keep_their_limits),
    ("offsets outside the log are refused", offsets_outside_the_log_are_refused),
    ("offsets are found by time", offsets_are_found_by_time),
    ("waiting ends with an append", waiting_ends_with_an_append),
    ("concurrent appends are all or none", concurrent_appends_are_all_or_none),
    ("a topic is found by its name", a_topic_is_found_by_its_name),
    ("trimmed records are gone", trimmed_records_are_gone),
    ("offsets are found by time after trims", offsets_are_found_by_time_after_trims),
    ("trims do not disturb readers", trims_do_not_disturb_readers),
    ("timestamps grow strictly in the order of appending", timestamps_grow_strictly),
    ("what is stable stays as it is", what_is_stable_stays_as_it_is),
    ("a prefix is read while records come", a_prefix_is_read_while_records_come),
];

/// The topic of most checks.
fn topic() -> Topic {
    Topic::new("social.post")
}

/// A record with a key, a value and the time that its caller gives.
fn record(key: &str, value: impl Into<Vec<u8>>, timestamp: i64) -> Record {
    Record { key: key.into(), value: value.into(), timestamp }
}

/// The records that one read found.
fn read(
    log: &dyn Log,
    topic: &Topic,
    partition: Partition,
    from: Offset,
    records: usize,
    bytes: usize,
) -> Result<Vec<StoredRecord>, LogError> {
    log.read(topic, partition, from, records, bytes).map(|read| read.records)
}

/// Reads a partition from its first offset to its end in steps of a few records.
fn read_all(log: &dyn Log, topic: &Topic, partition: Partition) -> Result<Vec<StoredRecord>, LogError> {
    let (mut records, mut from) = (Vec::new(), Offset(0));
    loop {
        let step = log.read(topic, partition, from, 7, NO_LIMIT)?;
        if step.records.is_empty() {
            return Ok(records);
        }
        records.extend(step.records);
        from = step.next;
    }
}

fn topics_are_created_once(log: Arc<dyn Log>) -> AppendingOutcome {
    assert_eq!(log.topics()?, []);
    let later = log.create_topic(&topic(), 3)?;
    let first = log.create_topic(&Topic::new("a"), PARTITIONS_MAX)?;
    assert_eq!((&later.topic, later.partitions), (&topic(), 3));
    assert_ne!(first.topic_id, later.topic_id, "two topics have one identity");
    assert_eq!(log.create_topic(&topic(), 3)?, later, "a topic was created twice");
    let differing = log.create_topic(&topic(), 4);
    assert!(matches!(differing, Err(LogError::PartitionsDiffer { existing: 3, requested: 4, .. })), "{differing:?}");
    assert_eq!(log.topics()?, [first, later]);
    Ok(())
}

fn topics_outside_the_limits_are_refused(log: Arc<dyn Log>) -> AppendingOutcome {
    for name in ["", "Posts", "a b", "a/b", "ä", "a\0", &"a".repeat(TOPIC_NAME_LENGTH_MAX + 1)] {
        let refused = log.create_topic(&Topic::new(name), 1);
        assert!(matches!(refused, Err(LogError::BadTopicName { .. })), "'{name}': {refused:?}");
    }
    for partitions in [0, PARTITIONS_MAX + 1] {
        let refused = log.create_topic(&topic(), partitions);
        assert!(matches!(refused, Err(LogError::BadPartitionCount { .. })), "{partitions}: {refused:?}");
    }
    log.create_topic(&Topic::new(&"a".repeat(TOPIC_NAME_LENGTH_MAX)), 1)?;
    log.create_topic(&Topic::new("0.a_b-9"), 1)?;
    assert_eq!(log.topics()?.len(), 2);
    Ok(())
}

fn unknown_places_are_refused(log: Arc<dyn Log>) -> AppendingOutcome {
    let unknown = |outcome: AppendingOutcome| assert!(matches!(outcome, Err(LogError::UnknownTopic { .. })), "{outcome:?}");
    unknown(log.append(&topic(), vec![record("a", "a", 0)]).map(drop));
    unknown(log.append(&topic(), Vec::new()).map(drop));
    unknown(read(&*log, &topic(), Partition(0), Offset(0), 1, 1).map(drop));
    unknown(log.bounds(&topic(), Partition(0)).map(drop));
    unknown(log.offset_at(&topic(), Partition(0), 0).map(drop));
    unknown(log.trim(&topic(), Partition(0), Offset(0)));
    log.create_topic(&topic(), 2)?;
    let unknown = |outcome: AppendingOutcome| {
        assert!(matches!(outcome, Err(LogError::UnknownPartition { partitions: 2, .. })), "{outcome:?}")
    };
    unknown(read(&*log, &topic(), Partition(2), Offset(0), 1, 1).map(drop));
    unknown(log.bounds(&topic(), Partition(2)).map(drop));
    unknown(log.offset_at(&topic(), Partition(2), 0).map(drop));
    unknown(log.trim(&topic(), Partition(2), Offset(0)));
    Ok(())
}

fn records_come_back_as_they_were_appended(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 4)?;
    assert_eq!(log.append(&topic(), Vec::new())?, []);
    let records = vec![
        record("a", "first", 3),
        record("", "", i64::MIN),
        record("b", vec![0, 255, 10, 13], i64::MAX),
        record("a", "first", 3),
    ];
    let positions = log.append(&topic(), records.clone())?;
    assert_eq!(positions.len(), records.len());
    let timestamps = [3, 4, TIMESTAMP_MAX, TIMESTAMP_MAX + 1];
    for ((record, timestamp), (partition, offset)) in records.into_iter().zip(timestamps).zip(positions) {
        assert_eq!(partition, partition_of(&record.key, 4), "a record is not in its key's partition");
        let Record { key, value, .. } = record;
        let expected = StoredRecord { partition, offset, timestamp, key, value };
        assert_eq!(read(&*log, &topic(), partition, offset, 1, NO_LIMIT)?, [expected]);
    }
    Ok(())
}

fn order_within_a_key_is_kept(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 3)?;
    let mut appended = 0..2_000_u32;
    for size in [1, 2, 500, 1, 96, 1_400] {
        let part = appended.by_ref().take(size);
        let records = part.map(|number| record(&format!("key {}", number % 17), number.to_be_bytes(), 0));
        log.append(&topic(), records.collect())?;
    }
    let mut by_key: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
    for partition in (0..3).map(Partition) {
        let records = read_all(&*log, &topic(), partition)?;
        assert_eq!(log.bounds(&topic(), partition)?, (Offset(0), Offset(records.len() as u64)));
        for (index, stored) in records.into_iter().enumerate() {
            assert_eq!((stored.partition, stored.offset), (partition, Offset(index as u64)));
            by_key.entry(stored.key).or_default().extend(stored.value.as_array().copied().map(u32::from_be_bytes));
        }
    }
    let expected = (0..17).map(|key| (format!("key {key}").into_bytes(), (key..2_000).step_by(17).collect()));
    assert_eq!(by_key, expected.collect());
    Ok(())
}

fn appends_outside_the_limits_are_refused(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    let mut records = vec![record("a", "", 0); 3];
    records[2].value = vec![7; RECORD_BYTES_MAX];
    let refused = log.append(&topic(), records);
    assert!(matches!(refused, Err(LogError::RecordTooLarge { index: 2, .. })), "{refused:?}");
    let refused = log.append(&topic(), vec![record("a", "", 0); APPEND_RECORDS_MAX + 1]);
    assert!(matches!(refused, Err(LogError::TooManyRecords { .. })), "{refused:?}");
    let large = record("", vec![7; RECORD_BYTES_MAX], 0);
    let refused = log.append(&topic(), vec![large; APPEND_BYTES_MAX / RECORD_BYTES_MAX + 1]);
    assert!(matches!(refused, Err(LogError::AppendTooLarge { .. })), "{refused:?}");
    assert_eq!(log.bounds(&topic(), Partition(0))?, (Offset(0), Offset(0)), "a refused append left records");
    assert_eq!(log.append(&topic(), vec![record("a", "", 0); APPEND_RECORDS_MAX])?.len(), APPEND_RECORDS_MAX);
    Ok(())
}

fn the_largest_record_is_taken(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    let large = |byte| record("k", vec![byte; RECORD_BYTES_MAX - 1], 0);
    log.append(&topic(), vec![record("k", "small", 0), large(1), large(2), record("k", "small", 0)])?;
    let sizes: Vec<usize> = read_all(&*log, &topic(), Partition(0))?.iter().map(|stored| stored.value.len()).collect();
    assert_eq!(sizes, [5, RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX - 1, 5]);
    let alone = read(&*log, &topic(), Partition(0), Offset(1), 0, 0)?;
    assert!(alone.len() == 1 && alone[0].value[0] == 1, "a record beyond the limits of the read was not read alone");
    Ok(())
}

fn reads_keep_their_limits(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    for _ in 0..4 {
        log.append(&topic(), vec![record("key", "0123456", 0); 5])?;
    }
    let count = |from, records, bytes| read(&*log, &topic(), Partition(0), Offset(from), records, bytes).map(|read| read.len());
    assert_eq!(count(0, NO_LIMIT, NO_LIMIT)?, 20);
    assert_eq!(count(3, 1, NO_LIMIT)?, 1);
    assert_eq!(count(3, 11, NO_LIMIT)?, 11);
    assert_eq!(count(18, 11, NO_LIMIT)?, 2);
    assert_eq!(count(0, NO_LIMIT, 70)?, 7);
    assert_eq!(count(4, NO_LIMIT, 79)?, 7);
    assert_eq!(count(4, NO_LIMIT, 9)?, 1);
    assert_eq!(count(4, 0, NO_LIMIT)?, 1);
    assert_eq!(count(20, NO_LIMIT, NO_LIMIT)?, 0);
    Ok(())
}

fn offsets_outside_the_log_are_refused(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    log.append(&topic(), vec![record("a", "a", 0); 2])?;
    let refused = read(&*log, &topic(), Partition(0), Offset(3), 1, 1);
    assert!(matches!(refused, Err(LogError::OffsetOutOfRange { next: Offset(2), .. })), "{refused:?}");
    assert_eq!(read(&*log, &topic(), Partition(0), Offset(2), 1, 1)?, []);
    Ok(())
}

fn offsets_are_found_by_time(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    assert_eq!(log.offset_at(&topic(), Partition(0), i64::MIN)?, Offset(0));
    // Times that mostly grow but also fall, in appends of several sizes.
    let given: Vec<i64> = (0..400_i64).map(|index| index * 10 - (index * 7919 % 13) * 9).collect();
    let times = stamped(&given);
    let mut rest = given.as_slice();
    for size in [1, 2, 50, 1, 1, 1, 100, 30].into_iter().chain(std::iter::repeat(20)) {
        let (part, after) = rest.split_at(rest.len().min(size));
        log.append(&topic(), part.iter().map(|time| record("a", "a", *time)).collect())?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    for time in -200..4_200 {
        let expected = times.iter().position(|other| *other >= time).unwrap_or(times.len());
        assert_eq!(log.offset_at(&topic(), Partition(0), time)?, Offset(expected as u64), "time {time}");
    }
    Ok(())
}

fn waiting_ends_with_an_append(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    let seen = log.wait(0, Duration::ZERO);
    assert_eq!(log.wait(seen, Duration::from_millis(1)), seen, "the counter moved without an append");
    let waiting = log.clone();
    let waiter = std::thread::spawn(move || {
        let counter = waiting.wait(seen, LONG);
        (counter, waiting.bounds(&topic(), Partition(0)))
    });
    log.append(&topic(), vec![record("a", "a", 0)])?;
    let Ok((counter, bounds)) = waiter.join() else { panic!("the thread that waited for an append failed") };
    assert_ne!(counter, seen);
    assert_eq!(bounds?.1, Offset(1), "the counter moved before the record was there");
    assert_eq!(log.wait(seen, LONG), counter, "waiting for an append of the past did not end");
    Ok(())
}

/// Writers append one record to each of two partitions, again and again, while a reader compares how far both reach.
fn concurrent_appends_are_all_or_none(log: Arc<dyn Log>) -> AppendingOutcome {
    const WRITERS: u32 = 4;
    const APPENDS: u32 = 100;
    log.create_topic(&topic(), 2)?;
    let keys = two_keys();
    let total = u64::from(WRITERS * APPENDS);
    let positions = std::thread::scope(|scope| {
        let write = |writer: u32| {
            let (log, keys) = (&log, &keys);
            move || {
                let number = |index: u32| (writer * APPENDS + index).to_be_bytes();
                let both = |index| keys.iter().map(|key| record(key, number(index), 0)).collect();
                (0..APPENDS).map(|index| log.append(&topic(), both(index))).collect::<Result<Vec<_>, _>>()
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(write(writer))).collect();
        watch_both(&*log, total)?;
        let joined = writers.into_iter().map(|writer| writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<_>, _>>()
    })?;
    let distinct: BTreeSet<_> = positions.iter().flatten().flatten().collect();
    assert_eq!(distinct.len() as u64, 2 * total, "two records were given one place");
    for (writer, appends) in positions.iter().enumerate() {
        for (index, (partition, offset)) in
            appends.iter().enumerate().flat_map(|(index, both)| both.iter().map(move |at| (index, at)))
        {
            let read = read(&*log, &topic(), *partition, *offset, 1, NO_LIMIT)?;
            let number = (writer as u32 * APPENDS + index as u32).to_be_bytes();
            assert_eq!(read[0].value, number, "a record is not where its append said");
        }
        assert!(appends.is_sorted(), "one writer's appends are out of order");
    }
    Ok(())
}

/// Reads until both partitions reach `total`. What partition 0 shows, partition 1 has to show right after.
fn watch_both(log: &dyn Log, total: u64) -> AppendingOutcome {
    loop {
        let (_, first) = log.bounds(&topic(), Partition(0))?;
        let (_, second) = log.bounds(&topic(), Partition(1))?;
        assert!(second >= first, "half of an append was visible");
        let (_, second) = log.bounds(&topic(), Partition(1))?;
        let (_, first) = log.bounds(&topic(), Partition(0))?;
        assert!(first >= second, "half of an append was visible");
        if first.0 == total {
            return Ok(());
        }
        std::thread::yield_now();
    }
}

fn a_topic_is_found_by_its_name(log: Arc<dyn Log>) -> AppendingOutcome {
    assert_eq!(log.topic(&topic())?, None);
    let created = log.create_topic(&topic(), 2)?;
    assert_eq!(log.topic(&topic())?, Some(created));
    assert_eq!(log.topic(&Topic::new("social"))?, None);
    Ok(())
}

/// Trims to offsets within, between and beyond appends of ten records, which a log may store together.
fn trimmed_records_are_gone(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 2)?;
    let keys = two_keys();
    let append = |first: u64| {
        let numbers = (first..first + 10).map(u64::to_be_bytes);
        log.append(&topic(), numbers.flat_map(|number| keys.iter().map(move |key| record(key, number, 0))).collect())
    };
    (0..5).try_for_each(|round| append(round * 10).map(drop))?;
    let mut next = 50;
    // The offset to trim to, and the earliest that it leads to.
    for (before, earliest) in
        [(0, 0), (3, 3), (10, 10), (10, 10), (7, 10), (35, 35), (50, 50), (20, 50), (55, 55), (u64::MAX, 80)]
    {
        log.trim(&topic(), Partition(0), Offset(before))?;
        assert_eq!(log.bounds(&topic(), Partition(0))?, (Offset(earliest), Offset(next)), "trimmed to {before}");
        if earliest > 0 {
            let refused = read(&*log, &topic(), Partition(0), Offset(earliest - 1), 1, NO_LIMIT);
            assert!(matches!(refused, Err(LogError::OffsetOutOfRange { .. })), "trimmed to {before}: {refused:?}");
        }
        let read = read(&*log, &topic(), Partition(0), Offset(earliest), NO_LIMIT, NO_LIMIT)?;
        let seen: Vec<_> = read.iter().map(|stored| (stored.offset.0, stored.value.clone())).collect();
        let expected: Vec<_> = (earliest..next).map(|number| (number, number.to_be_bytes().to_vec())).collect();
        assert_eq!(seen, expected, "trimmed to {before}");
        if before >= 50 || before == 20 {
            append(next)?;
            next += 10;
        }
    }
    assert_eq!(log.bounds(&topic(), Partition(1))?, (Offset(0), Offset(next)), "another partition was trimmed, too");
    Ok(())
}

fn offsets_are_found_by_time_after_trims(log: Arc<dyn Log>) -> AppendingOutcome {
    log.create_topic(&topic(), 1)?;
    let given: Vec<i64> = (0..90_i64).map(|index| index * 7919 % 97).collect();
    for part in given.chunks(7) {
        log.append(&topic(), part.iter().map(|time| record("a", "a", *time)).collect())?;
    }
    let times = stamped(&given);
    for earliest in [1, 6, 7, 8, 30, 62, 63, 89, 90] {
        log.trim(&topic(), Partition(0), Offset(earliest))?;
        for time in -1..200 {
            let mut left = (0..).zip(&times).skip(earliest as usize);
            let expected = left.find(|(_, other)| **other >= time).map_or(90, |(offset, _)| offset);
            assert_eq!(log.offset_at(&topic(), Partition(0), time)?, Offset(expected), "time {time} from {earliest} on");
        }
    }
    Ok(())
}

/// Reads and looks up times while records are appended and trimmed: what can be read is always whole.
fn trims_do_not_disturb_readers(log: Arc<dyn Log>) -> AppendingOutcome {
    const APPENDS: u64 = 300;
    log.create_topic(&topic(), 1)?;
    std::thread::scope(|scope| {
        let trimming = scope.spawn(|| {
            for index in 1..=APPENDS {
                log.append(&topic(), (0..4).map(|place| record("a", "a", (index * 4 + place) as i64)).collect())?;
                log.trim(&topic(), Partition(0), Offset(index * 4 - 2))?;
            }
            Ok::<(), LogError>(())
        });
        while !trimming.is_finished() {
            let (earliest, next) = log.bounds(&topic(), Partition(0))?;
            let found = log.offset_at(&topic(), Partition(0), i64::MIN)?;
            assert!(earliest <= next && earliest <= found, "from {earliest} to {next}, but {found} is the first by time");
            match read(&*log, &topic(), Partition(0), earliest, NO_LIMIT, NO_LIMIT) {
                Ok(read) => assert!(read.iter().zip(earliest.0..).all(|(stored, offset)| stored.offset.0 == offset)),
                Err(LogError::OffsetOutOfRange { earliest: trimmed, .. }) if trimmed > earliest => {}
                Err(error) => return Err(error),
            }
        }
        trimming.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    assert_eq!(log.bounds(&topic(), Partition(0))?, (Offset(APPENDS * 4 - 2), Offset(APPENDS * 4)));
    Ok(())
}

/// Appends to two topics of several partitions with times that stand still, fall and jump.
fn timestamps_grow_strictly(log: Arc<dyn Log>) -> AppendingOutcome {
    assert_eq!(log.stable()?, i64::MIN, "an empty log has a timestamp");
    let topics = [Topic::new("a"), Topic::new("b")];
    log.create_topic(&topics[0], 3)?;
    log.create_topic(&topics[1], 5)?;
    let (mut given, mut places) = (Vec::new(), Vec::new());
    for append in 0..40_i64 {
        let topic = &topics[append as usize * 7 % 2];
        let times: Vec<i64> = (0..1 + append % 9).map(|index| 1_000 + append * append * 37 % 91 - index % 3).collect();
        let records = times.iter().map(|time| record(&format!("key {}", time * 31 % 17), "a", *time));
        let positions = log.append(topic, records.collect())?;
        places.extend(positions.into_iter().map(|(partition, offset)| (topic, partition, offset)));
        given.extend(times);
        assert_eq!(Some(&log.stable()?), stamped(&given).last(), "an append has returned and is not stable");
    }
    for ((topic, partition, offset), expected) in places.into_iter().zip(stamped(&given)) {
        let read = read(&*log, topic, partition, offset, 1, NO_LIMIT)?;
        assert_eq!(read[0].timestamp, expected, "{topic} {partition} {offset}");
    }
    Ok(())
}

/// Reads all partitions up to a stable timestamp while several writers append: once more later, it has to be the same.
fn what_is_stable_stays_as_it_is(log: Arc<dyn Log>) -> AppendingOutcome {
    const PARTITIONS: u32 = 3;
    let topics = [Topic::new("a"), Topic::new("b"), Topic::new("c")];
    topics.iter().try_for_each(|topic| log.create_topic(topic, PARTITIONS).map(drop))?;
    let read_to = |stable: i64| -> Result<Vec<(i64, Topic, Partition, Offset)>, LogError> {
        let mut found = Vec::new();
        for topic in &topics {
            for partition in (0..PARTITIONS).map(Partition) {
                let records = read_all(&*log, topic, partition)?.into_iter().filter(|stored| stored.timestamp <= stable);
                found.extend(records.map(|stored| (stored.timestamp, topic.clone(), partition, stored.offset)));
            }
        }
        found.sort_unstable();
        Ok(found)
    };
    let seen = std::thread::scope(|scope| {
        let write = |writer: usize| {
            let (log, topics) = (&log, &topics);
            move || {
                (0..60_usize).try_for_each(|index| {
                    let records = (0..1 + index % 4).map(|place| record(&format!("{writer} {index} {place}"), "a", 0));
                    log.append(&topics[(writer + index) % 3], records.collect()).map(drop)
                })
            }
        };
        let writers: Vec<_> = (0..4).map(|writer| scope.spawn(write(writer))).collect();
        let mut seen = Vec::new();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let stable = log.stable()?;
            assert!(seen.last().is_none_or(|(earlier, _)| *earlier <= stable), "what is stable became less");
            seen.push((stable, read_to(stable)?));
        }
        let joined = writers.into_iter().map(|writer| writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<()>, _>>()?;
        Ok::<_, LogError>(seen)
    })?;
    let all = read_to(log.stable()?)?;
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "two records have one timestamp");
    assert_eq!(all.len(), 4 * 60 / 4 * (1 + 2 + 3 + 4), "the last append is not stable");
    for (stable, found) in seen {
        let expected = all.partition_point(|(timestamp, ..)| *timestamp <= stable);
        assert!(found == all[..expected], "records up to {stable} were read that were not all that there are");
    }
    Ok(())
}

/// A writer appends to one topic and then to another, one record each: whoever takes the stable timestamp first sees both in their order.
fn a_prefix_is_read_while_records_come(log: Arc<dyn Log>) -> AppendingOutcome {
    const APPENDS: u64 = 300;
    let topics = [Topic::new("first"), Topic::new("second")];
    topics.iter().try_for_each(|topic| log.create_topic(topic, 1).map(drop))?;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            (0..APPENDS)
                .try_for_each(|_| topics.iter().try_for_each(|topic| log.append(topic, vec![record("a", "a", 7)]).map(drop)))
        });
        let count = |topic: &Topic, stable: i64| -> Result<usize, LogError> {
            let read = read(&*log, topic, Partition(0), Offset(0), NO_LIMIT, NO_LIMIT)?;
            Ok(read.iter().filter(|stored| stored.timestamp <= stable).count())
        };
        while !writer.is_finished() {
            let stable = log.stable()?;
            // In this order the second topic has had more time.
            let (first, second) = (count(&topics[0], stable)?, count(&topics[1], stable)?);
            assert!(first == second || first == second + 1, "up to {stable}: {first} of the first topic, {second} of the second");
        }
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A key for each of two partitions.
fn two_keys() -> [String; 2] {
    let key_of = |partition| {
        let mut keys = (0..).map(|number: u32| number.to_string());
        keys.find(|key| partition_of(key.as_bytes(), 2) == Partition(partition)).expect("a key for each partition")
    };
    [key_of(0), key_of(1)]
}
