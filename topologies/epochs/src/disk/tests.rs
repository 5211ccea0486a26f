//! Both disks do the same while nothing fails; the real one says what the system refuses.

use std::path::Path;

use super::real::RealDisk;
use super::simulated::SimulatedDisk;
use super::{Disk, DiskAction, DiskCause, DiskError};

fn on_both(test: impl Fn(&dyn Disk)) {
    test(&SimulatedDisk::new(1));
    let directory = tempfile::tempdir().unwrap();
    test(&RealDisk::open(&directory.path().join("data")).unwrap());
}

fn cause<T: std::fmt::Debug>(result: Result<T, DiskError>) -> (DiskAction, DiskCause) {
    let error = result.unwrap_err();
    (error.action, error.cause)
}

#[test]
fn files_hold_what_was_appended() {
    on_both(|disk| {
        disk.create_directory("a/b").unwrap();
        disk.create_directory("a/b").unwrap();
        disk.append("a/b/file", b"hello ").unwrap();
        disk.sync("a/b/file").unwrap();
        disk.append("a/b/file", b"world").unwrap();
        assert_eq!(disk.length("a/b/file"), Ok(11));
        assert_eq!(disk.read("a/b/file", 4, 4).unwrap(), b"o wo");
        assert_eq!(disk.read("a/b/file", 6, usize::MAX).unwrap(), b"world");
        assert_eq!(disk.read("a/b/file", 12, 4).unwrap(), b"");
        disk.truncate("a/b/file", 2).unwrap();
        disk.append("a/b/file", b"y").unwrap();
        disk.sync("a/b/file").unwrap();
        assert_eq!(disk.read("a/b/file", 0, 100).unwrap(), b"hey");
        disk.sync_directory("a/b").unwrap();
        disk.sync_directory("").unwrap();
        assert_eq!(disk.list("").unwrap(), ["a"]);
        assert_eq!(disk.list("a/b").unwrap(), ["file"]);
        assert_eq!(disk.list("nowhere").unwrap(), [""; 0]);
    });
}

#[test]
fn a_renamed_file_is_appended_to_under_its_new_name() {
    on_both(|disk| {
        disk.append("old", b"1").unwrap();
        disk.append("new", b"replaced").unwrap();
        disk.rename("old", "new").unwrap();
        disk.append("new", b"2").unwrap();
        disk.append("old", b"another").unwrap();
        assert_eq!(disk.read("new", 0, 100).unwrap(), b"12");
        disk.remove("new").unwrap();
        disk.append("new", b"3").unwrap();
        assert_eq!(disk.read("new", 0, 100).unwrap(), b"3");
        assert_eq!(disk.list("").unwrap(), ["new", "old"]);
    });
}

#[test]
fn what_is_not_there_is_reported_as_such() {
    on_both(|disk| {
        assert_eq!(cause(disk.length("x")), (DiskAction::Read, DiskCause::NotFound));
        assert_eq!(cause(disk.read("x", 0, 1)), (DiskAction::Read, DiskCause::NotFound));
        assert_eq!(cause(disk.append("x/y", b"1")), (DiskAction::Write, DiskCause::NotFound));
        assert_eq!(cause(disk.truncate("x", 0)), (DiskAction::Write, DiskCause::NotFound));
        assert_eq!(cause(disk.rename("x", "y")), (DiskAction::Write, DiskCause::NotFound));
        assert_eq!(cause(disk.remove("x")), (DiskAction::Write, DiskCause::NotFound));
        assert_eq!(cause(disk.sync("x")), (DiskAction::Sync, DiskCause::NotFound));
        assert_eq!(cause(disk.sync_directory("x")), (DiskAction::Sync, DiskCause::NotFound));
        assert_eq!(disk.list("").unwrap(), [""; 0], "nothing was made");
    });
}

#[test]
fn paths_stay_below_the_data_directory() {
    on_both(|disk| {
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a\\b", "a\0b", "c:x"] {
            assert_eq!(cause(disk.append(path, b"1")), (DiskAction::Write, DiskCause::Other), "{path:?}");
            assert_eq!(cause(disk.rename("a", path)), (DiskAction::Write, DiskCause::Other), "{path:?}");
            if !path.is_empty() {
                assert_eq!(cause(disk.create_directory(path)), (DiskAction::Write, DiskCause::Other), "{path:?}");
            }
        }
    });
}

#[test]
fn more_files_than_are_kept_open_are_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(directory.path()).unwrap();
    for round in 0..3 {
        for number in 0..3 * super::real::OPEN_FILES_MAX {
            let path = format!("file-{number}");
            disk.append(&path, &[round]).unwrap();
            if number % 2 == 0 {
                disk.sync(&path).unwrap();
            }
        }
    }
    let all = (0..3 * super::real::OPEN_FILES_MAX).map(|number| disk.read(&format!("file-{number}"), 0, 9).unwrap());
    assert!(all.into_iter().all(|bytes| bytes == [0, 1, 2]));
}

#[test]
fn fault_14_a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let lock = RealDisk::open(directory.path()).unwrap().lock("lock").unwrap();
    let error = RealDisk::open(directory.path()).unwrap().lock("lock").unwrap_err();
    assert_eq!((error.action, error.cause), (DiskAction::Lock, DiskCause::Locked));
    let root = directory.path().display();
    let expected =
        format!("cannot lock 'lock': another process uses the data directory '{root}': end it, or use another data directory");
    assert_eq!(error.to_string(), expected);
    drop(lock);
    RealDisk::open(directory.path()).unwrap().lock("lock").unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_from_other_failures() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(Path::new("/dev/full"), directory.path().join("full")).unwrap();
    let disk = RealDisk::open(directory.path()).unwrap();
    assert_eq!(cause(disk.append("full", b"1")), (DiskAction::Write, DiskCause::NoSpace));
}
