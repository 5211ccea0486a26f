//! State after trimming: after reopening, after a crash in the middle, and on the disk.

use super::batch::BatchPlace;
use super::start::Start;
use super::tests::{directory, noise, open, record, tamper, three_batches, topic};
use super::*;
use crate::error::Damage;

/// The offsets that the stored batches of a log end with.
fn stored_ends(directory: &Path) -> Vec<u64> {
    let mut ends = Vec::new();
    tamper(directory, |_, pairs| {
        let batches = pairs.iter().filter(|(key, _)| key.len() == 28);
        ends.extend(batches.map(|(key, _)| key.last_chunk().copied().map(u64::from_be_bytes).expect("a key of a batch")));
    });
    ends
}

fn bounds(log: &EmbeddedLog) -> (u64, u64) {
    let (earliest, next) = log.bounds(&topic(), Partition(0)).expect("the partition exists");
    (earliest.0, next.0)
}

fn trim(log: &EmbeddedLog, before: u64) {
    log.trim(&topic(), Partition(0), Offset(before)).expect("the log is trimmed");
}

#[test]
fn the_earliest_offset_is_remembered() {
    let directory = three_batches();
    for (before, ends) in [(9, vec![9, 19, 29]), (10, vec![19, 29]), (15, vec![19, 29]), (25, vec![29])] {
        trim(&open(directory.path()), before);
        assert_eq!(stored_ends(directory.path()), ends, "trimmed to {before}");
        let log = open(directory.path());
        assert_eq!(bounds(&log), (before, 30));
        let read = log.read(&topic(), Partition(0), Offset(before), 1, 1).expect("the earliest record is read").records;
        assert_eq!(read[0].value, record(before, 100).value);
        let refused = log.read(&topic(), Partition(0), Offset(before - 1), 1, 1);
        let Err(LogError::OffsetOutOfRange { earliest, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(earliest, Offset(before));
    }
}

#[test]
fn a_log_that_was_trimmed_to_its_end_goes_on_from_there() {
    let directory = three_batches();
    trim(&open(directory.path()), 30);
    assert!(stored_ends(directory.path()).is_empty());
    let log = open(directory.path());
    assert_eq!(bounds(&log), (30, 30));
    assert_eq!(log.offset_at(&topic(), Partition(0), 5).expect("a time is found"), Offset(30));
    let positions = log.append(&topic(), vec![record(3, 8), record(31, 8)]).expect("the records are appended");
    assert_eq!(positions, [(Partition(0), Offset(30)), (Partition(0), Offset(31))]);
    drop(log);
    let log = open(directory.path());
    assert_eq!(bounds(&log), (30, 32));
    // Times go on growing behind those of trimmed records, whatever time a caller gives.
    assert_eq!(log.offset_at(&topic(), Partition(0), 20).expect("a time is found"), Offset(30));
    assert_eq!(log.offset_at(&topic(), Partition(0), 31).expect("a time is found"), Offset(31));
}

/// Files the start that trimming files first, and nothing else, as a crash right after would leave it.
fn interrupt_trim(directory: &Path, start: Start) {
    let topic_id = open(directory).topics.find(&topic()).expect("the topic exists").metadata.topic_id;
    let place = BatchPlace { topic_id, partition: Partition(0) };
    tamper(directory, |batches, _| batches.insert(place.start_key(), start.encode(place)).expect("the start is stored"));
}

#[test]
fn an_interrupted_trim_is_finished_by_the_next() {
    let directory = three_batches();
    interrupt_trim(directory.path(), Start { earliest: Offset(20), next: Offset(30), newest: 29 });
    let log = open(directory.path());
    assert_eq!(bounds(&log), (20, 30));
    trim(&log, 20);
    drop(log);
    assert_eq!(stored_ends(directory.path()), [29]);
    assert_eq!(bounds(&open(directory.path())), (20, 30));
}

#[test]
fn records_that_are_missing_at_the_end_are_found_by_what_trimming_noted() {
    let directory = three_batches();
    trim(&open(directory.path()), 15);
    tamper(directory.path(), |batches, pairs| {
        let (last, _) = pairs.last().expect("there are batches");
        batches.remove(last.clone()).expect("the batch is removed");
    });
    let error = EmbeddedLog::open(directory.path()).err().expect("the last batch is missing");
    assert!(matches!(error, LogError::Corrupt { offset: Offset(20), damage: Damage::Missing, .. }), "{error:?}");
}

#[test]
fn a_damaged_start_is_found_when_the_log_opens() {
    let directory = three_batches();
    trim(&open(directory.path()), 15);
    tamper(directory.path(), |batches, pairs| {
        let (key, mut value) = pairs[0].clone();
        assert_eq!(key.len(), 20);
        value[6] ^= 1;
        batches.insert(key, value).expect("the start is replaced");
    });
    let error = EmbeddedLog::open(directory.path()).err().expect("the start is damaged");
    assert!(matches!(error, LogError::Corrupt { damage: Damage::Checksum, .. }), "{error:?}");
}

/// Bytes that the disk may hold beside the records that are left: the journal, records on their way to their place, and trimmed ones.
const OVERHEAD_BYTES_MAX: u64 = 192 << 20;

/// Appends and trims many times what stays, and looks at the disk all the while.
#[test]
fn the_disk_use_of_a_trimmed_log_is_bounded() {
    const ROUNDS: u64 = 60;
    const ROUNDS_MAX: u64 = 240;
    const ROUNDS_KEPT: u64 = 12;
    const RECORDS: u64 = 16;
    const RECORD_BYTES: usize = 512 << 10;
    let directory = directory();
    let log = open(directory.path());
    log.create_topic(&topic(), 1).expect("the topic is created");
    let kept = ROUNDS_KEPT * RECORDS * RECORD_BYTES as u64;
    let is_within_bounds = || log.bytes() <= kept + OVERHEAD_BYTES_MAX;
    let mut round = 0;
    // On a busy machine what is trimmed is reclaimed some rounds later, but it is.
    while round < ROUNDS || (round < ROUNDS_MAX && !is_within_bounds()) {
        let records = (0..RECORDS).map(|index| noise(round * RECORDS + index, RECORD_BYTES)).collect();
        log.append(&topic(), records).expect("the records are appended");
        trim(&log, (round * RECORDS).saturating_sub(ROUNDS_KEPT * RECORDS));
        round += 1;
    }
    let written = round * RECORDS * RECORD_BYTES as u64;
    assert!(is_within_bounds(), "of {written} bytes {kept} are kept, but the log takes {}", log.bytes());
}
