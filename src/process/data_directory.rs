//! The data directory of a process: its parts, and the lock that gives it to one process alone.
//!
//! A path enters; an opened disk with its lock leaves.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use epochs::disk::real::{Lock, RealDisk};
use epochs::error::EpochError;
use epochs::identity::Identity;
use language::topology::Topology;
use rustix::fs::Mode;
use rustix::process::umask;
use sources::connector::LogContext;
use sources::log::Log;
use sources::registry;

use super::error::ProcessError;
use crate::file_error::FileError;

/// The part of the data directory that is the event log.
pub const LOG_DIRECTORY: &str = "log";
/// The part of the data directory where full-text indexes are.
pub(super) const SEARCH_DIRECTORY: &str = "search";
/// The file that the process has locked that has the data directory.
pub(super) const LOCK_FILE: &str = "lock";
/// The file with the key of cursors.
pub(super) const CURSOR_KEY_FILE: &str = "cursor-key";
/// A data directory with this file was not restored to its end.
pub(super) const UNFINISHED_FILE: &str = "restore.unfinished";

/// Permissions of directories: what is in them is for their owner alone.
const OWNER_ONLY: u32 = 0o700;
/// Permissions that no file or directory that the process makes gives to others.
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);

/// Has every file and directory that the process makes from now on be for its owner alone: it writes events and rows of people, and keys.
pub fn keep_private() {
    umask(OTHERS);
}

/// Takes a data directory for this process alone; makes one that is not there.
pub(super) fn take(data: &Path) -> Result<(RealDisk, Lock), ProcessError> {
    keep_private();
    fs::create_dir_all(data).map_err(FileError::write(data))?;
    check_restored(data)?;
    let taken = lock(RealDisk::open(data).map_err(EpochError::from)?)?;
    close_to_others(data);
    Ok(taken)
}

/// Takes a data directory that a process had before.
pub fn claim(data: &Path) -> Result<(RealDisk, Lock), ProcessError> {
    // Opening would make one that is not there.
    fs::read_dir(data).map_err(FileError::read(data))?;
    check_restored(data)?;
    let disk = RealDisk::open(data).map_err(EpochError::from)?;
    // The lock would leave a file in a directory that is something else.
    if matches!(Identity::load(&disk), Ok(None)) {
        return Err(ProcessError::NoData { directory: data.to_owned() });
    }
    lock(disk)
}

/// Takes others' permissions from a directory, which an earlier version or an operator may have given. What is in a directory that nobody may
/// enter is closed with it, so nothing else is changed.
fn close_to_others(directory: &Path) {
    let closed = fs::metadata(directory).and_then(|metadata| match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(directory, Permissions::from_mode(OWNER_ONLY)),
    });
    if let Err(error) = closed {
        tracing::warn!(directory = %directory.display(), %error, "others may be able to read the data directory");
    }
}

/// Locks a directory that was opened.
pub(super) fn lock(disk: RealDisk) -> Result<(RealDisk, Lock), ProcessError> {
    let lock = disk.lock(LOCK_FILE).map_err(EpochError::from)?;
    Ok((disk, lock))
}

/// Opens the event log of a data directory with the connector of the topology's sources; makes a log that is not there.
pub(super) fn open_log(topology: &Topology, data: &Path) -> Result<Arc<dyn Log>, ProcessError> {
    let directory = data.join(LOG_DIRECTORY);
    fs::create_dir_all(&directory).map_err(FileError::write(&directory))?;
    Ok(registry::open(topology.log_connector(), LogContext { directory: &directory })?)
}

fn check_restored(data: &Path) -> Result<(), ProcessError> {
    match data.join(UNFINISHED_FILE).exists() {
        true => Err(ProcessError::HalfRestored { directory: data.to_owned() }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// A directory with one in it, both open to others.
    fn open_directory() -> (tempfile::TempDir, [std::path::PathBuf; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let inner = data.join("inner");
        fs::create_dir_all(&inner).unwrap();
        for directory in [&data, &inner] {
            fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        }
        (folder, [data, inner])
    }

    #[test]
    fn a_data_directory_is_closed_to_others_and_nothing_in_it_is_changed() {
        let (_folder, [data, inner]) = open_directory();
        let _taken = take(&data).unwrap();
        assert_eq!((mode(&data), mode(&inner)), (OWNER_ONLY, 0o755));
    }

    #[test]
    fn a_directory_that_is_not_taken_keeps_its_permissions() {
        let (_folder, [data, _]) = open_directory();
        fs::write(data.join(UNFINISHED_FILE), "").unwrap();
        assert!(matches!(take(&data), Err(ProcessError::HalfRestored { .. })));
        assert_eq!(mode(&data), 0o755, "half restored");
        fs::remove_file(data.join(UNFINISHED_FILE)).unwrap();
        let _other = lock(RealDisk::open(&data).unwrap()).unwrap();
        assert!(take(&data).is_err());
        assert_eq!(mode(&data), 0o755, "another process has it");
    }
}
