//! State after the process was killed, ran out of disk, or could not sync: each in a child process, which is this test
//! binary again with the name of an ignored test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::tests::{directory, open, record, topic};
use super::*;

/// Tells a child which log to open.
const DIRECTORY_VARIABLE: &str = "TIDEWATER_TEST_LOG";
const PARTITIONS: u32 = 3;

/// The log that a child was told to open; none when the ignored tests are run by hand.
pub fn directory_of_child() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from)
}

/// Runs an ignored test beside this file in a child, by a shell that first does `setup`, and under another program if there is one.
pub fn child(test: &str, directory: &Path, setup: &str, under: &str) -> Child {
    let binary = std::env::current_exe().expect("the test binary has a path");
    Command::new("sh")
        .args(["-c", &format!("{setup}; exec {under} \"$0\" \"$@\"")])
        .arg(binary)
        .args(["--exact", &format!("embedded::{test}"), "--ignored", "--nocapture"])
        .env(DIRECTORY_VARIABLE, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// Appends for ever, from several threads, and prints what is acknowledged.
#[test]
#[ignore = "runs as a child of another test"]
fn child_appends() {
    let Some(directory) = directory_of_child() else { return };
    let log = open(&directory);
    log.create_topic(&topic(), PARTITIONS).expect("the topic is created");
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let log = &log;
            scope.spawn(move || {
                for index in 0.. {
                    let numbers = (0..1 + index % 50).map(|place| (thread << 32) + (index << 8) + place);
                    let numbers: Vec<u64> = numbers.collect();
                    let records = numbers.iter().map(|number| record(*number, 500)).collect();
                    match log.append(&topic(), records) {
                        Ok(positions) => acknowledge(&positions, &numbers),
                        Err(error) => return println!("\nrefused {error}"),
                    }
                }
            });
        }
    });
    let after = log.append(&topic(), vec![record(0, 8)]).expect_err("a log takes nothing after a failed write");
    println!("\nafter {after}");
    let (_, next) = log.bounds(&topic(), Partition(0)).expect("the partition exists");
    let readable =
        log.read(&topic(), Partition(0), Offset(0), usize::MAX, usize::MAX).expect("what is durable is read").records.len();
    println!("\nreadable {}", readable as u64 == next.0);
}

fn acknowledge(positions: &[(Partition, Offset)], numbers: &[u64]) {
    let mut line = String::from("\nacknowledged");
    for ((partition, offset), number) in positions.iter().zip(numbers) {
        line += &format!(" {partition}:{offset}:{number}");
    }
    println!("{line} end");
}

/// Returns true if a line acknowledges records. The line that was being written when the child was killed may lack its end.
fn acknowledges(line: &str) -> bool {
    line.starts_with("acknowledged ") && line.ends_with(" end")
}

/// Adds what a line of the child acknowledges.
fn note(line: &str, acknowledged: &mut BTreeMap<(u32, u64), u64>) {
    let places = line.trim_start_matches("acknowledged ").trim_end_matches(" end");
    for place in places.split(' ') {
        let fields: Vec<u64> = place.split(':').map(|field| field.parse().expect("the child prints numbers")).collect();
        let [partition, offset, number] = fields[..] else { panic!("the child prints '{place}'") };
        let earlier = acknowledged.insert((partition as u32, offset), number);
        assert_eq!(earlier, None, "partition {partition}, offset {offset} was given twice");
    }
}

/// Returns the records that a child acknowledged before it ended.
pub fn acknowledged(output: &str) -> BTreeMap<(u32, u64), u64> {
    let mut acknowledged = BTreeMap::new();
    output.lines().filter(|line| acknowledges(line)).for_each(|line| note(line, &mut acknowledged));
    acknowledged
}

/// Reads every acknowledged record back from a reopened log.
pub fn assert_all_there(directory: &Path, acknowledged: &BTreeMap<(u32, u64), u64>) {
    let log = open(directory);
    let mut stored = BTreeMap::new();
    for partition in (0..PARTITIONS).map(Partition) {
        let records = log.read(&topic(), partition, Offset(0), usize::MAX, usize::MAX).expect("the partition is whole").records;
        for record in records {
            let number = record.value.first_chunk().copied().map(u64::from_be_bytes);
            stored.insert((partition.0, record.offset.0), number);
        }
    }
    for (place, number) in acknowledged {
        assert_eq!(stored.get(place), Some(&Some(*number)), "acknowledged at {place:?}");
    }
}

#[test]
fn acknowledged_records_survive_kills() {
    let directory = directory();
    let mut acknowledged = BTreeMap::new();
    for lines_before_kill in [1, 40, 200, 7] {
        let mut child = child("crash_tests::child_appends", directory.path(), ":", "");
        let mut lines = BufReader::new(child.stdout.take().expect("the child's output is piped")).lines().map_while(Result::ok);
        for line in lines.by_ref().filter(|line| acknowledges(line)).take(lines_before_kill) {
            note(&line, &mut acknowledged);
        }
        child.kill().expect("the child is killed");
        for line in lines.filter(|line| acknowledges(line)) {
            note(&line, &mut acknowledged);
        }
        child.wait().expect("the child has ended");
        assert!(!acknowledged.is_empty());
        assert_all_there(directory.path(), &acknowledged);
    }
}

/// Writing fails in the child once the journal reaches the largest file it may write.
#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let directory = directory();
    open(directory.path());
    let child = child("crash_tests::child_appends", directory.path(), "trap '' XFSZ; ulimit -f 4096", "");
    let output = child.wait_with_output().expect("the child ends by itself");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let acknowledged = acknowledged(&text);
    assert!(!acknowledged.is_empty(), "{errors}");
    assert!(text.contains("refused cannot append to topic 'social.like': File too large"), "{errors}");
    assert!(text.contains("after cannot append to topic 'social.like': an earlier write to "), "{errors}");
    assert!(text.contains("readable true"));
    assert_all_there(directory.path(), &acknowledged);
    let log = open(directory.path());
    log.append(&topic(), vec![record(1, 8)]).expect("with space again, records are taken again");
}

/// Fails to sync.
#[test]
#[ignore = "runs as a child of another test"]
fn child_fails_to_sync() {
    if let Some(directory) = directory_of_child() {
        super::store::tests::fail_to_sync(&directory);
    }
}

#[test]
fn a_failed_sync_ends_the_process() {
    let directory = directory();
    let output = child("crash_tests::child_fails_to_sync", directory.path(), "ulimit -c 0", "")
        .wait_with_output()
        .expect("the child ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("cannot make records durable in the log '") && errors.contains("the disk is gone"), "{errors}");
    assert_eq!(output.status.code(), None, "the process was not ended by a signal");
}
