//! A file or directory that could not be read or written, in words for a person.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Operation on a file that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// reading
    Read,
    /// writing, or creating a directory
    Write,
}

impl fmt::Display for FileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// A failed operation on a file or directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} '{}': {source}", path.display())]
pub struct FileError {
    /// the operation
    pub action: FileAction,
    /// the file
    pub path: PathBuf,
    /// the reason
    pub source: io::Error,
}

impl FileError {
    /// Returns what names the file in the error of reading it.
    pub fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self { action: FileAction::Read, path, source }
    }

    /// Returns what names the file in the error of writing it.
    pub fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self { action: FileAction::Write, path, source }
    }
}
