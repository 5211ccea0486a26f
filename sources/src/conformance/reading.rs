//! The checks of the reading half, for logs with gaps between their offsets and without.
//!
//! A log that holds known content enters each check; a panic that says what it saw leaves, when the log fails. Nothing here takes an offset
//! for a number of records.

use std::time::Duration;

use schemas::position::{Offset, Partition, Topic};

use super::content::{Content, Returned};
use crate::error::LogError;
use crate::log::LogReader;
use crate::record::{ReadRecords, StoredRecord};

/// Result of a check: the log's own failure, or nothing.
type ReadingOutcome = Result<(), LogError>;
/// A check of a log that holds the content.
pub(super) type ReadingCheck = fn(&dyn LogReader, &Content) -> ReadingOutcome;

/// No limit of a read.
const NO_LIMIT: usize = usize::MAX;

/// The checks, with their names.
pub(super) const CHECKS: [(&str, ReadingCheck); 8] = [
    ("topics are listed by name", topics_are_listed_by_name),
    ("streams come back whole and in order", streams_come_back_whole_and_in_order),
    ("every position can be read from", every_position_can_be_read_from),
    ("reads keep their limits", reads_keep_their_limits),
    ("unknown places are refused", unknown_places_are_refused),
    ("positions outside the log are refused", positions_outside_the_log_are_refused),
    ("offsets are found by time", offsets_are_found_by_time),
    ("what was appended is stable", what_was_appended_is_stable),
];

/// Reads a partition from its earliest position to its end, in steps of so many records.
fn stream(log: &dyn LogReader, topic: &Topic, partition: Partition, step: usize) -> Result<Vec<StoredRecord>, LogError> {
    let (mut from, end) = log.bounds(topic, partition)?;
    let mut records: Vec<StoredRecord> = Vec::new();
    loop {
        let ReadRecords { records: read, next } = log.read(topic, partition, from, step, NO_LIMIT)?;
        assert!(read.iter().all(|record| record.partition == partition), "{topic} {partition}: a record of another partition");
        let Some((first, last)) = read.first().zip(read.last()) else {
            assert_eq!(next, end, "{topic} {partition}: a read without records does not lead to the end");
            return Ok(records);
        };
        assert!(read.len() <= step, "{topic} {partition}: {} records were read instead of {step}", read.len());
        assert!(from <= first.offset && last.offset < next && next <= end, "{topic} {partition}: {from} led to {next} of {end}");
        records.extend(read);
        from = next;
    }
}

/// Reads a partition in one step.
fn all(log: &dyn LogReader, topic: &Topic, partition: Partition) -> Result<Vec<StoredRecord>, LogError> {
    stream(log, topic, partition, NO_LIMIT)
}

fn topics_are_listed_by_name(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    let listed = log.topics()?;
    let names: Vec<(Topic, u32)> = listed.iter().map(|metadata| (metadata.topic.clone(), metadata.partitions)).collect();
    assert_eq!(names, content.topics);
    for metadata in listed {
        assert_eq!(log.topic(&metadata.topic)?.as_ref(), Some(&metadata));
    }
    assert_eq!(log.topic(&Topic::new("unknown"))?, None);
    Ok(())
}

/// Follows the positions that reads return, in steps of several sizes, and compares with what was appended.
fn streams_come_back_whole_and_in_order(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    for ((topic, partition), expected) in content.returned() {
        for step in [1, 2, 7, NO_LIMIT] {
            let records = stream(log, &topic, partition, step)?;
            assert!(records.windows(2).all(|pair| pair[0].offset < pair[1].offset), "{topic} {partition}: offsets do not grow");
            let returned: Vec<Returned> =
                records.into_iter().map(|record| (record.timestamp, record.key, record.value)).collect();
            assert_eq!(returned, expected, "{topic} {partition} in steps of {step}");
        }
    }
    Ok(())
}

/// Takes every offset from the earliest to the end for a position, whether a record is there or not.
fn every_position_can_be_read_from(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    for (topic, partition) in content.returned().into_keys() {
        let records = all(log, &topic, partition)?;
        let (earliest, end) = log.bounds(&topic, partition)?;
        for position in (earliest.0..=end.0).map(Offset) {
            let (before, behind) = records.split_at(records.partition_point(|record| record.offset < position));
            let read = log.read(&topic, partition, position, 1, NO_LIMIT)?;
            assert_eq!(read.records.first(), behind.first(), "{topic} {partition} from {position}");
            assert_eq!(log.last_before(&topic, partition, position)?.as_ref(), before.last(), "{topic} {partition} {position}");
            let count = log.records_from(&topic, partition, position)?;
            assert!(
                count >= behind.len() as u64,
                "{topic} {partition} has {} records from {position}, not {count}",
                behind.len()
            );
            assert_eq!(count == 0, behind.is_empty(), "{topic} {partition} from {position}");
        }
        assert_eq!(log.last_before(&topic, partition, Offset(u64::MAX))?.as_ref(), records.last(), "{topic} {partition}");
    }
    Ok(())
}

/// Reads from every record on with several limits of bytes.
fn reads_keep_their_limits(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    for (topic, partition) in content.returned().into_keys() {
        let records = all(log, &topic, partition)?;
        for (place, first) in records.iter().enumerate() {
            for bytes in [0, 20, 55, 200] {
                let read = log.read(&topic, partition, first.offset, NO_LIMIT, bytes)?.records;
                let mut left = bytes;
                let fits = |record: &&StoredRecord| {
                    let fits = record.bytes() <= left;
                    left = left.saturating_sub(record.bytes());
                    fits
                };
                let count = records[place..].iter().take_while(fits).count();
                assert!(read.len() <= count.max(1) && !read.is_empty(), "{} records in {bytes} bytes, not {count}", read.len());
            }
            let read = log.read(&topic, partition, first.offset, 0, 0)?.records;
            assert_eq!(read.as_slice(), std::slice::from_ref(first), "a read without room gives one record");
        }
    }
    Ok(())
}

/// The answers of every method that names a partition.
fn answers(log: &dyn LogReader, topic: &Topic, partition: Partition) -> [ReadingOutcome; 5] {
    [
        log.read(topic, partition, Offset(0), 1, 1).map(drop),
        log.last_before(topic, partition, Offset(0)).map(drop),
        log.bounds(topic, partition).map(drop),
        log.records_from(topic, partition, Offset(0)).map(drop),
        log.offset_at(topic, partition, 0).map(drop),
    ]
}

fn unknown_places_are_refused(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    for answer in answers(log, &Topic::new("unknown"), Partition(0)) {
        assert!(matches!(answer, Err(LogError::UnknownTopic { .. })), "{answer:?}");
    }
    for (topic, partitions) in &content.topics {
        for answer in answers(log, topic, Partition(*partitions)) {
            assert!(matches!(answer, Err(LogError::UnknownPartition { .. })), "{answer:?}");
        }
    }
    Ok(())
}

fn positions_outside_the_log_are_refused(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    for (topic, partition) in content.returned().into_keys() {
        let (_, end) = log.bounds(&topic, partition)?;
        let refused = log.read(&topic, partition, end.behind(), 1, 1);
        assert!(matches!(refused, Err(LogError::OffsetOutOfRange { .. })), "{topic} {partition}: {refused:?}");
        assert_eq!(log.read(&topic, partition, end, 1, 1)?, ReadRecords { records: Vec::new(), next: end });
    }
    Ok(())
}

/// Looks up the time of every record, and those right before and after it.
fn offsets_are_found_by_time(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    for (topic, partition) in content.returned().into_keys() {
        let (records, (_, end)) = (all(log, &topic, partition)?, log.bounds(&topic, partition)?);
        let times = records.iter().flat_map(|record| [record.timestamp - 1, record.timestamp, record.timestamp + 1]);
        for time in times.chain([i64::MIN, i64::MAX]) {
            let expected = records.iter().find(|record| record.timestamp >= time).map_or(end, |record| record.offset);
            assert_eq!(log.offset_at(&topic, partition, time)?, expected, "{topic} {partition} at {time}");
        }
    }
    Ok(())
}

fn what_was_appended_is_stable(log: &dyn LogReader, content: &Content) -> ReadingOutcome {
    let newest = content.returned().into_values().flatten().map(|(timestamp, ..)| timestamp).max();
    assert_eq!(log.stable()?, newest.unwrap_or(i64::MIN));
    let seen = log.wait(0, Duration::ZERO);
    assert_eq!(log.wait(seen, Duration::from_millis(1)), seen, "the counter moved without an append");
    Ok(())
}
