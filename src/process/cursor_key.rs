//! The key of a data directory's cursors: they survive a restart, and nobody else can make or read one.
//!
//! Owns the file, readable by its owner only. It is drawn once from the system's randomness and is in no backup: cursors from before a
//! restore name rows of another history.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use api::{CURSOR_KEY_BYTES, CursorKey};

use super::data_directory::CURSOR_KEY_FILE;
use crate::file_error::FileError;

const OWNER_ONLY: u32 = 0o600;
/// A name that the file has until all of it is there.
const UNFINISHED_SUFFIX: &str = "new";

/// Reads the key of a data directory; makes one where there is none, or none that is whole. One that can't be kept is good for this run.
pub(super) fn cursor_key(data: &Path) -> Result<CursorKey, FileError> {
    let path = data.join(CURSOR_KEY_FILE);
    match fs::read(&path) {
        Ok(bytes) => match <[u8; CURSOR_KEY_BYTES]>::try_from(bytes) {
            Ok(bytes) => return Ok(CursorKey::from_bytes(bytes)),
            Err(bytes) => {
                tracing::warn!(bytes = bytes.len(), "the key of cursors is damaged: a new one is made, and earlier cursors end")
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(FileError::read(path)(error)),
    }
    let key = CursorKey::random();
    if let Err(error) = write(data, &path, key.as_bytes()) {
        // On a full disk readers are served all the same.
        tracing::warn!(%error, path = %path.display(), "the key of cursors cannot be kept: cursors end with this run of the process");
    }
    Ok(key)
}

/// Writes the file whole or not at all.
fn write(data: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(UNFINISHED_SUFFIX);
    // What an earlier attempt left may be readable by others.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(OWNER_ONLY).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(data)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_private_and_a_damaged_one_is_replaced() {
        let data = tempfile::tempdir().unwrap();
        let first = cursor_key(data.path()).unwrap();
        assert_eq!(cursor_key(data.path()).unwrap().as_bytes(), first.as_bytes());
        let path = data.path().join(CURSOR_KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        fs::write(&path, b"short").unwrap();
        assert_ne!(cursor_key(data.path()).unwrap().as_bytes(), first.as_bytes());
        assert_eq!(fs::read(&path).unwrap().len(), CURSOR_KEY_BYTES);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing else is left");
    }
}
