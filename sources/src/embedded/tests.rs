//! Tests of the embedded log beyond the conformance suite: reopening, locking, damage, and its rates.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fjall::{Database, KeyspaceCreateOptions};
use tempfile::TempDir;

use super::*;
use crate::error::Damage;

pub fn topic() -> Topic {
    Topic::new("social.like")
}

pub fn directory() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

pub fn open(directory: &Path) -> EmbeddedLog {
    EmbeddedLog::open(directory).expect("the log opens")
}

pub fn record(number: u64, bytes: usize) -> Record {
    let mut value = vec![b'.'; bytes.max(8)];
    value[..8].copy_from_slice(&number.to_be_bytes());
    Record { key: (number % 97).to_be_bytes().to_vec(), value, timestamp: number as i64 }
}

#[test]
fn conforms() {
    let mut directories = Vec::new();
    crate::conformance::check(|| {
        let directory = directory();
        let log = open(directory.path());
        directories.push(directory);
        Arc::new(log)
    });
}

#[test]
fn a_reopened_log_goes_on_where_it_was() {
    let directory = directory();
    let mut expected: Vec<(Partition, Offset, u64)> = Vec::new();
    let mut metadata = None;
    for round in 0..4_u64 {
        let log = open(directory.path());
        let created = log.create_topic(&topic(), 3).expect("the topic is created or found");
        assert_eq!(*metadata.get_or_insert(created.clone()), created, "the topic changed by reopening");
        for append in 0..20 {
            let numbers: Vec<u64> = (0..=append).map(|index| round * 1_000 + append * 30 + index).collect();
            let records = numbers.iter().map(|number| record(*number, 100)).collect();
            let positions = log.append(&topic(), records).expect("the records are appended");
            expected.extend(positions.into_iter().zip(numbers).map(|((partition, offset), number)| (partition, offset, number)));
        }
    }
    let log = open(directory.path());
    for (partition, offset, number) in &expected {
        let read = log.read(&topic(), *partition, *offset, 1, 1).expect("the record is read").records;
        assert_eq!(read[0].value, record(*number, 100).value);
    }
    let ends = (0..3).map(|partition| log.bounds(&topic(), Partition(partition)).expect("the partition exists").1.0);
    assert_eq!(ends.sum::<u64>(), expected.len() as u64);
}

#[test]
fn timestamps_go_on_growing_in_a_reopened_log() {
    let directory = directory();
    let (first, second) = (topic(), Topic::new("other"));
    let at = |timestamp| Record { key: Vec::new(), value: Vec::new(), timestamp };
    let append = |log: &EmbeddedLog, topic: &Topic, timestamp: i64| {
        let (partition, offset) = log.append(topic, vec![at(timestamp)]).expect("the record is appended")[0];
        let stored = log.read(topic, partition, offset, 1, 1).expect("the record is read").records[0].timestamp;
        assert_eq!(log.stable().expect("the log has a timestamp"), stored);
        stored
    };
    let log = open(directory.path());
    for topic in [&first, &second] {
        log.create_topic(topic, 1).expect("the topic is created");
    }
    assert_eq!([append(&log, &first, 1_000), append(&log, &second, 1_000), append(&log, &first, 1_000)], [1_000, 1_001, 1_002]);
    drop(log);
    // The clock of the machine was set back meanwhile.
    let log = open(directory.path());
    assert_eq!(log.stable().expect("the log has a timestamp"), 1_002);
    assert_eq!(append(&log, &second, 5), 1_003);
    // Nothing is left of the record, but its time was given.
    log.trim(&second, Partition(0), Offset(u64::MAX)).expect("the records are trimmed");
    drop(log);
    let log = open(directory.path());
    assert_eq!([append(&log, &first, 5), append(&log, &second, 2_000)], [1_004, 2_000]);
}

#[test]
fn a_directory_is_open_once() {
    let directory = directory();
    let log = open(directory.path());
    match EmbeddedLog::open(directory.path()).err() {
        Some(LogError::Locked { directory: named }) => assert_eq!(named, directory.path()),
        other => panic!("a second opener got {other:?}"),
    }
    drop(log);
    open(directory.path());
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = directory();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").expect("the file is written");
    let error = EmbeddedLog::open(&file.join("log")).err().expect("a file is no directory");
    assert!(matches!(&error, LogError::Open { .. }), "{error:?}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

/// Changes the stored batches of a log that is not open.
pub fn tamper(directory: &Path, change: impl FnOnce(&fjall::Keyspace, Vec<(Vec<u8>, Vec<u8>)>)) {
    let database = Database::builder(directory).open().expect("the database opens");
    let batches = database.keyspace("batches", KeyspaceCreateOptions::default).expect("the keyspace opens");
    let pairs = batches.iter().map(|entry| entry.into_inner().map(|(key, value)| (key.to_vec(), value.to_vec())));
    let pairs = pairs.collect::<Result<_, _>>().expect("the batches are read");
    change(&batches, pairs);
}

/// A record that does not compress.
pub fn noise(number: u64, bytes: usize) -> Record {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut value = number.to_be_bytes().to_vec();
    while value.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value.extend_from_slice(&state.to_le_bytes());
    }
    Record { key: Vec::new(), value, timestamp: number as i64 }
}

/// A log of three batches with ten records each, in one partition.
pub fn three_batches() -> TempDir {
    let directory = directory();
    let log = open(directory.path());
    log.create_topic(&topic(), 1).expect("the topic is created");
    for append in 0..3 {
        let records = (0..10).map(|index| record(append * 10 + index, 100)).collect();
        log.append(&topic(), records).expect("the records are appended");
    }
    directory
}

fn read_error(log: &EmbeddedLog, from: u64) -> (u64, Damage) {
    match log.read(&topic(), Partition(0), Offset(from), usize::MAX, usize::MAX) {
        Err(LogError::Corrupt { topic: named, partition: Partition(0), offset, damage }) if named == topic() => {
            (offset.0, damage)
        }
        other => panic!("reading damaged records gave {other:?}"),
    }
}

#[test]
fn a_damaged_batch_is_an_error_and_never_skipped() {
    let directory = three_batches();
    tamper(directory.path(), |batches, pairs| {
        let (key, mut value) = pairs[1].clone();
        let middle = value.len() / 2;
        value[middle] ^= 1;
        batches.insert(key, value).expect("the batch is replaced");
    });
    let log = open(directory.path());
    assert_eq!(read_error(&log, 0), (10, Damage::Checksum));
    assert_eq!(read_error(&log, 14), (14, Damage::Checksum));
    assert_eq!(log.read(&topic(), Partition(0), Offset(0), 10, usize::MAX).expect("the first batch is whole").records.len(), 10);
    assert_eq!(log.read(&topic(), Partition(0), Offset(20), 10, usize::MAX).expect("the last batch is whole").records.len(), 10);
}

#[test]
fn a_missing_batch_is_an_error_and_never_skipped() {
    let directory = three_batches();
    tamper(directory.path(), |batches, pairs| batches.remove(pairs[1].0.clone()).expect("the batch is removed"));
    let log = open(directory.path());
    assert_eq!(read_error(&log, 0), (10, Damage::Missing));
    assert_eq!(read_error(&log, 10), (10, Damage::Missing));
    assert_eq!(log.read(&topic(), Partition(0), Offset(20), 10, usize::MAX).expect("the last batch is whole").records.len(), 10);
}

#[test]
fn a_damaged_last_batch_is_found_when_the_log_opens() {
    let directory = three_batches();
    tamper(directory.path(), |batches, pairs| {
        let (key, value) = &pairs[2];
        batches.insert(key.clone(), value[..value.len() - 1].to_vec()).expect("the batch is replaced");
    });
    let error = EmbeddedLog::open(directory.path()).err().expect("the end of the partition is not known");
    assert!(matches!(error, LogError::Corrupt { offset: Offset(29), damage: Damage::Checksum, .. }), "{error:?}");
}

#[test]
fn a_damaged_topic_is_named_when_the_log_opens() {
    let directory = three_batches();
    {
        let database = Database::builder(directory.path()).open().expect("the database opens");
        let topics = database.keyspace("topics", KeyspaceCreateOptions::default).expect("the keyspace opens");
        let mut description = topics.get("social.like").expect("the topic is read").expect("the topic is there").to_vec();
        description[18] ^= 1;
        topics.insert("social.like", description).expect("the topic is replaced");
    }
    let error = EmbeddedLog::open(directory.path()).err().expect("the topic is damaged");
    assert!(matches!(&error, LogError::CorruptTopic { topic: named, .. } if *named == topic()), "{error:?}");
}

#[test]
fn large_appends_are_cut_into_batches_and_read_back_whole() {
    let directory = directory();
    let log = open(directory.path());
    log.create_topic(&topic(), 2).expect("the topic is created");
    let records: Vec<Record> = (0..40).map(|number| record(number, 200_000)).collect();
    let positions = log.append(&topic(), records.clone()).expect("the records are appended");
    for (expected, (partition, offset)) in records.iter().zip(positions) {
        let read = log.read(&topic(), partition, offset, 1, 1).expect("the record is read").records;
        assert_eq!((&read[0].value, read[0].timestamp), (&expected.value, expected.timestamp));
    }
    drop(log);
    let mut sizes = Vec::new();
    tamper(directory.path(), |_, pairs| sizes.extend(pairs.iter().map(|(_, value)| value.len())));
    assert!(sizes.len() >= 8 && sizes.iter().all(|size| *size <= 1_100_000), "{sizes:?}");
}

/// More than the store keeps in memory, so that most of it is read from where background threads have moved it.
#[test]
fn records_that_left_memory_are_read_back() {
    let directory = directory();
    let log = open(directory.path());
    log.create_topic(&topic(), 1).expect("the topic is created");
    for append in 0..100 {
        let records = (0..1_000).map(|index| record(append * 1_000 + index, 1_000)).collect();
        log.append(&topic(), records).expect("the records are appended");
    }
    assert_numbered(&log, 100_000);
    drop(log);
    assert_numbered(&open(directory.path()), 100_000);
}

fn assert_numbered(log: &EmbeddedLog, count: u64) {
    let mut next = 0;
    while next < count {
        let read = log.read(&topic(), Partition(0), Offset(next), 5_000, usize::MAX).expect("the records are read").records;
        for stored in read {
            let Record { key, value, timestamp } = record(next, 1_000);
            assert_eq!(stored, StoredRecord { partition: Partition(0), offset: Offset(next), timestamp, key, value });
            next += 1;
        }
    }
    assert_eq!(log.offset_at(&topic(), Partition(0), 77_777).expect("a time is found"), Offset(77_777));
    assert_eq!(log.bounds(&topic(), Partition(0)).expect("the partition exists").1, Offset(count));
}

/// Prints rates: `cargo test --release -p sources rates -- --ignored --nocapture`.
#[test]
#[ignore = "prints rates"]
fn rates() {
    let directory = directory();
    let log = open(directory.path());
    for (name, partitions) in [("one", 1), ("eight", 8)] {
        let topic = Topic::new(name);
        log.create_topic(&topic, partitions).expect("the topic is created");
        let started = Instant::now();
        for append in 0..1_000 {
            let records = (0..1_000).map(|index| record(append * 1_000 + index, 120)).collect();
            log.append(&topic, records).expect("the records are appended");
        }
        rate(&format!("append, {partitions} partitions, 1,000 records each"), 1_000_000, started);
        let started = Instant::now();
        let counts = (0..partitions).map(|partition| scan(&log, &topic, Partition(partition)));
        rate(&format!("scan, {partitions} partitions"), counts.sum(), started);
    }
    for threads in [1, 4, 32] {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let log = &log;
                scope.spawn(move || {
                    for index in 0..500 {
                        log.append(&Topic::new("eight"), vec![record(thread * 500 + index, 120)])
                            .expect("the record is appended");
                    }
                });
            }
        });
        rate(&format!("append, {threads} threads, single records"), threads * 500, started);
    }
    drop(log);
    let started = Instant::now();
    open(directory.path());
    println!("reopen: {:?}", started.elapsed());
}

fn scan(log: &EmbeddedLog, topic: &Topic, partition: Partition) -> u64 {
    let mut offset = Offset(0);
    loop {
        let read = log.read(topic, partition, offset, 10_000, 4 << 20).expect("the records are read").records;
        if read.is_empty() {
            return offset.0;
        }
        offset.0 += read.len() as u64;
    }
}

fn rate(what: &str, count: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {count} in {seconds:.2} s, {:.0} per s", count as f64 / seconds);
}

#[test]
fn bytes_of_a_topic_are_those_of_its_batches_also_after_appends_trims_and_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (large, small) = (Topic::new("large"), Topic::new("small"));
    let append = |log: &EmbeddedLog, topic: &Topic, count: usize| {
        for _ in 0..count {
            let record = |key: u8| Record { key: vec![key], value: vec![7; 10_000], timestamp: 0 };
            log.append(topic, (0..10).map(record).collect()).unwrap();
        }
    };
    let is_about = |found: u64, expected: u64| found >= expected && found < expected + expected / 10;
    let log = EmbeddedLog::open(directory.path()).unwrap();
    for topic in [&large, &small] {
        log.create_topic(topic, 2).unwrap();
    }
    append(&log, &large, 20);
    assert!(is_about(log.topic_bytes(&large).unwrap(), 2_000_000), "{:?}", log.topic_bytes(&large));
    append(&log, &large, 20);
    append(&log, &small, 1);
    assert!(is_about(log.topic_bytes(&large).unwrap(), 4_000_000), "{:?}", log.topic_bytes(&large));
    assert!(is_about(log.topic_bytes(&small).unwrap(), 100_000), "{:?}", log.topic_bytes(&small));
    let before = log.topic_bytes(&large).unwrap();
    for partition in [Partition(0), Partition(1)] {
        let (_, end) = log.bounds(&large, partition).unwrap();
        log.trim(&large, partition, Offset(end.0 / 2)).unwrap();
    }
    let left = log.topic_bytes(&large).unwrap();
    assert!(left > before / 3 && left < before * 2 / 3, "{left} of {before} bytes are left");
    drop(log);
    let log = EmbeddedLog::open(directory.path()).unwrap();
    let counted = log.topic_bytes(&large).unwrap();
    assert!(counted.abs_diff(left) < left / 10, "{counted} bytes are counted, and {left} were there before the restart");
    assert!(log.topic_bytes(&Topic::new("none")).is_err());
    assert!(log.space().is_some_and(|space| space.free > 0 && space.reserve >= LOG_FREE_BYTES_MIN));
}
