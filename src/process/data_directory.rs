//! The data directory of a process: its parts, and the lock that gives it to one process alone.
//!
//! A path enters; an opened disk with its lock leaves.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use epochs::disk::real::{Lock, RealDisk};
use epochs::error::EpochError;
use epochs::identity::Identity;
use language::topology::Topology;
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

/// Takes a data directory for this process alone; makes one that is not there.
pub(super) fn take(data: &Path) -> Result<(RealDisk, Lock), ProcessError> {
    fs::create_dir_all(data).map_err(FileError::write(data))?;
    check_restored(data)?;
    lock(RealDisk::open(data).map_err(EpochError::from)?)
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
