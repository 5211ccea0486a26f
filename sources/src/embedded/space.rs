//! Use of the disk: the bytes that the log occupies, and the room for the next write.
//!
//! The database below gives up for good when a write of its own meets a full disk, also one in the background. So the log asks first:
//! it begins nothing unless there is room for that, for what is in memory only, and for a reserve.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The bytes that appends leave free on the disk: for removing records, and for moving what is stored to its place.
pub const LOG_FREE_BYTES_MIN: u64 = 64 << 20;
/// The bytes that trimming leaves free: less than appends, because it is what makes room.
pub const TRIM_FREE_BYTES_MIN: u64 = 16 << 20;
/// Number of times that appended bytes are written: to the journal, and to their place.
pub const WRITES_PER_BYTE: u64 = 2;

/// The unit of [`MetadataExt::blocks`], whatever the disk's own.
const BLOCK_BYTES: u64 = 512;

/// A disk with less space than is needed.
#[derive(Clone, Copy, Debug)]
pub struct Shortage {
    /// the bytes that are free
    pub free: u64,
    /// the bytes that have to be
    pub needed: u64,
}

/// Returns the bytes that are free on the disk of a directory, for a process without special rights.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Returns the shortage of the disk of a directory, if it lacks space.
pub fn shortage(directory: &Path, needed: u64) -> io::Result<Option<Shortage>> {
    let free = free_bytes(directory)?;
    Ok((free < needed).then_some(Shortage { free, needed }))
}

/// The bytes on disk of a directory and all below. What can't be read, or goes away meanwhile, counts as nothing.
pub fn used(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let bytes = |metadata: Metadata| metadata.blocks() * BLOCK_BYTES;
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => used(&entry.path()),
            metadata => metadata.map_or(0, bytes),
        })
        .sum()
}
