//! Paths that a disk takes: relative ones that stay below the data directory.
//!
//! A path enters and leaves unchanged, or as an error that says why it is refused.

use super::{DiskAction, DiskCause, DiskError};

/// A path of a file.
pub(super) fn check_file(action: DiskAction, path: &str) -> Result<(), DiskError> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']);
    if path.split('/').all(is_plain) {
        return Ok(());
    }
    let detail = "the path has to be relative, with plain names between single '/'".to_owned();
    Err(DiskError { action, path: path.to_owned(), cause: DiskCause::Other, detail })
}

/// A path of a folder; the empty one is the data directory.
pub(super) fn check_directory(action: DiskAction, path: &str) -> Result<(), DiskError> {
    if path.is_empty() { Ok(()) } else { check_file(action, path) }
}

/// The folder that a path is in.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
