//! A run: one file of entries, sorted by state and key, that is written once and read from then on.
//!
//! Owns the layout: blocks of entries, none of which spans two states; an index with the state, length, count and CRC-32 of each block; a
//! trailer with the number of blocks and the CRC-32 of the index. The manifest names that checksum, so that every byte of a run is
//! checked by a chain that starts there. Sorted entries enter [`RunWriter`]; a [`RunCursor`] gives them out, or says which block is damaged.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry;
use super::error::CheckpointError;
use super::header::StateId;
use crate::disk::{Disk, DiskCause};

/// A block is ended when it has this many bytes.
pub const BLOCK_BYTES: usize = 64 << 10;
/// Most bytes of a key and its value.
pub const ENTRY_BYTES_MAX: usize = 256 << 20;

/// Bytes that are gathered before they are appended to the file.
const APPEND_BYTES: usize = 1 << 20;
/// A run is synced when so many bytes are not: the syncs of other files would wait for a whole one otherwise.
const UNSYNCED_BYTES_MAX: usize = 32 << 20;
/// Bytes of the place of a block in the index: state, length, entries, CRC-32.
const PLACE_BYTES: usize = 16;
/// Bytes behind the index: number of blocks, magic, CRC-32 of both and of the index.
const TRAILER_BYTES: usize = 12;
/// Mark of a run of this format.
const MAGIC: [u8; 4] = *b"TWR1";

/// A run as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunName {
    /// the file
    pub(super) file: String,
    /// its length
    pub(super) bytes: u64,
    /// its entries, deleted keys among them
    pub(super) entries: u64,
    /// the CRC-32 of its index
    pub(super) checksum: u32,
}

/// A run that can be read.
#[derive(Debug)]
pub(super) struct Run {
    /// its name, length and checksum, as the manifest has them
    pub(super) name: RunName,
    /// its path on the disk
    path: String,
    /// places of its blocks; ascending by state, and by key within a state
    blocks: Vec<Block>,
}

/// Location and bounds of a block.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// the state whose entries it holds; a block has one
    state: StateId,
    /// its first byte in the file
    offset: u64,
    /// its bytes; never 0
    length: u32,
    /// its entries
    entries: u32,
    /// CRC-32 of its bytes, checked on every read
    crc: u32,
}

impl Run {
    /// Opens a run and checks everything but its blocks, which are checked when they are read.
    pub(super) fn open<D: Disk>(disk: &D, directory: &str, name: RunName) -> Result<Self, CheckpointError> {
        let path = format!("{directory}/{}", name.file);
        let length = match disk.length(&path) {
            Err(error) if error.cause == DiskCause::NotFound => return Err(CheckpointError::damaged(&path, "it is not there")),
            length => length?,
        };
        if length != name.bytes {
            return Err(CheckpointError::damaged(&path, format!("it has {length} bytes instead of {}", name.bytes)));
        }
        let blocks = read_index(disk, &path, &name)?;
        Ok(Self { name, path, blocks })
    }

    /// The blocks of one state.
    fn blocks_of(&self, state: StateId) -> Range<usize> {
        let start = self.blocks.partition_point(|block| block.state < state);
        let end = self.blocks.partition_point(|block| block.state <= state);
        start..end
    }
}

/// Reads the places of the blocks, which have to fill the file exactly.
fn read_index<D: Disk>(disk: &D, path: &str, name: &RunName) -> Result<Vec<Block>, CheckpointError> {
    let damaged = |detail: &str| CheckpointError::damaged(path, detail);
    let trailer_offset = name.bytes.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| damaged("it is too short"))?;
    let trailer = disk.read(path, trailer_offset, TRAILER_BYTES)?;
    let (Some(count), Some(magic), Some(crc)) = (word(&trailer, 0), trailer.get(4..8), word(&trailer, 8)) else {
        return Err(damaged("its trailer is cut off"));
    };
    if magic != MAGIC || crc != name.checksum {
        return Err(damaged("its trailer is not the one that the manifest names"));
    }
    let index_bytes = count as usize * PLACE_BYTES;
    let offset = trailer_offset.checked_sub(index_bytes as u64).ok_or_else(|| damaged("its index is longer than the file"))?;
    let index = disk.read(path, offset, index_bytes)?;
    if index.len() != index_bytes || checksum(&index, &trailer[..8]) != crc {
        return Err(damaged("its index does not fit its checksum"));
    }
    let mut end = 0;
    let blocks: Vec<Block> = index.chunks_exact(PLACE_BYTES).filter_map(|place| decode_place(place, &mut end)).collect();
    if end != offset || blocks.iter().map(|block| u64::from(block.entries)).sum::<u64>() != name.entries {
        return Err(damaged("its index does not fit its length"));
    }
    Ok(blocks)
}

/// Reads the place of a block, which begins where the one before ends.
fn decode_place(place: &[u8], end: &mut u64) -> Option<Block> {
    let offset = *end;
    let length = word(place, 4)?;
    *end += u64::from(length);
    Some(Block { state: StateId(word(place, 0)?), offset, length, entries: word(place, 8)?, crc: word(place, 12)? })
}

/// Reads 32 bits, little-endian; `None` behind the end.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Returns the CRC-32 of index and trailer, which the manifest repeats: a run of another checkpoint is noticed.
fn checksum(index: &[u8], trailer: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(index);
    hasher.update(trailer);
    hasher.finalize()
}

/// Writes a run.
pub(super) struct RunWriter<'d, D: Disk> {
    /// takes the file
    disk: &'d D,
    /// folder of the file
    directory: &'d str,
    /// name of the file; no other attempt had it
    file: String,
    /// path of the file
    path: String,
    /// bytes that are not appended to the file yet; the last block in it is open
    bytes: Vec<u8>,
    /// places of the blocks that have ended
    blocks: Vec<Block>,
    /// bytes of the blocks that have ended
    offset: u64,
    /// bytes that were appended since the last sync; below [`UNSYNCED_BYTES_MAX`]
    unsynced: usize,
    /// the block that entries are added to
    open: OpenBlock,
}

/// A block while entries are added to it.
struct OpenBlock {
    /// the state of its entries
    state: StateId,
    /// its start in the bytes that are not appended yet
    start: usize,
    /// entries so far
    entries: u32,
    /// key of the last entry: the next one stores only what differs
    last_key: Vec<u8>,
}

impl<'d, D: Disk> RunWriter<'d, D> {
    /// Begins a run. The file appears with the first append.
    pub(super) fn new(disk: &'d D, directory: &'d str, file: String) -> Self {
        let path = format!("{directory}/{file}");
        let open = OpenBlock { state: StateId(0), start: 0, entries: 0, last_key: Vec::new() };
        Self { disk, directory, file, path, bytes: Vec::new(), blocks: Vec::new(), offset: 0, unsynced: 0, open }
    }

    /// Adds an entry, which sorts after those before; without a value its key was deleted.
    pub(super) fn push(&mut self, state: StateId, key: &[u8], value: Option<&[u8]>) -> Result<(), CheckpointError> {
        let bytes = key.len().saturating_add(value.map_or(0, <[u8]>::len));
        if bytes > ENTRY_BYTES_MAX {
            return Err(CheckpointError::EntryTooLong { state, bytes, maximum: ENTRY_BYTES_MAX });
        }
        if state != self.open.state || self.bytes.len() - self.open.start >= BLOCK_BYTES {
            self.end_block()?;
            self.open.state = state;
        }
        entry::encode(&mut self.bytes, &mut self.open.last_key, key, value);
        self.open.entries += 1;
        Ok(())
    }

    /// Ends the open block; keys of the next one are stored whole, so that it can be read by itself.
    fn end_block(&mut self) -> Result<(), CheckpointError> {
        let block = &self.bytes[self.open.start..];
        if block.is_empty() {
            return Ok(());
        }
        let length = block.len() as u32;
        let place = Block {
            state: self.open.state,
            offset: self.offset,
            length,
            entries: self.open.entries,
            crc: crc32fast::hash(block),
        };
        self.blocks.push(place);
        self.offset += u64::from(length);
        self.open.entries = 0;
        self.open.last_key.clear();
        if self.bytes.len() >= APPEND_BYTES {
            self.append()?;
        }
        self.open.start = self.bytes.len();
        Ok(())
    }

    /// Appends what was gathered, and syncs when much is not.
    fn append(&mut self) -> Result<(), CheckpointError> {
        self.disk.append(&self.path, &self.bytes)?;
        self.unsynced += self.bytes.len();
        self.bytes.clear();
        if self.unsynced >= UNSYNCED_BYTES_MAX {
            self.disk.sync(&self.path)?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// Ends the run, whose content is durable then; its name is not.
    pub(super) fn finish(mut self) -> Result<Run, CheckpointError> {
        self.end_block()?;
        let mut index = Vec::with_capacity(self.blocks.len() * PLACE_BYTES);
        for block in &self.blocks {
            for word in [block.state.0, block.length, block.entries, block.crc] {
                index.extend(word.to_le_bytes());
            }
        }
        let mut trailer = (self.blocks.len() as u32).to_le_bytes().to_vec();
        trailer.extend(MAGIC);
        let checksum = checksum(&index, &trailer);
        let bytes = self.offset + (index.len() + TRAILER_BYTES) as u64;
        self.bytes.extend(index);
        self.bytes.extend(trailer);
        self.bytes.extend(checksum.to_le_bytes());
        self.append()?;
        self.disk.sync(&self.path)?;
        let entries = self.blocks.iter().map(|block| u64::from(block.entries)).sum();
        Run::open(self.disk, self.directory, RunName { file: self.file, bytes, entries, checksum })
    }
}

/// Reads a run, an entry at a time, with one block in memory.
pub(super) struct RunCursor<D: Disk> {
    /// holds the run
    disk: Arc<D>,
    /// the run, whose file stays while it is read
    run: Arc<Run>,
    /// the blocks that are not read yet
    blocks: Range<usize>,
    /// the block that is read
    bytes: Vec<u8>,
    /// beginning of the next entry in it
    at: usize,
    /// entries of the block that are not read yet
    left: u32,
    /// state of the block
    state: StateId,
    /// key of the present entry
    key: Vec<u8>,
    /// place of its value; `None` when the key was deleted
    value: Option<Range<usize>>,
}

impl<D: Disk> RunCursor<D> {
    /// A cursor before the first entry of one state, or of all.
    pub(super) fn new(disk: Arc<D>, run: Arc<Run>, state: Option<StateId>) -> Self {
        let blocks = state.map_or(0..run.blocks.len(), |state| run.blocks_of(state));
        Self { disk, run, blocks, bytes: Vec::new(), at: 0, left: 0, state: StateId(0), key: Vec::new(), value: None }
    }

    /// Moves to the next entry; whether there is one.
    pub(super) fn advance(&mut self) -> Result<bool, CheckpointError> {
        if self.left == 0 && !self.read_block()? {
            return Ok(false);
        }
        match entry::decode(&self.bytes, &mut self.at, &mut self.key) {
            Some(value) if self.left > 1 || self.at == self.bytes.len() => self.value = value,
            _ => return Err(self.damaged(self.blocks.start - 1, "an entry can't be read".to_owned())),
        }
        self.left -= 1;
        Ok(true)
    }

    /// Reads the next block and checks it; false when there is none. A damaged block gives out no entry.
    fn read_block(&mut self) -> Result<bool, CheckpointError> {
        let Some(number) = self.blocks.next() else { return Ok(false) };
        let block = self.run.blocks[number];
        self.bytes = self.disk.read(&self.run.path, block.offset, block.length as usize)?;
        if self.bytes.len() != block.length as usize {
            return Err(self.damaged(number, format!("it has {} bytes instead of {}", self.bytes.len(), block.length)));
        }
        let crc = crc32fast::hash(&self.bytes);
        if crc != block.crc {
            return Err(self.damaged(number, format!("its checksum is {crc:08x} instead of {:08x}", block.crc)));
        }
        (self.at, self.left, self.state) = (0, block.entries, block.state);
        self.key.clear();
        Ok(self.left > 0)
    }

    /// Makes the error of a block.
    fn damaged(&self, block: usize, detail: String) -> CheckpointError {
        CheckpointError::Damaged { path: self.run.path.clone(), block: Some(block), detail }
    }

    /// State and key of the entry.
    pub(super) fn place(&self) -> (StateId, &[u8]) {
        (self.state, &self.key)
    }

    /// The value of the entry; `None` when its key was deleted.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.value.clone().map(|range| &self.bytes[range])
    }
}
