//! The coordinator: binds epochs, reads them again after a restart, and knows what may be forgotten.
//!
//! Owns the bindings, the place in the log and the accumulated changes of state. The log and the clock enter; epochs to compute leave, and
//! checkpoints to write. Whoever drives it computes an epoch, hands back how the state changed, and publishes: in production a thread
//! with a dataflow, in the simulation a loop with a model of one.

mod begin;
mod checkpoints;
mod claim;
mod offsets;
mod redeploy;
mod retained;
mod settings;
mod states;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use schemas::position::{Offset, Partition, Topic};
use sources::log::Log;
use sources::record::TopicMetadata;

use self::begin::{checkpoint_to_begin_with, possible_checkpoints, read_until};
use self::claim::{claim, has_the_beginning};
use self::retained::Retained;
use self::states::StateNumbers;
use crate::backfill::Backfill;
use crate::binding::{Binding, BoundRange, Control};
use crate::bindings::Bindings;
use crate::checkpoint::{CheckpointHeader, Checkpoints, StateId};
use crate::crash_point::{BEFORE_BIND, BOUND, crash_point};
use crate::disk::Disk;
use crate::error::EpochError;
use crate::identity::Identity;
use crate::reader::{Offsets, Reader, Records};
use schemas::fingerprint::Fingerprint;
use sinks::contract::History;

pub use self::begin::SinkFloors;
pub use self::claim::branch;
pub use self::offsets::offsets_of;
pub use self::settings::{
    BINDINGS, CHECKPOINTS, RETAINED_EPOCHS, RETAINED_GENERATION_BYTES, RETAINED_GENERATION_EPOCHS, RETAINED_GENERATIONS,
    RetainedLimits, Retention, Settings, StateChanges,
};
pub use self::states::stored_state;

/// Decides the wall clock of an epoch.
pub trait WallSource {
    /// The wall clock of a new epoch with these records; never before that of the last one.
    fn bind(&mut self, records: &Records) -> i64;

    /// An epoch was bound with this wall clock by an earlier run.
    fn replayed(&mut self, wall_micros: i64);
}

/// Beginning of a run.
#[derive(Clone, Debug)]
pub struct Start {
    /// the epoch that the restored state is of
    pub epoch: u64,
    /// its wall clock
    pub wall_micros: i64,
    /// the next offset of every partition
    pub offsets: BTreeMap<(Topic, Partition), Offset>,
    /// the restored checkpoint; `None` at the beginning of everything
    pub checkpoint: Option<CheckpointHeader>,
    /// the numbers of the states that the checkpoint does not hold: they have to be computed from the log
    pub missing: Vec<u32>,
}

/// An epoch to compute.
#[derive(Clone, Debug)]
pub struct EpochInput {
    /// its number
    pub epoch: u64,
    /// its wall clock
    pub wall_micros: i64,
    /// its records
    pub records: Records,
    /// the ranges of the log that they are
    pub ranges: Vec<BoundRange>,
    /// the next offsets of the partitions it read
    pub consumed: BTreeMap<(Topic, Partition), Offset>,
    /// it was bound by an earlier run
    pub replayed: bool,
    /// the control entry
    pub control: Option<Control>,
}

/// A checkpoint to write, by whoever has the time.
#[derive(Debug)]
pub struct CheckpointJob {
    /// its header
    pub header: CheckpointHeader,
    /// changes of the state since the one before
    pub changes: Vec<(StateId, Box<[u8]>, Option<Box<[u8]>>)>,
    /// nothing of the one before is part of it
    pub is_base: bool,
    /// checked before writing: another incarnation may have taken over meanwhile
    identity: Identity,
}

impl CheckpointJob {
    /// Writes it, unless another incarnation has taken over. When no space was left or too many files were open the same
    /// may be tried again.
    pub fn write<D: Disk>(&self, disk: &D, checkpoints: &mut Checkpoints<D>) -> Result<(), EpochError> {
        self.identity.check(disk)?;
        if checkpoints.headers().all(|header| header.epoch != self.header.epoch) {
            checkpoints.write(&self.header, &self.changes, self.is_base)?;
        }
        match checkpoints.merge() {
            // What was to be merged is durable as it is.
            Err(error) if error.is_passing() => Ok(()),
            merged => Ok(merged.map(drop)?),
        }
    }
}

/// A checkpoint that may be begun with.
struct KeptCheckpoint {
    /// contents of its manifest
    header: CheckpointHeader,
    /// it holds every state of the plan
    is_whole: bool,
}

/// An epoch that is bound and not complete.
struct InFlight {
    /// its number; one more than that of the epoch in flight before it
    epoch: u64,
    /// its wall clock, microseconds since 1970
    wall_micros: i64,
    /// the ranges of the log that it binds
    ranges: Vec<BoundRange>,
}

/// Binds epochs.
pub struct Coordinator<D: Disk> {
    /// holds identity, bindings and checkpoints
    disk: Arc<D>,
    /// the log that epochs are read from
    log: Arc<dyn Log>,
    /// timeline and incarnation of this run
    identity: Identity,
    /// record of everything that was bound, durable
    bindings: Bindings<D>,
    /// reads the log; its positions are those after the last bound epoch
    reader: Reader,
    /// identities of the bound epochs
    history: History,
    /// the plan that computes; part of each binding
    plan: Fingerprint,
    /// bound by an earlier run, to be computed again
    replay: VecDeque<Binding>,
    /// records of `replay` that were read again, and how many there were
    replay_records: (u64, u64),
    /// epochs that are handed out and not complete, oldest first
    in_flight: VecDeque<InFlight>,
    /// the last complete epoch and what was read until then
    complete: (u64, i64),
    /// next offsets of all partitions after the last complete epoch
    complete_offsets: Offsets,
    /// changes of state since the last checkpoint that was handed out
    changes: StateChanges,
    /// the states with the numbers that checkpoints hold them under: one keeps its number for as long as it is the same
    states: StateNumbers,
    /// true if the next checkpoint contains everything and continues none
    next_is_base: bool,
    /// positions in partitions that no source of the plan reads any more
    dormant: Offsets,
    /// the checkpoints that are kept for a restart, oldest first
    kept: VecDeque<KeptCheckpoint>,
    /// the checkpoint that is being written; at most one at a time
    writing: Option<KeptCheckpoint>,
    /// those of earlier plans
    retained: Retained,
    /// limits of `retained`
    limits: RetainedLimits,
    /// up to this epoch it is known from before how much was bound since they were written
    counted: u64,
    /// epochs of bindings that are kept behind the oldest kept checkpoint
    retained_epochs: u64,
    /// control entry of the next epoch
    announced: Option<Control>,
}

impl<D: Disk> Coordinator<D> {
    /// Takes over a data directory: claims the next incarnation, checks what is there, and finds where to begin. `floors`
    /// fences the sinks for the incarnation and tells how far those are that hold data of this history.
    ///
    /// Nothing is changed before the start is known to be possible, except that the incarnation is counted. A crash in between leaves a
    /// higher incarnation and no other trace; the next start decides the same way.
    pub fn open(
        disk: Arc<D>,
        log: Arc<dyn Log>,
        topics: &[TopicMetadata],
        settings: Settings,
        wall: &mut dyn WallSource,
        floors: &mut dyn FnMut(&History, u64) -> Result<SinkFloors, EpochError>,
    ) -> Result<(Self, Checkpoints<D>, Start), EpochError> {
        let (mut bindings, tail) = Bindings::open(Arc::clone(&disk), BINDINGS)?;
        let identity = claim(disk.as_ref(), &bindings, tail, settings.timeline)?;
        bindings.secure()?;
        let (mut checkpoints, opened) = Checkpoints::open(Arc::clone(&disk), CHECKPOINTS)?;
        let mut history = History::new(identity.timeline);
        for binding in bindings.read(0) {
            let binding = binding?;
            history.push(binding.epoch, binding.chain());
        }
        let is_usable = |header: &&CheckpointHeader| history.chain(header.epoch).is_some_and(|chain| chain.0 == header.chain);
        let usable: Vec<CheckpointHeader> = opened.headers.iter().filter(is_usable).cloned().collect();
        // Before any sink is touched: a start that is refused changes nothing.
        let possible = possible_checkpoints(&usable, &settings, log.as_ref(), &bindings, &opened.damages)?;
        let floors = floors(&history, identity.incarnation)?;
        let checkpoint = checkpoint_to_begin_with(&possible, floors, || has_the_beginning(log.as_ref(), &bindings))?;
        let read_until = read_until(usable.first(), &bindings)?;
        let offsets = checkpoint.as_ref().map_or_else(Offsets::default, offsets_of);
        let reader = Reader::new(log.clone(), topics, &offsets, settings.epoch_records)?;
        let followed = reader.offsets();
        let mut coordinator = Self {
            log,
            disk,
            identity,
            bindings,
            history,
            replay: VecDeque::new(),
            replay_records: (0, 0),
            in_flight: VecDeque::new(),
            complete: (0, 0),
            complete_offsets: Offsets::default(),
            dormant: Offsets(read_until.0.into_iter().filter(|(partition, _)| !followed.contains_key(partition)).collect()),
            changes: Vec::new(),
            states: StateNumbers::new(checkpoint.as_ref(), settings.states),
            next_is_base: checkpoint.is_none(),
            kept: VecDeque::new(),
            writing: None,
            retained: Retained::default(),
            limits: settings.retained,
            counted: usable.first().map_or(0, |newest| newest.epoch),
            retained_epochs: RETAINED_EPOCHS,
            announced: None,
            plan: settings.plan,
            reader,
        };
        coordinator.keep(&mut checkpoints, &usable, checkpoint.as_ref())?;
        let start = match checkpoint {
            Some(header) => coordinator.start_at(header)?,
            None => coordinator.start_at_the_beginning(wall, opened.damages)?,
        };
        wall.replayed(start.wall_micros);
        coordinator.complete = (start.epoch, start.wall_micros);
        coordinator.complete_offsets = coordinator.reader.positions();
        Ok((coordinator, checkpoints, start))
    }

    /// Begins with a checkpoint: what was bound after it is computed again, with the same records and the same clock.
    fn start_at(&mut self, header: CheckpointHeader) -> Result<Start, EpochError> {
        self.queue_replay(header.epoch + 1)?;
        let states = self.states.iter().enumerate();
        let missing =
            states.filter(|(_, (state, _))| stored_state(&header, state).is_none()).map(|(number, _)| number as u32).collect();
        Ok(Start {
            epoch: header.epoch,
            wall_micros: header.wall_micros,
            offsets: self.reader.offsets(),
            checkpoint: Some(header),
            missing,
        })
    }

    /// Without a checkpoint everything is computed from epoch 0 on, which is bound now when it never was.
    fn start_at_the_beginning(&mut self, wall: &mut dyn WallSource, damages: Vec<String>) -> Result<Start, EpochError> {
        if self.bindings.is_empty() {
            let wall_micros = wall.bind(&Records::new());
            let ranges = self.reader.first_ranges();
            self.append(0, wall_micros, ranges, None)?;
        }
        let first = self.bindings.read(0).next().transpose()?;
        let Some(first) = first.filter(|first| first.epoch == 0) else {
            return Err(EpochError::NothingToStartFrom { first: self.bindings.first().unwrap_or(0), damages });
        };
        for range in &first.ranges {
            self.reader.rewind(range)?;
        }
        self.queue_replay(1)?;
        Ok(Start {
            epoch: 0,
            wall_micros: first.wall_micros,
            offsets: self.reader.offsets(),
            checkpoint: None,
            missing: Vec::new(),
        })
    }

    /// Queues the bindings from an epoch on to be computed again.
    fn queue_replay(&mut self, from: u64) -> Result<(), EpochError> {
        self.replay = self.bindings.read(from).collect::<Result<_, _>>()?;
        self.replay_records = (0, self.replay.iter().map(Binding::records).sum());
        Ok(())
    }

    /// Keeps more or less than [`Retention::default`].
    pub fn retain(&mut self, retention: Retention) {
        self.retained_epochs = retention.epochs;
        self.bindings.set_segment_bytes(retention.segment_bytes);
    }

    /// Has the next epoch that is bound say this, if it has nothing else to say. Texts about records that are quarantined add up.
    pub fn announce(&mut self, control: Control) {
        self.announced = Some(match (self.announced.take(), control) {
            (Some(Control::Quarantine(before)), Control::Quarantine(text)) => Control::Quarantine(format!("{before}; {text}")),
            (_, control) => control,
        });
    }

    /// The history as it is bound.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Timeline and incarnation.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Records that were read again after the start, and how many there are to read again.
    pub fn replayed(&self) -> (u64, u64) {
        self.replay_records
    }

    /// The last epoch that is bound.
    pub fn last_bound(&self) -> u64 {
        self.bindings.last().map_or(self.complete.0, |(last, _)| last)
    }

    /// Returns true if epochs of an earlier run are still to be computed again.
    pub fn is_replaying(&self) -> bool {
        !self.replay.is_empty()
    }

    /// Records of the log that are in no complete epoch yet.
    pub fn lag(&self) -> u64 {
        let behind = self
            .complete_offsets
            .0
            .iter()
            .map(|((topic, partition), (_, next))| self.log.records_from(topic, *partition, *next).unwrap_or(1));
        behind.sum()
    }

    /// Returns true if a checkpoint is being written.
    pub fn is_writing_checkpoint(&self) -> bool {
        self.writing.is_some()
    }

    /// Changes of state that no checkpoint holds yet.
    pub fn unsaved_changes(&self) -> usize {
        self.changes.len()
    }

    /// The next epoch: one that was bound before, or else a new one when there are records or it is time for a `tick`. A new one is
    /// durable when this returns.
    pub fn next(&mut self, wall: &mut dyn WallSource, tick: bool) -> Result<Option<EpochInput>, EpochError> {
        if let Some(binding) = self.replay.front() {
            let records = self.reader.read_again(&binding.ranges)?;
            let binding = self.replay.pop_front().unwrap_or_else(|| panic!("the binding that was read again is gone"));
            self.replay_records.0 += binding.records();
            wall.replayed(binding.wall_micros);
            return Ok(Some(self.start_epoch(
                binding.epoch,
                binding.wall_micros,
                binding.ranges,
                binding.control,
                records,
                true,
            )));
        }
        let (ranges, records) = self.reader.read_next()?;
        if ranges.is_empty() && !tick {
            return Ok(None);
        }
        self.bind(wall, ranges, records, None).map(Some)
    }

    /// Binds what was read, durably, as the next epoch.
    fn bind(
        &mut self,
        wall: &mut dyn WallSource,
        ranges: Vec<BoundRange>,
        records: Records,
        control: Option<Control>,
    ) -> Result<EpochInput, EpochError> {
        let wall_micros = wall.bind(&records);
        let epoch = self.bindings.last().map_or(0, |(last, _)| last + 1);
        let control = self.append(epoch, wall_micros, ranges.clone(), control)?;
        self.reader.advance(&ranges);
        Ok(self.start_epoch(epoch, wall_micros, ranges, control, records, false))
    }

    /// Makes a binding durable.
    fn append(
        &mut self,
        epoch: u64,
        wall_micros: i64,
        ranges: Vec<BoundRange>,
        control: Option<Control>,
    ) -> Result<Option<Control>, EpochError> {
        self.identity.check(self.disk.as_ref())?;
        let last = self.bindings.last();
        let is_first_of_timeline =
            self.identity.parent.as_ref().is_some_and(|(_, parent, _)| last.is_some_and(|(last, _)| last == *parent));
        let announced = if control.is_none() && !is_first_of_timeline { self.announced.take() } else { None };
        let control = if is_first_of_timeline { self.identity.opened().map(Control::Opened) } else { control.or(announced) };
        let binding = Binding {
            timeline: self.identity.timeline,
            epoch,
            incarnation: self.identity.incarnation,
            wall_micros,
            ranges,
            plan: self.plan.0.to_vec(),
            previous: last.map_or(Vec::new(), |(_, chain)| chain.0.to_vec()),
            control: control.clone(),
        };
        crash_point(BEFORE_BIND);
        let chain = self.bindings.append(&binding)?;
        crash_point(BOUND);
        self.history.push(epoch, chain);
        Ok(control)
    }

    /// Hands out an epoch that is durable.
    fn start_epoch(
        &mut self,
        epoch: u64,
        wall_micros: i64,
        ranges: Vec<BoundRange>,
        control: Option<Control>,
        records: Records,
        replayed: bool,
    ) -> EpochInput {
        if epoch > self.counted {
            let bytes = records.values().flatten().map(|record| record.key.len() + record.value.len()).sum::<usize>();
            self.retained.bound(bytes as u64);
        }
        let consumed = ranges.iter().map(|range| ((range.topic(), Partition(range.partition)), Offset(range.next))).collect();
        self.in_flight.push_back(InFlight { epoch, wall_micros, ranges: ranges.clone() });
        EpochInput { epoch, wall_micros, records, ranges, consumed, replayed, control }
    }

    /// Takes how an epoch changed the state. Epochs complete in order; the one that a run starts with may change something too.
    ///
    /// Panics when it is called out of order: what would be checkpointed then is the state of no epoch.
    pub fn complete(&mut self, epoch: u64, changes: StateChanges) {
        if self.in_flight.front().is_none_or(|first| first.epoch > epoch) && epoch == self.complete.0 {
            self.changes.extend(changes);
            return;
        }
        let Some(done) = self.in_flight.pop_front() else { panic!("epoch {epoch} is complete, but none is in flight") };
        assert_eq!(done.epoch, epoch, "epochs have to be complete in the order in which they were bound");
        self.complete = (epoch, done.wall_micros);
        self.complete_offsets.advance(&done.ranges);
        self.changes.extend(changes);
    }

    /// Reads once more what was bound before the checkpoint that this run begins with, for states that it does not hold.
    pub fn backfill(&self, topics: &[Topic]) -> Result<Backfill, EpochError> {
        Backfill::new(self.log.clone(), topics, &self.complete_offsets, self.complete.0)
    }

    /// The last complete epoch.
    pub fn completed(&self) -> u64 {
        self.complete.0
    }

    /// Bytes of the bindings on disk.
    pub fn binding_bytes(&self) -> u64 {
        self.bindings.bytes()
    }
}
