//! A disk in memory that loses power, fills up, lies and decays, the same way for the same seed.
//!
//! Owns files with a durable and a volatile image, and the faults that are armed. What a process does to a [`Disk`] enters, and what
//! [`SimulatedDisk::crash`] leaves is one of the states that a real file system may show after a loss of power.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::path::{check_directory, check_file, parent};
use super::{Disk, DiskAction, DiskCause, DiskError};

mod content;
mod generator;
mod names;
#[cfg(test)]
mod tests;

use content::Content;
pub use generator::Generator;
use names::{Change, Names, Node};

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    /// state that all clones share
    state: Arc<Mutex<State>>,
}

/// Number of faults of each kind that have struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// losses of power
    pub crashes: u64,
    /// files of which a loss of power took a part
    pub torn_files: u64,
    /// changes of names that a loss of power took
    pub lost_names: u64,
    /// syncs that failed
    pub failed_syncs: u64,
    /// appends for which no space was left
    pub full: u64,
    /// bits that were flipped
    pub flipped_bits: u64,
    /// appends that landed in another file
    pub misdirected_writes: u64,
    /// reads that failed
    pub failed_reads: u64,
    /// reads and appends for which the process had too many files open
    pub refused_opens: u64,
}

/// The disk and what is to happen to it.
#[derive(Debug)]
struct State {
    /// decides what a fault leaves; the same for the same seed
    generator: Generator,
    /// the names, as they are seen and as they are durable
    names: Names,
    /// contents by number; several names never lead to one
    files: BTreeMap<u64, Content>,
    /// number of the next file
    next_file: u64,
    /// faults that have struck
    counts: FaultCounts,
    /// writes and syncs so far
    operations: u64,
    /// false after a crash until the next start
    has_power: bool,
    /// a folder could not be synced: like a file system without its journal it takes nothing until it is mounted again
    is_read_only: bool,
    /// faults that are to strike
    armed: Armed,
}

/// Faults that are to strike.
#[derive(Debug, Default)]
struct Armed {
    /// number of the operation during which the power fails
    crash_at: Option<u64>,
    /// syncs that succeed before one fails
    failed_sync_after: Option<u64>,
    /// reads that succeed before one fails
    failed_read_after: Option<u64>,
    /// reads and appends that succeed before one gets no descriptor
    refused_open_after: Option<u64>,
    /// bytes that all files together may have
    capacity: Option<u64>,
    /// file that the next append lands in
    misdirected_into: Option<String>,
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        let state = State {
            generator: Generator::new(seed),
            names: Names::default(),
            files: BTreeMap::new(),
            next_file: 0,
            counts: FaultCounts::default(),
            operations: 0,
            has_power: true,
            is_read_only: false,
            armed: Armed::default(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Loses power and has it again: what was not synced is gone, wholly or in parts. An armed crash is disarmed.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { generator, names, files, counts, .. } = &mut *state;
        counts.crashes += 1;
        counts.lost_names += names.lose_power(generator);
        let reachable = names.reachable();
        files.retain(|number, _| reachable.contains(number));
        counts.torn_files += files.values_mut().map(|content| u64::from(content.lose_power(generator))).sum::<u64>();
        state.restart();
    }

    /// Ends only the process: nothing that was written is lost, unless the file system has to be mounted again. An armed crash is disarmed.
    pub fn restart(&self) {
        if self.state().is_read_only {
            return self.crash();
        }
        self.state().restart();
    }

    /// The power fails during the write or sync with this number, counted from 1 on since the disk is new: that operation and every one
    /// after it, also reads, fail until [`crash`](Self::crash) or [`restart`](Self::restart). Whether that operation was done is open.
    pub fn crash_at(&self, operation: u64) {
        self.state().armed.crash_at = Some(operation);
    }

    /// Writes and syncs so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Fails the sync of a file or a folder that comes after `successes` others. What it was to write never gets durable, although it
    /// can be read until a crash and the next sync succeeds.
    pub fn fail_sync_after(&self, successes: u64) {
        self.state().armed.failed_sync_after = Some(successes);
    }

    /// Fails the read that comes after `successes` others.
    pub fn fail_read_after(&self, successes: u64) {
        self.state().armed.failed_read_after = Some(successes);
    }

    /// Refuses the read or the append that comes after `successes` others, because too many files are open.
    pub fn refuse_open_after(&self, successes: u64) {
        self.state().armed.refused_open_after = Some(successes);
    }

    /// Lets all files together have so many bytes; `None` for no limit.
    pub fn limit_space(&self, bytes: Option<u64>) {
        self.state().armed.capacity = bytes;
    }

    /// The bytes of all files.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Lets the next append land in another file, at any place, over what is there; its own file has zeros instead.
    pub fn misdirect_next_append(&self, victim: &str) {
        self.state().armed.misdirected_into = Some(victim.to_owned());
    }

    /// Flips a bit of a file, anywhere; the offset and the bit, or `None` when the file has no bytes.
    pub fn flip_bit(&self, path: &str) -> Result<Option<(u64, u32)>, DiskError> {
        let mut state = self.state();
        let length = state.file(DiskAction::Read, path)?.bytes().len();
        if length == 0 {
            return Ok(None);
        }
        let offset = state.generator.below(length);
        let bit = state.generator.below(u8::BITS as usize) as u32;
        state.flip_bit(path, offset, bit)?;
        Ok(Some((offset as u64, bit)))
    }

    /// Flips this bit of a file.
    pub fn flip_bit_at(&self, path: &str, offset: u64, bit: u32) -> Result<(), DiskError> {
        self.state().flip_bit(path, usize::try_from(offset).unwrap_or(usize::MAX), bit)
    }

    /// Returns the number of faults that have struck.
    pub fn faults(&self) -> FaultCounts {
        self.state().counts
    }

    /// Locks the disk. A panic of a test leaves it usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the disk for a read, which may fail.
    fn read_state(&self, path: &str) -> Result<MutexGuard<'_, State>, DiskError> {
        let mut state = self.state();
        state.check_power(DiskAction::Read, path)?;
        state.check_descriptors(DiskAction::Read, path)?;
        if strikes(&mut state.armed.failed_read_after) {
            state.counts.failed_reads += 1;
            return Err(input_output_error(DiskAction::Read, path));
        }
        Ok(state)
    }

    /// Does a write or a sync, or loses power during it.
    fn operate(
        &self,
        action: DiskAction,
        path: &str,
        act: impl FnOnce(&mut State) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let mut state = self.state();
        state.check_power(action, path)?;
        if state.is_read_only {
            let detail = "the file system is read-only".to_owned();
            return Err(DiskError { action, path: path.to_owned(), cause: DiskCause::Other, detail });
        }
        state.operations += 1;
        if state.armed.crash_at != Some(state.operations) {
            return act(&mut state);
        }
        if state.generator.one_in(2) {
            // Nobody learns how it went.
            act(&mut state).ok();
        }
        state.has_power = false;
        state.check_power(action, path)
    }
}

impl State {
    /// Begins a process: power is there, and the file system is mounted.
    fn restart(&mut self) {
        self.has_power = true;
        self.is_read_only = false;
        self.armed.crash_at = None;
    }

    /// Refuses everything while the power is lost.
    fn check_power(&self, action: DiskAction, path: &str) -> Result<(), DiskError> {
        let detail = "the power is lost".to_owned();
        if self.has_power { Ok(()) } else { Err(DiskError { action, path: path.to_owned(), cause: DiskCause::Other, detail }) }
    }

    /// Refuses what needs a descriptor that is not to be had.
    fn check_descriptors(&mut self, action: DiskAction, path: &str) -> Result<(), DiskError> {
        if !strikes(&mut self.armed.refused_open_after) {
            return Ok(());
        }
        self.counts.refused_opens += 1;
        let detail = "too many open files".to_owned();
        Err(DiskError { action, path: path.to_owned(), cause: DiskCause::Descriptors, detail })
    }

    /// Returns the content of a file.
    fn file(&mut self, action: DiskAction, path: &str) -> Result<&mut Content, DiskError> {
        let number = match self.names.get(path) {
            Some(Node::File(number)) => Some(number),
            Some(Node::Folder) | None => None,
        };
        number.and_then(|number| self.files.get_mut(&number)).ok_or_else(|| not_found(action, path))
    }

    /// Returns the content of a file, which is created when its folder is there.
    fn file_or_new(&mut self, path: &str) -> Result<&mut Content, DiskError> {
        if self.names.get(path).is_none() {
            if !self.names.has_folder(parent(path)) {
                return Err(not_found(DiskAction::Write, path));
            }
            let node = Node::File(self.next_file);
            self.files.insert(self.next_file, Content::default());
            self.next_file += 1;
            self.names.change(Change::Create { path: path.to_owned(), node });
        }
        self.file(DiskAction::Write, path)
    }

    /// Returns the bytes of the files that have a name.
    fn used_bytes(&self) -> u64 {
        self.names.files().filter_map(|number| self.files.get(&number)).map(|content| content.bytes().len() as u64).sum()
    }

    /// Appends what fits; the rest is an error, as on a full disk, and a part may be there.
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        self.check_descriptors(DiskAction::Write, path)?;
        self.file_or_new(path)?;
        let free = self.armed.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used_bytes()));
        let fits = bytes.len().min(usize::try_from(free).unwrap_or(usize::MAX));
        match self.armed.misdirected_into.take() {
            Some(victim) => self.misdirect(path, &victim, &bytes[..fits])?,
            None => self.file(DiskAction::Write, path)?.append(&bytes[..fits]),
        }
        if fits == bytes.len() {
            return Ok(());
        }
        self.counts.full += 1;
        let detail = "no space is left on the device".to_owned();
        Err(DiskError { action: DiskAction::Write, path: path.to_owned(), cause: DiskCause::NoSpace, detail })
    }

    /// Writes over a random place of another file: a disk that confuses its addresses.
    fn misdirect(&mut self, path: &str, victim: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let length = self.file(DiskAction::Write, victim)?.bytes().len();
        let offset = self.generator.below(length);
        self.file(DiskAction::Write, victim)?.overwrite(offset, bytes);
        self.file(DiskAction::Write, path)?.append(&vec![0; bytes.len()]);
        self.counts.misdirected_writes += 1;
        Ok(())
    }

    /// Flips a bit: a disk that rots.
    fn flip_bit(&mut self, path: &str, offset: usize, bit: u32) -> Result<(), DiskError> {
        self.file(DiskAction::Read, path)?.flip_bit(offset, bit);
        self.counts.flipped_bits += 1;
        Ok(())
    }

    /// Returns true if this sync is the one that fails.
    fn sync_fails(&mut self) -> bool {
        let fails = strikes(&mut self.armed.failed_sync_after);
        self.counts.failed_syncs += u64::from(fails);
        fails
    }

    /// Creates a folder and those above it. Their names are durable after a sync of the folder above.
    fn create_directory(&mut self, path: &str) -> Result<(), DiskError> {
        if self.names.has_folder(path) {
            return Ok(());
        }
        self.create_directory(parent(path))?;
        if self.names.get(path).is_some() {
            let detail = "a file has this name".to_owned();
            return Err(DiskError { action: DiskAction::Write, path: path.to_owned(), cause: DiskCause::Other, detail });
        }
        self.names.change(Change::Create { path: path.to_owned(), node: Node::Folder });
        Ok(())
    }

    /// Forgets the bytes of files that nothing leads to any more.
    fn sweep(&mut self) {
        let reachable = self.names.reachable();
        self.files.retain(|number, _| reachable.contains(number));
    }
}

impl Disk for SimulatedDisk {
    fn create_directory(&self, path: &str) -> Result<(), DiskError> {
        check_directory(DiskAction::Write, path)?;
        self.operate(DiskAction::Write, path, |state| state.create_directory(path))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, DiskError> {
        check_directory(DiskAction::Read, path)?;
        Ok(self.read_state(path)?.names.list(path))
    }

    fn length(&self, path: &str) -> Result<u64, DiskError> {
        check_file(DiskAction::Read, path)?;
        let mut state = self.state();
        state.check_power(DiskAction::Read, path)?;
        Ok(state.file(DiskAction::Read, path)?.bytes().len() as u64)
    }

    fn read(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        check_file(DiskAction::Read, path)?;
        let mut state = self.read_state(path)?;
        let bytes = state.file(DiskAction::Read, path)?.bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        check_file(DiskAction::Write, path)?;
        self.operate(DiskAction::Write, path, |state| state.append(path, bytes))
    }

    fn truncate(&self, path: &str, length: u64) -> Result<(), DiskError> {
        check_file(DiskAction::Write, path)?;
        self.operate(DiskAction::Write, path, |state| {
            state.file(DiskAction::Write, path)?.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            Ok(())
        })
    }

    fn sync(&self, path: &str) -> Result<(), DiskError> {
        check_file(DiskAction::Sync, path)?;
        self.operate(DiskAction::Sync, path, |state| {
            let fails = state.sync_fails();
            let content = state.file(DiskAction::Sync, path)?;
            if fails {
                content.fail_sync();
                return Err(input_output_error(DiskAction::Sync, path));
            }
            content.sync();
            Ok(())
        })
    }

    fn sync_directory(&self, path: &str) -> Result<(), DiskError> {
        check_directory(DiskAction::Sync, path)?;
        self.operate(DiskAction::Sync, path, |state| {
            if !state.names.has_folder(path) {
                return Err(not_found(DiskAction::Sync, path));
            }
            if state.sync_fails() {
                state.names.fail_sync(path);
                state.is_read_only = true;
                return Err(input_output_error(DiskAction::Sync, path));
            }
            state.names.sync(path);
            state.sweep();
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        check_file(DiskAction::Write, from)?;
        check_file(DiskAction::Write, to)?;
        self.operate(DiskAction::Write, from, |state| {
            state.file(DiskAction::Write, from)?;
            if !state.names.has_folder(parent(to)) {
                return Err(not_found(DiskAction::Write, from));
            }
            state.names.change(Change::Rename { from: from.to_owned(), to: to.to_owned() });
            Ok(())
        })
    }

    fn remove(&self, path: &str) -> Result<(), DiskError> {
        check_file(DiskAction::Write, path)?;
        self.operate(DiskAction::Write, path, |state| {
            state.file(DiskAction::Write, path)?;
            state.names.change(Change::Remove { path: path.to_owned() });
            Ok(())
        })
    }
}

/// Returns true if a fault that is armed strikes now; counts down otherwise.
fn strikes(after: &mut Option<u64>) -> bool {
    match after {
        Some(0) => {
            *after = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

/// Makes the error of a file that is not there.
fn not_found(action: DiskAction, path: &str) -> DiskError {
    let detail = "there is no such file or folder".to_owned();
    DiskError { action, path: path.to_owned(), cause: DiskCause::NotFound, detail }
}

/// Makes the error of a device that fails.
fn input_output_error(action: DiskAction, path: &str) -> DiskError {
    let detail = "input/output error".to_owned();
    DiskError { action, path: path.to_owned(), cause: DiskCause::Other, detail }
}
