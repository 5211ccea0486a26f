//! State that a loss of power and the other faults leave.

use std::collections::BTreeSet;

use super::*;

const SEEDS: u64 = 400;

fn read(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    disk.read(path, 0, usize::MAX).ok()
}

/// A disk with a durable file `file` that holds `durable`.
fn with_file(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    disk.append("file", b"durable").unwrap();
    disk.sync("file").unwrap();
    disk.sync_directory("").unwrap();
    disk
}

/// Returns the results of many seeds.
fn outcomes<T: Ord>(find: impl Fn(u64) -> T) -> BTreeSet<T> {
    (0..SEEDS).map(find).collect()
}

#[test]
fn a_loss_of_power_tears_what_was_not_synced_anywhere() {
    let found = outcomes(|seed| {
        let disk = with_file(seed);
        disk.append("file", b"abc").unwrap();
        disk.append("file", b"def").unwrap();
        disk.crash();
        read(&disk, "file").unwrap()
    });
    for found in &found {
        let tail = found.strip_prefix(b"durable").expect("what was synced is there");
        let written: Vec<u8> = tail.iter().copied().take_while(|byte| *byte != 0).collect();
        assert!(b"abcdef".starts_with(&written), "{found:?}");
        assert!(tail[written.len()..].iter().all(|byte| *byte == 0), "{found:?}");
    }
    let torn: Vec<&[u8]> = vec![b"durable", b"durablea", b"durableabcd", b"durableabcdef", b"durableab\0\0"];
    assert!(torn.iter().all(|torn| found.contains(*torn)), "{found:?}");
}

#[test]
fn a_truncation_is_durable_only_after_a_sync() {
    let found = outcomes(|seed| {
        let disk = with_file(seed);
        disk.truncate("file", 3).unwrap();
        disk.crash();
        read(&disk, "file").unwrap()
    });
    assert_eq!(found, BTreeSet::from([b"dur".to_vec(), b"durable".to_vec()]));
    let found = outcomes(|seed| {
        let disk = with_file(seed);
        disk.truncate("file", 3).unwrap();
        disk.sync("file").unwrap();
        disk.crash();
        read(&disk, "file").unwrap()
    });
    assert_eq!(found, BTreeSet::from([b"dur".to_vec()]));
}

#[test]
fn names_are_durable_only_after_a_sync_of_their_folder() {
    let found = outcomes(|seed| {
        let disk = with_file(seed);
        disk.append("new", b"n").unwrap();
        disk.sync("new").unwrap();
        disk.rename("new", "file").unwrap();
        disk.append("other", b"").unwrap();
        disk.crash();
        (disk.list("").unwrap().join(" "), read(&disk, "file").unwrap())
    });
    let (old, new) = (b"durable".to_vec(), b"n".to_vec());
    let states = [
        ("file", &old),
        ("file new", &old),
        ("file", &new),
        ("file other", &old),
        ("file new other", &old),
        ("file other", &new),
    ];
    let expected: BTreeSet<(String, Vec<u8>)> = states.map(|(names, bytes)| (names.to_owned(), bytes.clone())).into();
    assert_eq!(found, expected, "a rename is there or not, and never without what it renames");
}

#[test]
fn a_synced_folder_has_its_names_only_when_it_is_there() {
    let names = |sync_root: bool| {
        outcomes(|seed| {
            let disk = SimulatedDisk::new(seed);
            disk.create_directory("a").unwrap();
            disk.append("a/file", b"1").unwrap();
            disk.sync("a/file").unwrap();
            disk.sync_directory("a").unwrap();
            if sync_root {
                disk.sync_directory("").unwrap();
            }
            disk.crash();
            read(&disk, "a/file")
        })
    };
    assert_eq!(names(false), BTreeSet::from([None, Some(b"1".to_vec())]));
    assert_eq!(names(true), BTreeSet::from([Some(b"1".to_vec())]));
}

#[test]
fn a_removed_file_may_come_back() {
    let found = outcomes(|seed| {
        let disk = with_file(seed);
        disk.remove("file").unwrap();
        assert_eq!(read(&disk, "file"), None);
        disk.crash();
        read(&disk, "file")
    });
    assert_eq!(found, BTreeSet::from([None, Some(b"durable".to_vec())]));
}

#[test]
fn a_failed_sync_is_never_made_good() {
    for seed in 0..SEEDS {
        let disk = with_file(seed);
        disk.append("file", b"abc").unwrap();
        disk.fail_sync_after(0);
        assert_eq!(disk.sync("file").unwrap_err().action, DiskAction::Sync);
        assert_eq!(read(&disk, "file").unwrap(), b"durableabc", "until a crash it can be read");
        disk.sync("file").unwrap();
        disk.append("file", b"def").unwrap();
        disk.sync("file").unwrap();
        disk.crash();
        assert_eq!(read(&disk, "file").unwrap(), b"durable\0\0\0def", "a second sync writes only what came after");
        assert_eq!(disk.faults().failed_syncs, 1);
    }
}

#[test]
fn a_failed_sync_of_a_folder_is_never_made_good() {
    for seed in 0..SEEDS {
        let disk = with_file(seed);
        disk.append("new", b"1").unwrap();
        disk.sync("new").unwrap();
        disk.fail_sync_after(0);
        disk.sync_directory("").unwrap_err();
        assert_eq!(disk.sync_directory("").unwrap_err().detail, "the file system is read-only");
        disk.restart();
        assert_eq!(disk.list("").unwrap(), ["file"], "it has to be mounted again, and what was not synced is gone");
        disk.append("new", b"2").unwrap();
    }
}

#[test]
fn every_operation_fails_from_the_crash_on() {
    let found = outcomes(|seed| {
        let disk = with_file(seed);
        disk.append("file", b"abc").unwrap();
        disk.crash_at(disk.operations() + 1);
        assert_eq!(disk.sync("file").unwrap_err().detail, "the power is lost");
        disk.append("file", b"def").unwrap_err();
        disk.length("file").unwrap_err();
        disk.list("").unwrap_err();
        disk.crash();
        read(&disk, "file").unwrap().len()
    });
    assert_eq!(found, (7..=10).collect(), "the operation during which it happens is done, wholly or partly, or not");
    let disk = with_file(1);
    disk.append("file", b"abc").unwrap();
    disk.crash_at(disk.operations() + 1);
    disk.append("other", b"x").unwrap_err();
    disk.restart();
    assert_eq!(read(&disk, "file").unwrap(), b"durableabc", "the end of a process loses nothing");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = with_file(1);
    disk.limit_space(Some(9));
    let error = disk.append("file", b"abc").unwrap_err();
    assert_eq!((error.action, error.cause), (DiskAction::Write, DiskCause::NoSpace));
    assert_eq!(read(&disk, "file").unwrap(), b"durableab");
    disk.truncate("file", 7).unwrap();
    disk.append("file", b"xy").unwrap();
    disk.limit_space(None);
    disk.append("file", b"z").unwrap();
    assert_eq!((disk.used_bytes(), disk.faults().full), (10, 1));
}

#[test]
fn decay_and_lies_are_seen_by_clones_too() {
    let disk = with_file(1);
    let (offset, bit) = disk.clone().flip_bit("file").unwrap().unwrap();
    let mut expected = b"durable".to_vec();
    expected[offset as usize] ^= 1 << bit;
    assert_eq!(read(&disk, "file").unwrap(), expected);
    disk.flip_bit_at("file", offset, bit).unwrap();
    disk.misdirect_next_append("file");
    disk.append("other", b"#########").unwrap();
    assert_eq!(read(&disk, "other").unwrap(), [0; 9]);
    let found = read(&disk, "file").unwrap();
    let offset = found.iter().position(|byte| *byte == b'#').unwrap();
    assert_eq!(found.len(), 7);
    assert!(b"durable".starts_with(&found[..offset]) && found[offset..].iter().all(|byte| *byte == b'#'));
    disk.fail_read_after(1);
    disk.read("file", 0, 1).unwrap();
    assert_eq!(disk.read("file", 0, 1).unwrap_err().cause, DiskCause::Other);
    disk.read("file", 0, 1).unwrap();
    let expected = FaultCounts { flipped_bits: 2, misdirected_writes: 1, failed_reads: 1, ..FaultCounts::default() };
    assert_eq!(disk.faults(), expected);
}

#[test]
fn faults_are_the_same_for_the_same_seed() {
    let run = |seed| {
        let disk = SimulatedDisk::new(seed);
        for number in 0..20 {
            disk.append(&format!("file-{number}"), &[number; 10]).unwrap();
        }
        disk.crash();
        let files: Vec<_> = disk.list("").unwrap().into_iter().map(|name| read(&disk, &name)).collect();
        (files, disk.faults())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    assert_eq!(run(7).1.crashes, 1);
}
