//! Checkpoints: the state of the first stateful collections after an epoch, on disk.
//!
//! Owns the files of one folder: runs of sorted entries, and a manifest per checkpoint that names its runs. The changes since the last
//! checkpoint enter; a checkpoint is durable when [`Checkpoints::write`] returns, and its entries leave by [`Checkpoints::scan`]. Whatever
//! happens meanwhile, what was durable before stays so; what is damaged is reported and never given out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::crash_point::{CHECKPOINT_MANIFEST_WRITTEN, CHECKPOINT_RENAMED, CHECKPOINT_RUN_WRITTEN, crash_point};
use crate::disk::{Disk, DiskCause, DiskError, write_beside};

mod entry;
pub mod error;
mod header;
mod manifest;
mod merge;
mod run;
mod sort;
#[cfg(test)]
mod tests;

use error::CheckpointError;
pub use header::{CHECKPOINTS_KEPT, CheckpointHeader, RetainedCheckpoint, StateChange, StateId};
pub use manifest::FORMAT;
use manifest::Manifest;
use merge::Merge;
pub use merge::{KeyValue, Scan};
pub use run::{BLOCK_BYTES, ENTRY_BYTES_MAX};
use run::{Run, RunName, RunWriter};

/// With more runs than this, [`Checkpoints::merge`] makes them fewer.
pub const RUNS_MAX: usize = 8;

/// An older run takes part in a merge when it has at most this many times the bytes of all newer ones.
const MERGE_RATIO: u64 = 2;

/// Ending of the name of a manifest; before it stands its epoch.
const MANIFEST_SUFFIX: &str = ".checkpoint";
/// Ending of the name of a run.
const RUN_SUFFIX: &str = ".run";
/// File that a manifest is written to before it gets its name.
const TEMPORARY: &str = "checkpoint.new";

/// Checkpoints found at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// the checkpoints that can be started from, newest first
    pub headers: Vec<CheckpointHeader>,
    /// those that can't, and why
    pub damages: Vec<String>,
}

/// The checkpoints of a folder.
pub struct Checkpoints<D: Disk> {
    /// holds the files
    disk: Arc<D>,
    /// the folder of the files
    directory: String,
    /// newest first
    kept: Vec<Kept>,
    /// runs that no checkpoint needs; someone may still read them
    retired: Vec<Arc<Run>>,
    /// number of the next run; above those of all files found, so that no name is used twice
    next_run: u64,
    /// the epoch of the checkpoint that the next one continues, when that is not the newest
    continued: Option<u64>,
}

/// A checkpoint whose files are kept.
struct Kept {
    /// contents of its manifest
    header: CheckpointHeader,
    /// oldest first
    runs: Vec<Arc<Run>>,
}

impl<D: Disk> Checkpoints<D> {
    /// Opens the checkpoints of a folder. A damaged one is passed over and reported; its files are left until another one is written.
    pub fn open(disk: Arc<D>, directory: &str) -> Result<(Self, Opened), CheckpointError> {
        create_directory(disk.as_ref(), directory)?;
        let mut checkpoints =
            Self { disk, directory: directory.to_owned(), kept: Vec::new(), retired: Vec::new(), next_run: 0, continued: None };
        let names = checkpoints.disk.list(directory)?;
        checkpoints.next_run = names.iter().filter_map(|name| number_of(name, RUN_SUFFIX)).max().map_or(0, |last| last + 1);
        let mut damages = Vec::new();
        let mut runs = BTreeMap::new();
        for epoch in names.iter().rev().filter_map(|name| number_of(name, MANIFEST_SUFFIX)) {
            match checkpoints.load(epoch, &mut runs) {
                Ok(kept) => checkpoints.kept.push(kept),
                Err(error @ CheckpointError::Format { .. }) => return Err(error),
                // What can't be read now may be whole: to pass it over would begin further back than the log reaches.
                Err(CheckpointError::Disk(error)) if error.cause != DiskCause::NotFound => return Err(error.into()),
                Err(error) => damages.push(error.to_string()),
            }
        }
        if damages.is_empty() {
            checkpoints.sweep_or_warn()?;
        }
        let headers = checkpoints.kept.iter().map(|kept| kept.header.clone()).collect();
        Ok((checkpoints, Opened { headers, damages }))
    }

    /// Reads a manifest and opens its runs; a run that another checkpoint shares is opened once.
    fn load(&self, epoch: u64, known: &mut BTreeMap<String, Arc<Run>>) -> Result<Kept, CheckpointError> {
        let path = self.path(&manifest_name(epoch));
        let length = self.disk.length(&path)?;
        let bytes = self.disk.read(&path, 0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let Manifest { header, runs: names } = Manifest::decode(&path, &bytes)?;
        if header.epoch != epoch {
            return Err(CheckpointError::damaged(&path, format!("it is the manifest of epoch {}", header.epoch)));
        }
        let mut runs = Vec::with_capacity(names.len());
        for name in names {
            let run = match known.get(&name.file) {
                Some(run) if run.name == name => Arc::clone(run),
                _ => Arc::new(Run::open(self.disk.as_ref(), &self.directory, name)?),
            };
            known.insert(run.name.file.clone(), Arc::clone(&run));
            runs.push(run);
        }
        Ok(Kept { header, runs })
    }

    /// The checkpoints that are kept, newest first.
    pub fn headers(&self) -> impl Iterator<Item = &CheckpointHeader> {
        self.kept.iter().map(|kept| &kept.header)
    }

    /// Has the next checkpoint continue that of this epoch, although newer ones are kept.
    pub fn continue_from(&mut self, epoch: u64) {
        self.continued = Some(epoch);
    }

    /// Writes a checkpoint: the one that it continues, which is the newest one unless [`continue_from`](Self::continue_from) says otherwise,
    /// with these changes, of which the last of each key counts; with `base`, nothing but these.
    ///
    /// It is durable when this returns. When no space was left or too many files were open, the checkpoints are as before and the same
    /// may be tried again; after a failed sync the process has to end.
    pub fn write(&mut self, header: &CheckpointHeader, changes: &[StateChange], base: bool) -> Result<(), CheckpointError> {
        self.check(header, changes)?;
        let mut runs = if base { Vec::new() } else { self.continued_runs(header)? };
        let is_oldest = runs.is_empty();
        if !changes.is_empty() {
            let run = self.write_run(|writer| {
                sort::visit_sorted(changes, |(state, key, value)| match value {
                    None if is_oldest => Ok(()),
                    value => writer.push(*state, key, value.as_deref()),
                })
            })?;
            runs.push(run);
        }
        crash_point(CHECKPOINT_RUN_WRITTEN);
        self.publish(Kept { header: header.clone(), runs })
    }

    /// Returns the runs that a checkpoint of changes goes on from; an error when what it continues is not kept.
    fn continued_runs(&self, header: &CheckpointHeader) -> Result<Vec<Arc<Run>>, CheckpointError> {
        let Some(epoch) = self.continued else {
            return Ok(self.kept.first().map_or_else(Vec::new, |newest| newest.runs.clone()));
        };
        let continued = self.kept.iter().find(|kept| kept.header.epoch == epoch);
        // Changes on top of other entries would be a state that never was.
        continued.map(|kept| kept.runs.clone()).ok_or(CheckpointError::NotKept { timeline: header.timeline, epoch })
    }

    /// Refuses a checkpoint that is not newer, or has a change of a state that its header does not name.
    fn check(&self, header: &CheckpointHeader, changes: &[StateChange]) -> Result<(), CheckpointError> {
        let epoch = header.epoch;
        if let Some(newest) = self.kept.first().map(|newest| newest.header.epoch).filter(|newest| *newest >= epoch) {
            return Err(CheckpointError::NotNewer { epoch, newest });
        }
        let states: BTreeSet<StateId> = header.states.iter().map(|(state, ..)| *state).collect();
        match changes.iter().find(|(state, ..)| !states.contains(state)) {
            Some((state, ..)) => Err(CheckpointError::UnknownState { epoch, state: *state }),
            None => Ok(()),
        }
    }

    /// Merges runs of the newest checkpoint when there are more than [`RUNS_MAX`]; whether it did. To be called after each
    /// [`write`](Self::write), whose failures it has; until then a scan only takes longer.
    pub fn merge(&mut self) -> Result<bool, CheckpointError> {
        let Some(newest) = self.kept.first().filter(|newest| newest.runs.len() > RUNS_MAX) else { return Ok(false) };
        let header = newest.header.clone();
        let states: BTreeSet<StateId> = header.states.iter().map(|(state, ..)| *state).collect();
        let mut runs = newest.runs.clone();
        let mut merge = Merge::new(&self.disk, &runs.split_off(first_merged(&runs)), None);
        // Below the oldest run there is nothing that a deletion could hide.
        let is_oldest = runs.is_empty();
        // The merge is gone afterwards, lest it keeps the files that it read.
        let run = self.write_run(move |writer| {
            while let Some((state, key, value)) = merge.next_entry()? {
                // A state that is gone leaves the disk with the merges.
                if states.contains(&state) && (value.is_some() || !is_oldest) {
                    writer.push(state, key, value)?;
                }
            }
            Ok(())
        })?;
        runs.push(run);
        self.publish(Kept { header, runs })?;
        Ok(true)
    }

    /// The entries of one state in a checkpoint.
    pub fn scan(&self, header: &CheckpointHeader, state: StateId) -> Result<Scan<D>, CheckpointError> {
        let kept = self.find(header)?;
        Ok(Scan::new(Merge::new(&self.disk, &kept.runs, Some(state))))
    }

    /// About how many entries a checkpoint has: never too few.
    pub fn entries(&self, header: &CheckpointHeader) -> Result<u64, CheckpointError> {
        Ok(self.find(header)?.runs.iter().map(|run| run.name.entries).sum())
    }

    /// The bytes of the runs of a checkpoint.
    pub fn bytes(&self, header: &CheckpointHeader) -> Result<u64, CheckpointError> {
        Ok(self.find(header)?.runs.iter().map(|run| run.name.bytes).sum())
    }

    /// Removes the checkpoints of later epochs and those that are damaged, durably: what is written next continues the newest one left.
    pub fn remove_all_newer_than(&mut self, epoch: u64) -> Result<(), CheckpointError> {
        self.retain(|header| header.epoch <= epoch)
    }

    /// Removes the checkpoints that are not chosen and those that are damaged, durably.
    pub fn retain(&mut self, is_kept: impl Fn(&CheckpointHeader) -> bool) -> Result<(), CheckpointError> {
        let (kept, removed) = std::mem::take(&mut self.kept).into_iter().partition(|kept: &Kept| is_kept(&kept.header));
        self.kept = kept;
        self.retire(removed);
        self.sweep()
    }

    /// Returns the kept checkpoint of a header, by epoch and identity.
    fn find(&self, header: &CheckpointHeader) -> Result<&Kept, CheckpointError> {
        let is_same = |kept: &&Kept| kept.header.epoch == header.epoch && kept.header.chain == header.chain;
        let missing = CheckpointError::NotKept { timeline: header.timeline, epoch: header.epoch };
        self.kept.iter().find(is_same).ok_or(missing)
    }

    /// Returns the path of a file of the folder.
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// Writes a run whose content is durable. Every attempt has a file of its own: nothing is ever synced a second time.
    fn write_run(
        &mut self,
        fill: impl FnOnce(&mut RunWriter<'_, D>) -> Result<(), CheckpointError>,
    ) -> Result<Arc<Run>, CheckpointError> {
        let file = format!("{:010}{RUN_SUFFIX}", self.next_run);
        self.next_run += 1;
        let mut writer = RunWriter::new(self.disk.as_ref(), &self.directory, file.clone());
        let run = fill(&mut writer).and_then(|()| writer.finish());
        run.map(Arc::new).inspect_err(|error| self.give_space_back(error, &file))
    }

    /// Makes a checkpoint the newest one, or puts it in the place of the newest one when it is of the same epoch.
    fn publish(&mut self, kept: Kept) -> Result<(), CheckpointError> {
        if let Err(error) = self.write_manifest(&kept) {
            self.give_space_back(&error, TEMPORARY);
            for run in kept.runs.iter().filter(|run| Arc::strong_count(run) == 1) {
                self.give_space_back(&error, &run.name.file);
            }
            return Err(error);
        }
        let replaced = self.kept.first().is_some_and(|newest| newest.header.epoch == kept.header.epoch);
        let mut removed: Vec<Kept> = self.kept.drain(..usize::from(replaced)).collect();
        self.kept.insert(0, kept);
        self.continued = None;
        let retained: BTreeSet<u64> = self.kept[0].header.retained.iter().map(|retained| retained.epoch).collect();
        let mut place = 0;
        removed.extend(self.kept.extract_if(.., |kept| {
            place += 1;
            place > CHECKPOINTS_KEPT && !retained.contains(&kept.header.epoch)
        }));
        self.retire(removed);
        self.sweep_or_warn()
    }

    /// Makes a checkpoint durable.
    ///
    /// The order is: runs (synced before), their names, the bytes of the manifest, its name. A crash leaves either no manifest of the new
    /// checkpoint or a whole one, and never one that names a run which is not there.
    fn write_manifest(&self, kept: &Kept) -> Result<(), CheckpointError> {
        let (temporary, path) = (self.path(TEMPORARY), self.path(&manifest_name(kept.header.epoch)));
        let runs: Vec<RunName> = kept.runs.iter().map(|run| run.name.clone()).collect();
        let bytes = Manifest { header: kept.header.clone(), runs }.encode(&path)?;
        write_beside(&self.disk, &temporary, &bytes)?;
        // The names of the runs first: otherwise the manifest's could be durable before theirs.
        self.disk.sync_directory(&self.directory)?;
        crash_point(CHECKPOINT_MANIFEST_WRITTEN);
        self.disk.rename(&temporary, &path)?;
        crash_point(CHECKPOINT_RENAMED);
        self.disk.sync_directory(&self.directory)?;
        Ok(())
    }

    /// Removes what was written in vain when the disk is full or too many files are open. After other failures nobody knows what is there;
    /// the next start sees.
    fn give_space_back(&self, error: &CheckpointError, file: &str) {
        if error.is_passing()
            && let Err(error) = self.disk.remove(&self.path(file))
            && error.cause != DiskCause::NotFound
        {
            tracing::warn!(%error, "a part of a checkpoint could not be removed");
        }
    }

    /// Lets go of checkpoints. A run stays until nobody reads it: a scan on another thread holds it.
    fn retire(&mut self, removed: Vec<Kept>) {
        self.retired.extend(removed.into_iter().flat_map(|kept| kept.runs));
        let retired = std::mem::take(&mut self.retired);
        let unique: BTreeMap<String, Arc<Run>> = retired.into_iter().map(|run| (run.name.file.clone(), run)).collect();
        self.retired = unique.into_values().filter(|run| Arc::strong_count(run) > 1).collect();
    }

    /// Files that are too many do no harm and are tried again; a failed sync is never passed over.
    fn sweep_or_warn(&self) -> Result<(), CheckpointError> {
        match self.sweep() {
            Err(error) if !error.is_failed_sync() => {
                tracing::warn!(%error, "files of older checkpoints could not be removed");
                Ok(())
            }
            swept => swept,
        }
    }

    /// Removes files that nothing needs: the manifests durably before their runs, lest one comes back that names runs which are gone.
    fn sweep(&self) -> Result<(), CheckpointError> {
        let runs = self.kept.iter().flat_map(|kept| &kept.runs).chain(&self.retired).map(|run| run.name.file.clone());
        let manifests = self.kept.iter().map(|kept| manifest_name(kept.header.epoch));
        let needed: BTreeSet<String> = runs.chain(manifests).collect();
        let mut unneeded = self.disk.list(&self.directory)?;
        unneeded.retain(|name| !needed.contains(name));
        let manifests: Vec<&String> = unneeded.iter().filter(|name| name.ends_with(MANIFEST_SUFFIX)).collect();
        for name in &manifests {
            self.disk.remove(&self.path(name))?;
        }
        if !manifests.is_empty() {
            self.disk.sync_directory(&self.directory)?;
        }
        for name in unneeded.iter().filter(|name| name.ends_with(RUN_SUFFIX) || name.as_str() == TEMPORARY) {
            self.disk.remove(&self.path(name))?;
        }
        Ok(())
    }
}

/// Creates a folder and makes its name, and those of the folders above, durable.
fn create_directory<D: Disk>(disk: &D, directory: &str) -> Result<(), DiskError> {
    disk.create_directory(directory)?;
    let mut path = directory;
    while !path.is_empty() {
        path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        disk.sync_directory(path)?;
    }
    Ok(())
}

/// The first run that takes part in a merge, with all newer ones: at least two, and older ones that are not much larger.
fn first_merged(runs: &[Arc<Run>]) -> usize {
    let mut first = runs.len().saturating_sub(2);
    let mut newer: u64 = runs[first..].iter().map(|run| run.name.bytes).sum();
    while first > 0 && runs[first - 1].name.bytes <= newer.saturating_mul(MERGE_RATIO) {
        first -= 1;
        newer += runs[first].name.bytes;
    }
    first
}

/// Returns the file name of a manifest, with leading zeros, so that names sort as epochs do.
fn manifest_name(epoch: u64) -> String {
    format!("{epoch:020}{MANIFEST_SUFFIX}")
}

/// Returns the number in a file name with this ending; `None` for other files.
fn number_of(name: &str, suffix: &str) -> Option<u64> {
    name.strip_suffix(suffix)?.parse().ok()
}
