//! The disk as the protocol sees it: named files in one data directory, and what is durable after a crash.
//!
//! Owns the trait [`Disk`] and [`DiskError`]. Bytes and relative paths enter; what is there after [`Disk::sync`] of a file and
//! [`Disk::sync_directory`] of its folder survives a loss of power, and nothing else is sure to.

use std::fmt;

pub mod copy;
mod path;
pub mod real;
pub mod simulated;
#[cfg(test)]
mod tests;

/// Files of a data directory. Paths are relative, their parts are separated by `/`; the empty path is the data directory itself.
pub trait Disk: Send + Sync {
    /// Creates a folder and those above it; no error when it is there.
    fn create_directory(&self, path: &str) -> Result<(), DiskError>;

    /// The names in a folder, sorted; a folder that is not there has none.
    fn list(&self, path: &str) -> Result<Vec<String>, DiskError>;

    /// The length of a file in bytes.
    fn length(&self, path: &str) -> Result<u64, DiskError>;

    /// Up to `length` bytes from `offset` on; fewer only at the end of the file.
    fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError>;

    /// Appends to a file, which is created when it is not there. After an error a part of the bytes may be in the file.
    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError>;

    /// Cuts a file to a length.
    fn truncate(&self, path: &str, length: u64) -> Result<(), DiskError>;

    /// Makes the content of a file durable. After an error nothing is known of it, and a second attempt would prove nothing: the
    /// process has to end and to read again what is there.
    fn sync(&self, path: &str) -> Result<(), DiskError>;

    /// Makes the names in a folder durable. As for [`sync`](Self::sync), an error ends the process.
    fn sync_directory(&self, path: &str) -> Result<(), DiskError>;

    /// Gives a file another name, replacing the file that had it, at once.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Removes a file.
    fn remove(&self, path: &str) -> Result<(), DiskError>;
}

/// A failed operation on a disk, with its path and reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action} '{path}': {detail}")]
pub struct DiskError {
    /// the operation
    pub action: DiskAction,
    /// the path below the data directory
    pub path: String,
    /// the kind of cause
    pub cause: DiskCause,
    /// the system's error
    pub detail: String,
}

impl DiskError {
    /// Returns true if the same may succeed later without anybody's doing: the disk was full, or too many files were open. A failed sync
    /// never passes, because nothing is known of what it was to write.
    pub fn is_passing(&self) -> bool {
        match self.cause {
            DiskCause::NoSpace => self.action == DiskAction::Write,
            DiskCause::Descriptors => self.action != DiskAction::Sync,
            DiskCause::NotFound | DiskCause::Locked | DiskCause::Other => false,
        }
    }
}

/// An operation on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskAction {
    /// reading a file or a folder
    Read,
    /// appending, truncating, renaming, creating or removing
    Write,
    /// making durable
    Sync,
    /// claiming the data directory for this process
    Lock,
}

/// The kinds of causes that are handled differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskCause {
    /// there is no such file
    NotFound,
    /// no space is left: what was attempted may succeed later
    NoSpace,
    /// the process has as many files open as it may have: what was attempted was not begun, and may succeed later
    Descriptors,
    /// another process uses it
    Locked,
    /// anything else
    Other,
}

impl fmt::Display for DiskAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Lock => "lock",
        })
    }
}

/// Writes a file of its own, durably but for its name; what an interrupted writer left there is removed first.
///
/// # Errors
/// Those of the disk. The file may then be there in part.
pub fn write_beside(disk: &(impl Disk + ?Sized), temporary: &str, bytes: &[u8]) -> Result<(), DiskError> {
    match disk.remove(temporary) {
        Err(error) if error.cause != DiskCause::NotFound => return Err(error),
        _ => {}
    }
    disk.append(temporary, bytes)?;
    disk.sync(temporary)
}

/// Replaces a file of a folder at once: afterwards, and after a crash, it is as it was before or as it was to be. `temporary` is a file beside
/// it in the same folder, which nobody else writes.
///
/// # Errors
/// Those of the disk. The file is then one or the other.
pub fn replace(disk: &(impl Disk + ?Sized), folder: &str, temporary: &str, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
    write_beside(disk, temporary, bytes)?;
    disk.rename(temporary, path)?;
    disk.sync_directory(folder)
}

impl<T: Disk + ?Sized> Disk for std::sync::Arc<T> {
    fn create_directory(&self, path: &str) -> Result<(), DiskError> {
        self.as_ref().create_directory(path)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        self.as_ref().list(path)
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        self.as_ref().length(path)
    }

    fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        self.as_ref().read(path, offset, length)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.as_ref().append(path, bytes)
    }

    fn truncate(&self, path: &str, length: u64) -> Result<(), DiskError> {
        self.as_ref().truncate(path, length)
    }

    fn sync(&self, path: &str) -> Result<(), DiskError> {
        self.as_ref().sync(path)
    }

    fn sync_directory(&self, path: &str) -> Result<(), DiskError> {
        self.as_ref().sync_directory(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.as_ref().rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.as_ref().remove(path)
    }
}
