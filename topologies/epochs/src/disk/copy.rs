//! Copies of files that can be checked later.
//!
//! Paths of the operating system enter; a file's length and CRC-32 leave. A copy is durable, but for its name, when it is returned.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// A measure that files are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// its length
    pub bytes: u64,
    /// its CRC-32
    pub crc: u32,
}

/// Measures a file.
pub fn measure(path: &Path) -> io::Result<Measure> {
    pass(&mut File::open(path)?, &mut io::sink())
}

/// Copies a file to a path where there is none, and syncs the copy.
pub fn copy(from: &Path, to: &Path) -> io::Result<Measure> {
    let mut copy = File::create_new(to)?;
    let measure = pass(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()?;
    Ok(measure)
}

/// Copies everything, and measures it on the way.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<Measure> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut hasher = crc32fast::Hasher::new();
    let mut bytes = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(Measure { bytes, crc: hasher.finalize() }),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_measures_what_was_copied_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, b"123456789").unwrap();
        let expected = Measure { bytes: 9, crc: 0xcbf4_3926 };
        assert_eq!((copy(&from, &to).unwrap(), measure(&to).unwrap()), (expected, expected));
        assert_eq!(copy(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        std::fs::write(&to, b"123456788").unwrap();
        assert_ne!(measure(&to).unwrap(), expected);
    }
}
