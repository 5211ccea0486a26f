//! A file of events, read line by line in bounded memory.
//!
//! Owns the opening (standard input, plain, compressed) and the splitting at line breaks. Bytes enter, batches of lines leave.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::file_error::FileError;

/// The most bytes of one line that are read; the rest of a longer one is skipped, and the server rejects what is left as too large.
pub const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most lines of a batch.
pub const BATCH_LINES_MAX: usize = 2_000;
/// A batch ends with the line that reaches this many bytes.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Name of standard input.
const STANDARD_INPUT: &str = "-";
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Lines of a file.
pub struct EventsFile {
    reader: Box<dyn BufRead + Send>,
    name: std::path::PathBuf,
    length: Option<u64>,
    lines: u64,
}

/// Successive lines without their line breaks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// number of the first line, counted from 1
    pub first_line: u64,
    /// the lines
    pub lines: Vec<Vec<u8>>,
}

impl EventsFile {
    /// Opens a file, or standard input for `-`; `watch` sees the bytes as they are read, before they are decompressed.
    pub fn open(path: &Path, watch: impl FnMut(u64) + Send + 'static) -> Result<Self, FileError> {
        if path == Path::new(STANDARD_INPUT) {
            let reader = BufReader::with_capacity(READ_BUFFER_BYTES, Watched { inner: io::stdin(), watch });
            return Ok(Self::new(Box::new(reader), path, None));
        }
        let file = File::open(path).map_err(FileError::read(path))?;
        let length = file.metadata().map_err(FileError::read(path))?.len();
        let file = BufReader::with_capacity(READ_BUFFER_BYTES, Watched { inner: file, watch });
        if path.extension().is_some_and(|extension| extension == "zst") {
            let decoder = zstd::Decoder::with_buffer(file).map_err(FileError::read(path))?;
            return Ok(Self::new(Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, decoder)), path, Some(length)));
        }
        Ok(Self::new(Box::new(file), path, Some(length)))
    }

    fn new(reader: Box<dyn BufRead + Send>, name: &Path, length: Option<u64>) -> Self {
        Self { reader, name: name.to_owned(), length, lines: 0 }
    }

    /// Bytes of the file, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next lines; `None` at the end.
    pub fn batch(&mut self) -> Result<Option<Batch>, FileError> {
        let mut batch = Batch { first_line: self.lines + 1, lines: Vec::new() };
        let mut bytes = 0;
        while batch.lines.len() < BATCH_LINES_MAX && bytes < BATCH_BYTES {
            let Some(line) = read_line(&mut self.reader).map_err(FileError::read(&self.name))? else { break };
            bytes += line.len();
            batch.lines.push(line);
        }
        self.lines += batch.lines.len() as u64;
        Ok((!batch.lines.is_empty()).then_some(batch))
    }
}

/// One line without its line break, cut at [`LINE_BYTES_MAX`].
fn read_line(reader: &mut dyn BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = reader.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read == LINE_BYTES_MAX {
        skip_line(reader)?;
    }
    Ok(Some(line))
}

fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let (skipped, found) = match buffer.iter().position(|&byte| byte == b'\n') {
            Some(place) => (place + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(skipped);
        if found {
            return Ok(());
        }
    }
}

/// A reader that reports the bytes that went through it.
struct Watched<R, W> {
    inner: R,
    watch: W,
}

impl<R: Read, W: FnMut(u64)> Read for Watched<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.watch)(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn open(bytes: &[u8], extension: &str) -> EventsFile {
        let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
        file.write_all(bytes).unwrap();
        EventsFile::open(file.path(), |_| {}).unwrap()
    }

    #[test]
    fn lines_are_split_at_line_breaks_only_and_the_last_needs_none() {
        let mut file = open(b"one\r\n\n\xff\x00two\nlast", "");
        let batch = file.batch().unwrap().unwrap();
        assert_eq!(
            batch,
            Batch { first_line: 1, lines: vec![b"one\r".to_vec(), vec![], b"\xff\x00two".to_vec(), b"last".to_vec()] }
        );
        assert_eq!(file.batch().unwrap(), None);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut bytes = vec![b'x'; 3 * LINE_BYTES_MAX];
        bytes.extend(b"\nnext\n");
        let batch = open(&bytes, "").batch().unwrap().unwrap();
        assert_eq!(batch.lines.iter().map(Vec::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, 4]);
    }

    #[test]
    fn batches_number_their_lines_and_compressed_files_are_read_alike() {
        let text: String = (0..5_000).map(|number| format!("{number}\n")).collect();
        for (bytes, extension) in
            [(text.clone().into_bytes(), ".jsonl"), (zstd::encode_all(text.as_bytes(), 1).unwrap(), ".jsonl.zst")]
        {
            let mut file = open(&bytes, extension);
            let mut next = 1;
            while let Some(batch) = file.batch().unwrap() {
                assert_eq!(batch.first_line, next);
                assert_eq!(batch.lines[0], (next - 1).to_string().into_bytes());
                next += batch.lines.len() as u64;
            }
            assert_eq!(next, 5_001);
        }
    }
}
