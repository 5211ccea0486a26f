//! The disk of production: files of the operating system below one folder.
//!
//! Owns the open files that are appended to and the lock of the data directory. Paths and bytes enter; what the system refuses leaves as
//! a [`DiskError`] whose cause says whether to wait, to look elsewhere or to end.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::path::{check_directory, check_file};
use super::{Disk, DiskAction, DiskCause, DiskError};

/// Most files that are kept open for appending, besides those that are not synced yet.
pub const OPEN_FILES_MAX: usize = 32;
/// Permissions of new files: rows and events are for the owner's eyes alone.
const OWNER_ONLY: u32 = 0o600;
/// Errors of the system that say that no more files can be open: of this process, and of the machine.
const TOO_MANY_OPEN: [Errno; 2] = [Errno::MFILE, Errno::NFILE];

/// Files below a folder of the operating system.
#[derive(Debug)]
pub struct RealDisk {
    /// the data directory
    root: PathBuf,
    /// files open for appending, by path; at most [`OPEN_FILES_MAX`] of them are synced
    open: Mutex<BTreeMap<String, OpenFile>>,
    /// folders that were synced, by path; they stay open, so that a sync that follows a rename or a removal needs no new descriptor
    folders: Mutex<BTreeMap<String, Arc<File>>>,
}

/// A file that is appended to. It stays open until it is synced: a sync through another handle may not report what went wrong before.
#[derive(Debug)]
struct OpenFile {
    /// the handle that everything was written through
    file: Arc<File>,
    /// false since the last change; such a file is never closed
    is_synced: bool,
}

/// A lock of the data directory; it is given back when this is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    /// the locked file
    _file: File,
}

impl RealDisk {
    /// Opens a data directory, which is created when it is not there.
    pub fn open(root: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(root).map_err(|error| failed(DiskAction::Write, &root.display().to_string(), &error))?;
        Ok(Self { root: root.to_owned(), open: Mutex::default(), folders: Mutex::default() })
    }

    /// Claims the data directory for this process, by a lock on the file `name`.
    pub fn lock(&self, name: &str) -> Result<Lock, DiskError> {
        check_file(DiskAction::Lock, name)?;
        let file = OpenOptions::new().create(true).append(true).mode(OWNER_ONLY).open(self.root.join(name));
        let file = file.map_err(|error| failed(DiskAction::Lock, name, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::Error(error)) => Err(failed(DiskAction::Lock, name, &error)),
            Err(TryLockError::WouldBlock) => {
                let root = self.root.display();
                let detail = format!("another process uses the data directory '{root}': end it, or use another data directory");
                Err(DiskError { action: DiskAction::Lock, path: name.to_owned(), cause: DiskCause::Locked, detail })
            }
        }
    }

    /// Locks the open files. A panic elsewhere leaves them usable: each step changes one entry.
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, OpenFile>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file of a path that is about to be changed.
    fn writable(&self, path: &str, create: bool) -> io::Result<Arc<File>> {
        let mut files = self.files();
        if let Some(open) = files.get_mut(path) {
            open.is_synced = false;
            return Ok(Arc::clone(&open.file));
        }
        let file = Arc::new(OpenOptions::new().create(create).append(true).mode(OWNER_ONLY).open(self.root.join(path))?);
        if files.len() >= OPEN_FILES_MAX {
            let unused = files.iter().find(|(_, open)| open.is_synced).map(|(path, _)| path.clone());
            unused.and_then(|path| files.remove(&path));
        }
        files.insert(path.to_owned(), OpenFile { file: Arc::clone(&file), is_synced: false });
        Ok(file)
    }

    /// The folder of a path, open to be synced.
    fn folder(&self, path: &str) -> io::Result<Arc<File>> {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folders.get(path) {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(File::open(self.root.join(path))?);
        folders.insert(path.to_owned(), Arc::clone(&folder));
        Ok(folder)
    }

    /// Reads up to `length` bytes; fewer at the end of the file.
    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.root.join(path))?;
        let rest = file.metadata()?.len().saturating_sub(offset);
        let length = rest.min(length as u64);
        let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?);
        file.seek(SeekFrom::Start(offset))?;
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the names in a folder, sorted.
    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(path))? {
            names.push(entry?.file_name().into_string().map_err(|_| io::Error::other("a file name is not UTF-8"))?);
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl Disk for RealDisk {
    fn create_directory(&self, path: &str) -> Result<(), DiskError> {
        check_directory(DiskAction::Write, path)?;
        fs::create_dir_all(self.root.join(path)).map_err(|error| failed(DiskAction::Write, path, &error))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        check_directory(DiskAction::Read, path)?;
        match self.names(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(|error| failed(DiskAction::Read, path, &error)),
        }
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        check_file(DiskAction::Read, path)?;
        let metadata = fs::metadata(self.root.join(path)).map_err(|error| failed(DiskAction::Read, path, &error))?;
        Ok(metadata.len())
    }

    fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        check_file(DiskAction::Read, path)?;
        self.read_at(path, offset, length).map_err(|error| failed(DiskAction::Read, path, &error))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        check_file(DiskAction::Write, path)?;
        let appended = self.writable(path, true).and_then(|file| file.as_ref().write_all(bytes));
        appended.map_err(|error| failed(DiskAction::Write, path, &error))
    }

    fn truncate(&self, path: &str, length: u64) -> Result<(), DiskError> {
        check_file(DiskAction::Write, path)?;
        let truncated = self.writable(path, false).and_then(|file| file.set_len(length));
        truncated.map_err(|error| failed(DiskAction::Write, path, &error))
    }

    fn sync(&self, path: &str) -> Result<(), DiskError> {
        check_file(DiskAction::Sync, path)?;
        let file = self.writable(path, false).map_err(|error| not_opened(path, &error))?;
        // The lock is not held meanwhile: another file's append must not wait for this one's disk.
        file.sync_data().map_err(|error| failed(DiskAction::Sync, path, &error))?;
        if let Some(open) = self.files().get_mut(path) {
            open.is_synced = true;
        }
        Ok(())
    }

    fn sync_directory(&self, path: &str) -> Result<(), DiskError> {
        check_directory(DiskAction::Sync, path)?;
        let folder = self.folder(path).map_err(|error| not_opened(path, &error))?;
        folder.sync_all().map_err(|error| failed(DiskAction::Sync, path, &error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        check_file(DiskAction::Write, from)?;
        check_file(DiskAction::Write, to)?;
        let mut files = self.files();
        fs::rename(self.root.join(from), self.root.join(to)).map_err(|error| failed(DiskAction::Write, from, &error))?;
        files.remove(to);
        if let Some(open) = files.remove(from) {
            files.insert(to.to_owned(), open);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        check_file(DiskAction::Write, path)?;
        let mut files = self.files();
        fs::remove_file(self.root.join(path)).map_err(|error| failed(DiskAction::Write, path, &error))?;
        files.remove(path);
        Ok(())
    }
}

/// Translates an error of opening what was to be synced. Without a descriptor no sync was begun: that is not a failed one.
fn not_opened(path: &str, error: &io::Error) -> DiskError {
    let sync = failed(DiskAction::Sync, path, error);
    if sync.cause == DiskCause::Descriptors { DiskError { action: DiskAction::Write, ..sync } } else { sync }
}

/// Translates an error of the system.
fn failed(action: DiskAction, path: &str, error: &io::Error) -> DiskError {
    let cause = match error.kind() {
        _ if Errno::from_io_error(error).is_some_and(|errno| TOO_MANY_OPEN.contains(&errno)) => DiskCause::Descriptors,
        ErrorKind::NotFound => DiskCause::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskCause::NoSpace,
        _ => DiskCause::Other,
    };
    DiskError { action, path: path.to_owned(), cause, detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_open_files_pass_and_are_no_failed_sync() {
        for errno in TOO_MANY_OPEN {
            let error = io::Error::from(errno);
            let opened = not_opened("folder", &error);
            assert_eq!(
                (opened.action, opened.cause, opened.is_passing()),
                (DiskAction::Write, DiskCause::Descriptors, true),
                "{error}"
            );
            assert!(failed(DiskAction::Read, "file", &error).is_passing());
        }
        let missing = not_opened("file", &ErrorKind::NotFound.into());
        assert_eq!((missing.action, missing.cause, missing.is_passing()), (DiskAction::Sync, DiskCause::NotFound, false));
        assert!(
            !failed(DiskAction::Sync, "file", &ErrorKind::StorageFull.into()).is_passing(),
            "nothing is known after a failed sync"
        );
    }

    #[test]
    fn files_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        disk.append("file", b"1").unwrap();
        let _lock = disk.lock("lock").unwrap();
        for name in ["file", "lock"] {
            let mode = fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, OWNER_ONLY, "{name}");
        }
    }
}
