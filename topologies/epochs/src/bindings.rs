//! The bindings of a data directory: one record per epoch, appended and synced before the epoch's records are looked at.
//!
//! Owns the segment files. A [`Binding`] enters and is durable when [`Bindings::append`] returns; after a restart all that are kept leave
//! in order, each checked against the hash of the one before. What follows the last sync may be torn and is cut off; damage before it is refused.

use std::collections::VecDeque;
use std::sync::Arc;

use prost::Message;

use crate::binding::Binding;
use crate::crash_point::{BOUND_NOT_SYNCED, crash_point};
use crate::disk::{Disk, DiskCause, DiskError, replace};
use crate::error::EpochError;
use schemas::chain::Chain;

/// A segment is ended when it has more bytes than this; only whole segments are removed.
pub const SEGMENT_BYTES: u64 = 1 << 20;
/// Most bytes of one binding: an epoch names each partition once.
pub const BINDING_BYTES_MAX: usize = 16 << 20;

/// Length and CRC-32 of what follows.
const FRAME_BYTES: usize = 8;
/// Ending of the name of a segment; before it stands its first epoch, with leading zeros, so that names sort as epochs do.
const SUFFIX: &str = ".bindings";
/// File that a segment is written to before it gets its name.
const TEMPORARY: &str = "segment.new";

/// State of the bytes behind the last whole binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// nothing
    Clean,
    /// bytes that are no binding: most likely one that was never synced, so that nobody acted on it; but damage to one
    /// that was looks the same
    Broken,
}

/// One file of bindings.
struct Segment {
    /// its first epoch
    first: u64,
    /// bytes of its whole bindings; what lies behind them is not part of it
    length: u64,
}

/// The bindings that are kept.
pub struct Bindings<D: Disk> {
    /// holds the segments
    disk: Arc<D>,
    /// the folder of the segments
    directory: String,
    /// the segments, oldest first; each begins with the epoch after the last of the one before
    segments: VecDeque<Segment>,
    /// number and identity of the last binding; the next one has to name both
    last: Option<(u64, Chain)>,
    /// bytes after which a segment ends
    segment_bytes: u64,
}

impl<D: Disk> Bindings<D> {
    /// Opens the bindings of a folder and checks all of them.
    pub fn open(disk: Arc<D>, directory: &str) -> Result<(Self, Tail), EpochError> {
        disk.create_directory(directory)?;
        // Without this the folder, and with it every synced segment, may be gone after a loss of power.
        disk.sync_directory("")?;
        let mut segments: Vec<u64> = Vec::new();
        for name in disk.list(directory)? {
            segments.extend(name.strip_suffix(SUFFIX).and_then(|first| first.parse::<u64>().ok()));
        }
        let mut bindings =
            Self { disk, directory: directory.to_owned(), segments: VecDeque::new(), last: None, segment_bytes: SEGMENT_BYTES };
        let mut tail = Tail::Clean;
        for (place, &first) in segments.iter().enumerate() {
            tail = bindings.check_segment(first, place + 1 == segments.len())?;
        }
        Ok((bindings, tail))
    }

    /// Makes what was read durable, without what is no binding at the end, by writing the last segment again. After a sync that failed, what
    /// an earlier run has appended can be read although it is on no disk, and another sync of that file would prove nothing. To be called
    /// when it is durable that a new timeline begins, if one does: otherwise the next start would take the end for a clean one.
    pub fn secure(&mut self) -> Result<(), EpochError> {
        let Some(segment) = self.segments.back() else { return Ok(()) };
        let (path, temporary) = (self.path(segment.first), format!("{}/{TEMPORARY}", self.directory));
        let bytes = self.disk.read(&path, 0, usize::try_from(segment.length).unwrap_or(usize::MAX))?;
        Ok(replace(&self.disk, &self.directory, &temporary, &path, &bytes)?)
    }

    /// Ends segments when they have more bytes than this.
    pub fn set_segment_bytes(&mut self, bytes: u64) {
        self.segment_bytes = bytes;
    }

    /// The number and the identity of the last epoch.
    pub fn last(&self) -> Option<(u64, Chain)> {
        self.last
    }

    /// Returns true if nothing was ever bound.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// The first epoch that is kept.
    pub fn first(&self) -> Option<u64> {
        self.segments.front().map(|segment| segment.first)
    }

    /// The bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Appends the binding of the next epoch and returns when it is durable.
    ///
    /// The order is: bytes, sync of the file, and for a new file sync of the folder. A crash before the last of these leaves a tail that the next
    /// start cuts off: nobody has acted on the epoch. A failed sync ends the process, since what is on the disk is not known.
    pub fn append(&mut self, binding: &Binding) -> Result<Chain, EpochError> {
        if let Some((last, chain)) = self.last.filter(|(last, chain)| !binding.follows(*last, *chain)) {
            return Err(EpochError::NotNext { epoch: binding.epoch, last, chain });
        }
        let is_new = self.segments.back().is_none_or(|segment| segment.length > self.segment_bytes);
        let (first, start) = match self.segments.back().filter(|_| !is_new) {
            Some(segment) => (segment.first, segment.length),
            None => (binding.epoch, 0),
        };
        let path = self.path(first);
        let frame = encode_frame(&binding.encode_to_vec());
        if let Err(error) = self.disk.append(&path, &frame) {
            self.take_back(&path, start, &error);
            return Err(error.into());
        }
        crash_point(BOUND_NOT_SYNCED);
        self.disk.sync(&path).inspect_err(|error| self.take_back(&path, start, error))?;
        if is_new {
            self.disk.sync_directory(&self.directory).inspect_err(|error| self.take_back(&path, start, error))?;
            self.segments.push_back(Segment { first, length: 0 });
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.length = start + frame.len() as u64;
        }
        let chain = binding.chain();
        self.last = Some((binding.epoch, chain));
        Ok(chain)
    }

    /// The bindings of epoch `from` and later, in order; a segment is in memory at a time.
    pub fn read(&self, from: u64) -> impl Iterator<Item = Result<Binding, EpochError>> + '_ {
        let skipped = self.segments.iter().skip(1).take_while(|next| next.first <= from).count();
        self.segments.iter().skip(skipped).flat_map(move |segment| {
            let path = self.path(segment.first);
            let bytes = self.disk.read(&path, 0, usize::try_from(segment.length).unwrap_or(usize::MAX));
            let found: Vec<Result<Binding, EpochError>> = match bytes {
                Ok(bytes) => Frames { bytes: &bytes, at: 0 }.map(|frame| frame.map_err(|broken| broken.at(&path))).collect(),
                Err(error) => vec![Err(error.into())],
            };
            found.into_iter().filter(move |binding| binding.as_ref().map_or(true, |binding| binding.epoch >= from))
        })
    }

    /// Removes segments that hold only epochs before `epoch`.
    pub fn trim(&mut self, epoch: u64) -> Result<(), EpochError> {
        while self.segments.get(1).is_some_and(|next| next.first <= epoch) {
            if let Some(segment) = self.segments.pop_front() {
                self.disk.remove(&self.path(segment.first))?;
                // One by one: of several a loss of power could bring back the first alone, with a gap behind it.
                self.disk.sync_directory(&self.directory)?;
            }
        }
        Ok(())
    }

    /// Returns the path of the segment that begins with an epoch.
    fn path(&self, first: u64) -> String {
        format!("{}/{first:020}{SUFFIX}", self.directory)
    }

    /// Removes the rest of a failed append, which is not part of the segment; when it can't be cut off now, the next start does that.
    fn take_back(&self, path: &str, length: u64, error: &DiskError) {
        if error.is_passing()
            && let Err(error) = self.disk.truncate(path, length)
            && error.cause != DiskCause::NotFound
        {
            tracing::warn!(%error, "a part of a binding could not be taken back");
        }
    }

    /// Checks a segment and takes it over.
    ///
    /// Only the last one may end with bytes that are no binding. Damage with a whole binding behind it is never a lost tail, and is an error.
    fn check_segment(&mut self, first: u64, is_last: bool) -> Result<Tail, EpochError> {
        let path = self.path(first);
        if let Some((last, _)) = self.last.filter(|(last, _)| first != last + 1) {
            let detail = format!("it begins with epoch {first}, but the file before it ends with epoch {last}");
            return Err(EpochError::Damaged { path, offset: 0, detail });
        }
        let length = self.disk.length(&path)?;
        let bytes = self.disk.read(&path, 0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let mut frames = Frames { bytes: &bytes, at: 0 };
        let mut good = 0;
        let mut tail = Tail::Clean;
        while let Some(frame) = frames.next() {
            match frame {
                Ok(binding) => {
                    self.check_next(&binding, &path, good as u64)?;
                    good = frames.at;
                }
                Err(broken)
                    if !is_last || finds_binding_behind(&bytes, broken.offset, self.last.map_or(first, |(last, _)| last + 1)) =>
                {
                    return Err(broken.at(&path));
                }
                Err(_) => tail = Tail::Broken,
            }
        }
        if self.last.is_none() && first > 0 {
            // What came before was removed because this segment's bindings were durable: to go on would begin at the beginning.
            return Err(Broken { offset: 0 }.at(&path));
        }
        self.segments.push_back(Segment { first, length: good as u64 });
        Ok(tail)
    }

    /// Takes a binding over that follows the one before by number and by hash.
    fn check_next(&mut self, binding: &Binding, path: &str, offset: u64) -> Result<(), EpochError> {
        if let Some((last, chain)) = self.last.filter(|(last, chain)| !binding.follows(*last, *chain)) {
            let detail = format!("epoch {} does not follow epoch {last} ({chain})", binding.epoch);
            return Err(EpochError::Damaged { path: path.to_owned(), offset, detail });
        }
        self.last = Some((binding.epoch, binding.chain()));
        Ok(())
    }
}

/// Returns a binding as it is stored: length, CRC-32, bytes.
fn encode_frame(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(FRAME_BYTES + body.len());
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(crc32fast::hash(body).to_le_bytes());
    frame.extend(body);
    frame
}

/// Bytes that are no binding.
struct Broken {
    /// their place in the segment
    offset: usize,
}

impl Broken {
    /// Makes the error that names the file and the place.
    fn at(&self, path: &str) -> EpochError {
        let detail = "the bytes are no binding with its checksum".to_owned();
        EpochError::Damaged { path: path.to_owned(), offset: self.offset as u64, detail }
    }
}

/// Reads frames until the end or the first broken one.
struct Frames<'b> {
    /// the segment
    bytes: &'b [u8],
    /// beginning of the next frame; the end of the segment after a broken one
    at: usize,
}

impl Iterator for Frames<'_> {
    type Item = Result<Binding, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        if offset >= self.bytes.len() {
            return None;
        }
        self.at = self.bytes.len();
        match read_frame(&self.bytes[offset..]) {
            Some((binding, length)) => {
                self.at = offset + length;
                Some(Ok(binding))
            }
            None => Some(Err(Broken { offset })),
        }
    }
}

/// Reads one frame and its length; `None` when the bytes are not a whole binding with its checksum.
fn read_frame(bytes: &[u8]) -> Option<(Binding, usize)> {
    let (length, crc) = (word(bytes, 0)? as usize, word(bytes, 4)?);
    // No binding is empty: zeros are what a file system leaves of a write that it did not finish.
    if length == 0 || length > BINDING_BYTES_MAX {
        return None;
    }
    let body = bytes.get(FRAME_BYTES..FRAME_BYTES + length)?;
    let binding = Binding::decode(body).ok().filter(|_| crc32fast::hash(body) == crc)?;
    Some((binding, FRAME_BYTES + length))
}

/// Reads 32 bits, little-endian; `None` behind the end.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Returns true if a whole binding of a later epoch lies behind damage: then the damage is not the end of what was synced.
fn finds_binding_behind(bytes: &[u8], damaged: usize, epoch: u64) -> bool {
    (damaged + 1..bytes.len()).any(|at| read_frame(&bytes[at..]).is_some_and(|(binding, _)| binding.epoch > epoch))
}

#[cfg(test)]
mod tests;
