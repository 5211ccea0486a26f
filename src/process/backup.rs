//! Backups of a data directory, and data directories made of them.
//!
//! Owns the manifest of a backup. A data directory that no process uses enters; a copy of every file leaves, and last the manifest, with
//! the length and CRC-32 of each: a backup without it is none. A restored directory begins another timeline: what happened after the
//! backup never happened in it, and positions from there must not be taken for its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use epochs::coordinator::branch;
use epochs::disk::copy::{Measure, copy, measure};
use epochs::disk::real::RealDisk;
use epochs::error::EpochError;
use epochs::identity::Identity;
use serde::{Deserialize, Serialize};

use super::clock::wall_micros;
use super::data_directory::{CURSOR_KEY_FILE, LOCK_FILE, UNFINISHED_FILE, claim, keep_private, lock};
use super::disk::RESERVE_FILE;
use super::error::ProcessError;
use crate::file_error::FileError;

/// The last file of a backup.
const MANIFEST_FILE: &str = "backup.json";
/// The format of backups that this version writes and reads.
const FORMAT: u64 = 1;

/// Content of a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u64,
    /// the history that was copied
    timeline: u64,
    /// folders by path, those that contain others first
    folders: Vec<String>,
    /// files by path, with lengths and checksums
    files: BTreeMap<String, (u64, u32)>,
}

/// Summary of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// files
    pub files: usize,
    /// their bytes
    pub bytes: u64,
    /// the history: of the data directory that was copied, or the new one of that which was restored
    pub timeline: u64,
}

/// Copies a data directory that no process uses.
pub fn backup(data: &Path, to: &Path) -> Result<Copied, ProcessError> {
    keep_private();
    let (disk, _lock) = claim(data)?;
    let timeline = Identity::load(&disk)?.map_or(0, |identity| identity.timeline);
    // Looked for before the target is made, which may lie inside.
    let (folders, files) = (folders(data)?, files(data)?);
    prepare(to)?;
    make_folders(to, &folders)?;
    let mut manifest = Manifest { format: FORMAT, timeline, folders, files: BTreeMap::new() };
    for path in files {
        let Measure { bytes, crc } = copy_file(data, to, &path)?;
        manifest.files.insert(path, (bytes, crc));
    }
    sync_directories(to)?;
    write_durably(&to.join(MANIFEST_FILE), serde_json::json!(manifest).to_string().as_bytes())?;
    sync_directory(to)?;
    Ok(manifest.copied(timeline))
}

/// Makes a data directory of a backup, on a timeline of its own.
pub fn restore(from: &Path, data: &Path) -> Result<Copied, ProcessError> {
    keep_private();
    let manifest = verify(from)?;
    prepare(data)?;
    let (disk, _lock) = lock(RealDisk::open(data).map_err(EpochError::from)?)?;
    let unfinished = data.join(UNFINISHED_FILE);
    write_durably(&unfinished, b"")?;
    sync_directory(data)?;
    make_folders(data, &manifest.folders)?;
    for (path, expected) in &manifest.files {
        let Measure { bytes, crc } = copy_file(from, data, path)?;
        if (bytes, crc) != *expected {
            return Err(bad(from, format!("'{path}' was changed while it was copied")));
        }
    }
    sync_directories(data)?;
    let timeline = wall_micros().unsigned_abs();
    branch(Arc::new(disk), timeline)?;
    fs::remove_file(&unfinished).map_err(FileError::write(&unfinished))?;
    sync_directory(data)?;
    Ok(manifest.copied(timeline))
}

/// The manifest of a backup whose files are all as they were written.
fn verify(from: &Path) -> Result<Manifest, ProcessError> {
    let path = from.join(MANIFEST_FILE);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(bad(
                from,
                format!("it has no '{MANIFEST_FILE}', which is written last: it is none, or it is not complete"),
            ));
        }
        text => text.map_err(FileError::read(&path))?,
    };
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| bad(from, format!("'{MANIFEST_FILE}' is damaged: {error}")))?;
    if manifest.format != FORMAT {
        return Err(bad(from, format!("it has format {}, and this version reads format {FORMAT}", manifest.format)));
    }
    // A manifest that was tampered with must not reach outside the directories.
    let is_outside = |path: &&String| path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if let Some(path) = manifest.files.keys().chain(&manifest.folders).find(is_outside) {
        return Err(bad(from, format!("'{MANIFEST_FILE}' names '{path}', which is not a path in it")));
    }
    for (path, expected) in &manifest.files {
        let Measure { bytes, crc } =
            measure(&from.join(path)).map_err(|error| bad(from, format!("'{path}' can't be read: {error}")))?;
        if (bytes, crc) != *expected {
            return Err(bad(
                from,
                format!(
                    "'{path}' is damaged: it has {bytes} bytes with checksum {crc:08x}, expected {} with {:08x}",
                    expected.0, expected.1
                ),
            ));
        }
    }
    Ok(manifest)
}

impl Manifest {
    fn copied(&self, timeline: u64) -> Copied {
        Copied { files: self.files.len(), bytes: self.files.values().map(|(bytes, _)| bytes).sum(), timeline }
    }
}

/// An empty directory, which is made when it is not there.
fn prepare(directory: &Path) -> Result<(), ProcessError> {
    fs::create_dir_all(directory).map_err(FileError::write(directory))?;
    if fs::read_dir(directory).map_err(FileError::read(directory))?.next().is_some() {
        return Err(ProcessError::NotEmpty { directory: directory.to_owned() });
    }
    Ok(())
}

/// The paths of all files below a data directory, sorted, but for those of the lock, of the key of cursors, and of the reserve, which holds
/// nothing.
fn files(root: &Path) -> Result<Vec<String>, FileError> {
    let left_out = [LOCK_FILE, CURSOR_KEY_FILE, RESERVE_FILE].map(|file| root.join(file));
    let mut files = Vec::new();
    for directory in directories(root)? {
        for entry in fs::read_dir(&directory).map_err(FileError::read(&directory))? {
            let path = entry.map_err(FileError::read(&directory))?.path();
            if path.is_file() && !left_out.contains(&path) {
                files.push(relative(root, &path)?);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// A directory and all below it, those that contain others first.
fn directories(root: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = vec![root.to_owned()];
    let mut at = 0;
    while let Some(directory) = found.get(at).cloned() {
        for entry in fs::read_dir(&directory).map_err(FileError::read(&directory))? {
            let path = entry.map_err(FileError::read(&directory))?.path();
            if path.is_dir() {
                found.push(path);
            }
        }
        at += 1;
    }
    Ok(found)
}

/// The paths of all folders below a directory.
fn folders(root: &Path) -> Result<Vec<String>, FileError> {
    directories(root)?.iter().skip(1).map(|directory| relative(root, directory)).collect()
}

fn make_folders(root: &Path, folders: &[String]) -> Result<(), FileError> {
    let make = |folder: PathBuf| fs::create_dir_all(&folder).map_err(FileError::write(folder));
    folders.iter().try_for_each(|folder| make(root.join(folder)))
}

fn relative(root: &Path, path: &Path) -> Result<String, FileError> {
    let text = path.strip_prefix(root).ok().and_then(Path::to_str).map(ToOwned::to_owned);
    text.ok_or_else(|| FileError::read(path)(std::io::Error::other("its name is not UTF-8")))
}

fn copy_file(from: &Path, to: &Path, path: &str) -> Result<Measure, FileError> {
    let target = to.join(path);
    copy(&from.join(path), &target).map_err(FileError::write(target))
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(FileError::write(path))
}

fn sync_directories(root: &Path) -> Result<(), FileError> {
    directories(root)?.iter().try_for_each(|directory| sync_directory(directory))
}

fn sync_directory(directory: &Path) -> Result<(), FileError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(FileError::write(directory))
}

fn bad(directory: &Path, detail: String) -> ProcessError {
    ProcessError::BadBackup { directory: directory.to_owned(), detail }
}
