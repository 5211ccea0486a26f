//! Faults of the machine, injected for real: a sync that fails, damaged and torn files, a full disk, a second process. Each test is
//! named after the fault's number in the catalogue of faults.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::crash_tests::{acknowledged, assert_all_there, child, directory_of_child};
use super::tests::{directory, noise, open, record, topic};
use super::*;

const ABORTED: i32 = 6;
/// Most time for the store to give space back on a busy machine.
const SPACE_RETURNS_MAX: Duration = Duration::from_secs(30);
/// Megabytes that are freed for the store to compact in.
const ROOM_MEGABYTES: u32 = 16;

/// Runs a program to its end, which has to be a good one.
fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run '{program} {arguments:?}': {error}"));
    assert!(output.status.success(), "'{program} {arguments:?}' failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Lets calls of a child fail. Installs what does that where it is missing; a machine that does not allow it fails the test.
fn strace(inject: &str, log: &Path) -> String {
    if Command::new("strace").arg("-V").output().is_err() {
        run("apt-get", &["install", "--yes", "strace"]);
    }
    run("strace", &["-o", "/dev/null", "true"]);
    format!("strace -f -o '{}' -e trace=fsync,fdatasync -e inject={inject}", log.display())
}

/// The syncs of a child after the first that was made to fail.
fn syncs_after_failure(log: &Path) -> Vec<String> {
    let log = std::fs::read_to_string(log).expect("strace has written its log");
    let mut lines = log.lines().skip_while(|line| !line.contains("EIO (Input/output error) (INJECTED)"));
    assert!(lines.next().is_some(), "no sync failed: {log}");
    lines.filter(|line| line.contains("sync(")).map(str::to_owned).collect()
}

#[test]
fn fault_09_a_failed_sync_of_records_ends_the_process() {
    for failing in [2, 3, 40] {
        let directory = directory();
        let log = directory.path().join("syncs");
        let under = strace(&format!("fdatasync:error=EIO:when={failing}"), &log);
        let data = directory.path().join("log");
        let output =
            child("crash_tests::child_appends", &data, "ulimit -c 0", &under).wait_with_output().expect("the child ends");
        let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.signal(), Some(ABORTED), "sync {failing}: {errors}");
        assert!(errors.contains("cannot make records durable in the log '"), "sync {failing}: {errors}");
        assert_eq!(syncs_after_failure(&log), [""; 0], "sync {failing} was tried again, or another followed");
        assert!(!text.contains("refused"), "sync {failing} was taken for a write that failed: {text}");
        let acknowledged = acknowledged(&text);
        assert!(failing < 40 || !acknowledged.is_empty());
        assert_all_there(&data, &acknowledged);
    }
}

#[test]
fn fault_09_a_failed_sync_in_the_background_stops_appends() {
    let directory = directory();
    let data = directory.path().join("log");
    drop(open(&data));
    let log = directory.path().join("syncs");
    let under = strace("fsync:error=EIO:when=20+", &log);
    let output = child("crash_tests::child_appends", &data, ":", &under).wait_with_output().expect("the child ends");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{errors}");
    syncs_after_failure(&log);
    assert!(text.contains("after cannot append to topic 'social.like': an earlier write to "), "{errors}");
    assert!(text.contains("readable true"), "{errors}");
    let acknowledged = acknowledged(&text);
    assert!(!acknowledged.is_empty());
    assert_all_there(&data, &acknowledged);
}

const APPENDS: u64 = 12;
const RECORDS_PER_APPEND: u64 = 5;

/// A log with some appends, in the journal only, or also where the background moves them.
fn appended(moved: bool) -> TempDir {
    let directory = directory();
    let log = open(directory.path());
    log.create_topic(&topic(), 1).expect("the topic is created");
    for append in 0..APPENDS {
        let records = (0..RECORDS_PER_APPEND).map(|index| noise(append * RECORDS_PER_APPEND + index, 700)).collect();
        log.append(&topic(), records).expect("the records are appended");
        if moved && append % 4 == 3 {
            log.store.batches.rotate_memtable_and_wait().expect("the batches are moved");
        }
    }
    directory
}

/// Reads a log from its start to its end.
fn read_all(log: &EmbeddedLog) -> Result<Vec<Record>, LogError> {
    let read = log.read(&topic(), Partition(0), Offset(0), usize::MAX, usize::MAX)?.records;
    Ok(read.into_iter().map(|StoredRecord { key, value, timestamp, .. }| Record { key, value, timestamp }).collect())
}

fn records(count: u64) -> Vec<Record> {
    (0..count).map(|number| noise(number, 700)).collect()
}

/// The journal file of a log, and what was written to it.
fn journal(directory: &Path) -> (PathBuf, Vec<u8>) {
    let entries = std::fs::read_dir(directory).expect("the directory is read").map(|entry| entry.expect("an entry").path());
    let files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "jnl")).collect();
    let [file] = &files[..] else { panic!("one journal file is expected: {files:?}") };
    let mut bytes = std::fs::read(file).expect("the journal is read");
    let written = bytes.windows(4).rposition(|window| window == b"FJL\x03").expect("there are batches") + 4;
    bytes.truncate(written);
    (file.clone(), bytes)
}

/// Cuts the end of the journal off, as a crash in the last write does, which nobody was told of.
#[test]
fn fault_10_a_torn_tail_is_discarded() {
    let directory = appended(false);
    let (file, bytes) = journal(directory.path());
    let written = bytes.len();
    let last = RECORDS_PER_APPEND as usize * 700;
    for cut in [1, 3, 4, 5, 12, 13, 14, 100, last / 2, last] {
        // The end is missing, and the end was not written into the space that the database had reserved.
        for zeros in [0, 1, 9000] {
            let mut torn = bytes[..written - cut].to_vec();
            torn.resize(torn.len() + zeros, 0);
            std::fs::write(&file, torn).expect("the journal is cut");
            let log = open(directory.path());
            let count = (APPENDS - 1) * RECORDS_PER_APPEND;
            assert_eq!(read_all(&log).expect("the log is whole"), records(count), "{cut} bytes cut off, {zeros} zeros");
            log.append(&topic(), vec![noise(count, 700)]).expect("a record is appended");
            drop(log);
            assert_eq!(read_all(&open(directory.path())).expect("the log is whole"), records(count + 1));
        }
    }
}

#[test]
fn fault_10_a_flipped_bit_in_the_journal_is_refused() {
    let directory = appended(false);
    let (file, bytes) = journal(directory.path());
    let written = bytes.len();
    let second = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"FJL\x03").nth(1).expect("there are batches").0;
    // Every byte of a header, and of the last batch's end; some of the rest.
    let all = (0..60).chain(second..second + 100).chain(written - 60..written).chain((0..written).step_by(997));
    for place in all {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        std::fs::write(&file, &damaged).expect("the journal is damaged");
        match EmbeddedLog::open(directory.path()) {
            Err(LogError::CorruptJournal { file: named, position, .. }) => {
                assert_eq!(named, file);
                // A sequence number that is too great shows by the batch that follows.
                assert!(position as usize <= place + written / APPENDS as usize, "byte {place} is damaged, {position} is named");
                assert!(std::fs::read(&file).expect("the journal is read") == damaged, "byte {place}: the journal was changed");
            }
            Err(error) => panic!("byte {place}: {error}"),
            Ok(log) => {
                assert_eq!(read_all(&log).ok(), Some(records(APPENDS * RECORDS_PER_APPEND)), "byte {place} was overlooked")
            }
        }
    }
}

/// Reads a log and compares.
#[test]
#[ignore = "runs as a child of another test"]
fn child_reads() {
    let Some(directory) = directory_of_child() else { return };
    match EmbeddedLog::open(&directory).and_then(|log| read_all(&log)) {
        Ok(read) if read == records(APPENDS * RECORDS_PER_APPEND) => println!("\nwhole"),
        Ok(read) => println!("\nskipped {read:?}"),
        Err(error @ (LogError::UnknownTopic { .. } | LogError::OffsetOutOfRange { .. })) => println!("\nskipped {error}"),
        Err(error) => println!("\nrefused {error}"),
    }
}

/// Every file that the database keeps, in turn: what can't be trusted is refused, and what is read is what was written. The database
/// itself ends the process on some damage of its own files; that is no answer that skips records either.
#[test]
fn fault_10_a_flipped_bit_in_any_file_is_never_skipped() {
    const PLACES: usize = 5;
    let whole = appended(true);
    let mut refused = 0;
    for file in files_below(whole.path()) {
        let name = file.strip_prefix(whole.path()).expect("a file of the log").display().to_string();
        let bytes = std::fs::read(&file).expect("the file is read");
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for place in (0..written).step_by((written / PLACES).max(1)) {
            let copy = copy_of(whole.path());
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x40;
            std::fs::write(copy.path().join(&name), damaged).expect("the file is damaged");
            let output = child("fault_tests::child_reads", copy.path(), "ulimit -c 0; ulimit -v 4000000", "").wait_with_output();
            let output = output.expect("the child ends");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(!text.contains("\nskipped"), "'{name}', byte {place}: {text}");
            assert!(text.contains("\nwhole") || text.contains("\nrefused") || !output.status.success(), "{text}");
            // Every byte of the records themselves is read.
            if name.starts_with("keyspaces/2/blobs/") {
                let named = text.contains("topic 'social.like', partition 0 at offset ")
                    || text.contains(&copy.path().display().to_string());
                assert!(named || !output.status.success(), "'{name}', byte {place} is damaged, but: {text}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 3 * PLACES, "only {refused} places in files of records were damaged");
}

fn copy_of(directory: &Path) -> TempDir {
    let copy = TempDir::new().expect("a temporary directory");
    run("cp", &["-r", "--sparse=always", &format!("{}/.", directory.display()), &copy.path().display().to_string()]);
    copy
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory is read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// A small disk, in memory.
struct Disk(TempDir);

impl Disk {
    fn mount(megabytes: u32) -> Self {
        let directory = directory();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs", &directory.path().display().to_string()]);
        Self(directory)
    }

    /// Takes space away, until the file is removed. Answers whether there was as much.
    fn fill(&self, name: &str, megabytes: u32) -> bool {
        let file = self.0.path().join(name).display().to_string();
        let output = Command::new("fallocate").args(["-l", &format!("{megabytes}M"), &file]).output();
        output.expect("fallocate runs").status.success()
    }

    fn free(&self, name: &str) {
        std::fs::remove_file(self.0.path().join(name)).expect("the file is removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a child that another test is just starting may hold our files for a moment.
        run("umount", &["--lazy", &self.0.path().display().to_string()]);
    }
}

/// Appends until the log refuses for want of space. Returns how many records there are then.
fn append_until_full(log: &EmbeddedLog, mut count: u64) -> u64 {
    loop {
        match log.append(&topic(), (count..count + 10).map(|number| noise(number, 100_000)).collect()) {
            Ok(_) => count += 10,
            Err(LogError::NoSpace { free, needed, .. }) if free < needed => return count,
            Err(error) => panic!("a full disk was met: {error}"),
        }
    }
}

fn assert_readable(log: &EmbeddedLog, (earliest, count): (u64, u64)) {
    let bounds = log.bounds(&topic(), Partition(0)).expect("the partition exists");
    assert_eq!(bounds, (Offset(earliest), Offset(count)));
    for number in (earliest..count).step_by(17).chain([count - 1]) {
        let read = log.read(&topic(), Partition(0), Offset(number), 1, 1).expect("what was acknowledged is read").records;
        assert!(read[0].value == noise(number, 100_000).value, "record {number} is another");
    }
}

#[test]
fn fault_11_a_full_disk_refuses_appends_until_there_is_space() {
    let disk = Disk::mount(320);
    assert!(disk.fill("ballast", 64) && disk.fill("room", ROOM_MEGABYTES));
    let data = disk.0.path().join("log");
    let log = open(&data);
    log.create_topic(&topic(), 1).expect("the topic is created");
    let full = append_until_full(&log, 0);
    assert!(full > 0);
    assert_readable(&log, (0, full));
    let refused = log.create_topic(&Topic::new("another"), 1);
    assert!(matches!(refused, Err(LogError::NoSpace { .. })) || refused.is_ok(), "{refused:?}");

    // Space that others free.
    disk.free("ballast");
    let fuller = append_until_full(&log, full);
    assert!(fuller > full, "freed space was not used");
    assert_readable(&log, (0, fuller));

    // Space that trimming frees.
    log.trim(&topic(), Partition(0), Offset(fuller - 10)).expect("a full log is trimmed");
    // The store needs room to compact: with a little of it, more comes back than that. Retention trims again and again, and so is it compacted
    // then; without that, whether appends or the store's own compactions take the room first would be a matter of luck.
    disk.free("room");
    let room_records = u64::from(ROOM_MEGABYTES) * 10;
    let mut trimmed = fuller;
    let deadline = Instant::now() + SPACE_RETURNS_MAX;
    while trimmed <= fuller + room_records && Instant::now() < deadline {
        log.trim(&topic(), Partition(0), Offset(fuller - 10)).expect("a log is trimmed again");
        trimmed = append_until_full(&log, trimmed);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(trimmed > fuller + room_records, "trimmed space was not used");
    assert_readable(&log, (fuller - 10, trimmed));

    drop(log);
    let log = open(&data);
    assert_readable(&log, (fuller - 10, trimmed));
    drop(log);
}

/// Another program takes what the log leaves free, to the last page.
#[test]
fn fault_11_a_disk_that_others_fill_refuses_appends_until_there_is_space() {
    let disk = Disk::mount(192);
    let log = open(&disk.0.path().join("log"));
    log.create_topic(&topic(), 1).expect("the topic is created");
    log.append(&topic(), (0..100).map(|number| noise(number, 100_000)).collect()).expect("there is space");
    let names: Vec<String> = (0..).map(|number: u32| number.to_string()).take_while(|name| disk.fill(name, 1)).collect();
    assert_eq!(append_until_full(&log, 100), 100, "there was space on a full disk");
    let refused = log.create_topic(&Topic::new("another"), 1);
    assert!(matches!(refused, Err(LogError::NoSpace { .. })), "{refused:?}");
    let refused = log.trim(&topic(), Partition(0), Offset(50));
    assert!(matches!(refused, Err(LogError::NoSpace { .. })), "{refused:?}");
    assert_readable(&log, (0, 100));
    names.iter().for_each(|name| disk.free(name));
    log.append(&topic(), (100..200).map(|number| noise(number, 100_000)).collect()).expect("there is space again");
    log.trim(&topic(), Partition(0), Offset(50)).expect("there is space again");
    assert_readable(&log, (50, 200));
    drop(log);
}

/// Tries to open a log.
#[test]
#[ignore = "runs as a child of another test"]
fn child_opens() {
    if let Some(directory) = directory_of_child() {
        match EmbeddedLog::open(&directory) {
            Ok(_) => println!("\nopened"),
            Err(error) => println!("\nrefused {error}"),
        }
    }
}

#[test]
fn fault_14_a_second_process_is_refused() {
    let directory = directory();
    let log = open(directory.path());
    log.create_topic(&topic(), 1).expect("the topic is created");
    let second = || {
        let output = child("fault_tests::child_opens", directory.path(), ":", "").wait_with_output().expect("the child ends");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let refused = second();
    assert!(
        refused.contains("\nrefused cannot open the log in '") && refused.contains("another process has it open"),
        "{refused}"
    );
    log.append(&topic(), vec![record(0, 8)]).expect("the first process goes on");
    drop(log);
    let opened = second();
    assert!(opened.contains("\nopened"), "{opened}");
}
