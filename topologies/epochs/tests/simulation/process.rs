//! A process: the real coordinator, checkpoints and outboxes around the small dataflow.
//!
//! Owns [`Process`]. It is opened on the disk, the log and the sinks of a [`World`], takes steps, and is dropped when it crashes. One
//! that is frozen and thawed after another took over is a process like any other.

use std::sync::Arc;

use epochs::checkpoint::error::CheckpointError;
use epochs::checkpoint::{CheckpointHeader, Checkpoints};
use epochs::clock::{Reading, WallClock};
use epochs::coordinator::{CheckpointJob, Coordinator, RetainedLimits, Settings, SinkFloors, WallSource, stored_state};
use epochs::disk::simulated::SimulatedDisk;
use epochs::error::EpochError;
use epochs::reader::Records;
use schemas::chain::Chain;
use schemas::fingerprint::{Fingerprint, StateSpec};
use schemas::position::Topic;
use schemas::row::{Diff, Row};
use sinks::contract::{History, Outbox, Progress, Run, Sink, SinkError, SinkKind, SinkState, Unit};
use sources::log::{Log, LogReader};
use sources::record::{TopicId, TopicMetadata};

use super::engine::{Engine, View};
use super::sinks::SimulatedSink;
use super::world::{TOPIC, World};

/// The wall clock of a simulated machine.
pub struct SimulatedWall {
    clock: WallClock,
    now: Reading,
}

impl WallSource for SimulatedWall {
    fn bind(&mut self, _: &Records) -> i64 {
        self.clock.bind(self.now)
    }

    fn replayed(&mut self, wall_micros: i64) {
        self.clock.replayed(wall_micros);
    }
}

pub struct Process {
    pub coordinator: Coordinator<SimulatedDisk>,
    checkpoints: Checkpoints<SimulatedDisk>,
    engine: Engine,
    pub outboxes: Vec<Outbox<SimulatedSink>>,
    wall: SimulatedWall,
    job: Option<CheckpointJob>,
    pub plan: Fingerprint,
    /// the disk was full, and it went on trying
    pub was_full: bool,
    /// the state that readers see, and its epoch
    pub published: (Chain, View),
}

fn settings(world: &World) -> Settings {
    let state =
        |name: &str| StateSpec { fingerprint: Fingerprint::of(name), name: name.to_owned(), topics: vec![Topic::new(TOPIC)] };
    Settings {
        epoch_records: world.epoch_records,
        plan: Fingerprint::of(&format!("plan {}", world.plan)),
        states: vec![state("ids"), state("accounts")],
        timeline: world.timelines,
        accept_missing_history: false,
        retained: RetainedLimits::default(),
    }
}

/// Returns the progress of the sinks that can resume; each is fenced before it is asked.
fn floors(
    world: &World,
    found: &mut [Option<Progress>],
    plan: Fingerprint,
    history: &History,
    incarnation: u64,
) -> Result<SinkFloors, EpochError> {
    let mut floors = SinkFloors::default();
    for (sink, found) in world.sinks.iter().zip(&mut *found) {
        match sink.clone().fence(incarnation) {
            Ok(progress) => *found = progress.filter(|progress| history.is_good(progress, plan)),
            Err(SinkError::Fenced(found)) => return Err(EpochError::Fenced { ours: incarnation, found }),
            // Without its answer nobody knows from where it needs the changes.
            Err(_) if sink.kind() == SinkKind::Append => return Err(EpochError::Fenced { ours: incarnation, found: 0 }),
            Err(_) => {}
        }
        found.iter().for_each(|progress| floors.add(sink.kind(), progress.epoch));
    }
    Ok(floors)
}

impl Process {
    /// Starts on what is there. A checkpoint that turns out to be damaged is quarantined, and the start is tried again.
    pub fn open(world: &mut World) -> Result<Self, EpochError> {
        loop {
            let settings = settings(world);
            let plan = settings.plan;
            let mut wall = SimulatedWall { clock: WallClock::after(None), now: world.now };
            let log: Arc<dyn Log> = world.log.clone();
            let topic = log.create_topic(&Topic::new(TOPIC), world.partitions)?;
            // The log draws an identity at random: with the seed's own, its bytes are the same every time.
            let topic = TopicMetadata { topic_id: TopicId(u128::from(world.topic_id)), ..topic };
            world.oracle.plan(plan, world.plan);
            let mut found = vec![None; world.sinks.len()];
            let opened = Coordinator::open(
                Arc::new(world.disk.clone()),
                log,
                &[topic],
                settings,
                &mut wall,
                &mut |history, incarnation| floors(world, &mut found, plan, history, incarnation),
            );
            let (mut coordinator, mut checkpoints, start) = opened?;
            coordinator.retain(world.retention);
            let mut engine = Engine::new(world.plan);
            if let Some(header) = &start.checkpoint {
                if let Err(error) = restore(&mut engine, &checkpoints, header) {
                    world.figures.damaged_checkpoints += 1;
                    if matches!(error, CheckpointError::Damaged { .. }) {
                        checkpoints.retain(|kept| kept.epoch < header.epoch)?;
                        continue;
                    }
                    return Err(error.into());
                }
                world.figures.restores += 1;
            }
            engine.recompute(start.wall_micros);
            let chain = coordinator.history().chain(start.epoch).unwrap_or_default();
            if start.checkpoint.is_none() {
                world.oracle.root(coordinator.identity().timeline, chain, start.wall_micros);
            }
            let sinks = world.sinks.iter().zip(&world.seen).zip(found);
            let outboxes = sinks.map(|((sink, seen), found)| Outbox::new(sink.clone(), *seen, found, world.limits)).collect();
            let published = (chain, engine.view.clone());
            return Ok(Self { coordinator, checkpoints, engine, outboxes, wall, job: None, plan, was_full: false, published });
        }
    }

    /// Computes and publishes the next epoch; false when there is none.
    pub fn epoch(&mut self, world: &mut World, tick: bool) -> Result<bool, EpochError> {
        self.wall.now = world.now;
        let Some(input) = self.coordinator.next(&mut self.wall, tick)? else { return Ok(false) };
        let history = self.coordinator.history();
        let (parent, chain) =
            (history.chain(input.epoch - 1).unwrap_or_default(), history.chain(input.epoch).unwrap_or_default());
        world.oracle.acts(self.timeline_of(input.epoch), parent, chain, &input);
        let output = self.engine.epoch(&input);
        for outbox in &mut self.outboxes {
            let progress = Progress {
                timeline: self.coordinator.identity().timeline,
                epoch: input.epoch,
                chain: chain.0,
                incarnation: self.coordinator.identity().incarnation,
                plan: self.plan.0,
                generation: 0,
            };
            outbox.push(Unit { after: parent, progress, changes: output.changes.clone() });
        }
        self.coordinator.complete(input.epoch, output.state);
        self.published = (chain, self.engine.view.clone());
        world.figures.epochs += 1;
        world.figures.resumed_after_full += u64::from(std::mem::take(&mut self.was_full));
        Ok(true)
    }

    /// Epochs that were bound before a timeline branched off keep its number.
    fn timeline_of(&self, epoch: u64) -> u64 {
        let identity = self.coordinator.identity();
        match &identity.parent {
            Some((parent, last, _)) if epoch <= *last => *parent,
            _ => identity.timeline,
        }
    }

    /// Does the next thing for a sink.
    pub fn sink(&mut self, world: &mut World, number: usize) -> Result<bool, SinkError> {
        let (epoch, view) = (self.coordinator.completed(), &self.engine.view);
        let run = Run {
            history: self.coordinator.history(),
            incarnation: self.coordinator.identity().incarnation,
            plan: self.plan,
            completed: epoch,
            snapshot: &|| (epoch, view.iter().map(|(row, diff)| (row.clone(), *diff)).collect::<Vec<(Row, Diff)>>()),
        };
        let outbox = &mut self.outboxes[number];
        let (reconciled, repaired) = (outbox.reconciled, outbox.repaired);
        let done = outbox.step(&run);
        world.figures.reconciled += outbox.reconciled - reconciled;
        world.figures.repaired += outbox.repaired - repaired;
        world.seen[number] |= outbox.is_seen();
        done
    }

    fn floor(&self) -> Option<u64> {
        self.outboxes.iter().filter_map(Outbox::floor).min()
    }

    pub fn begin_checkpoint(&mut self) {
        if !self.coordinator.is_replaying() && self.job.is_none() {
            self.job = self.coordinator.checkpoint(Vec::new(), self.floor());
        }
    }

    /// Writes the checkpoint that was begun.
    pub fn write_checkpoint(&mut self, world: &mut World) -> Result<(), EpochError> {
        let Some(job) = &self.job else { return Ok(()) };
        job.write(&world.disk, &mut self.checkpoints)?;
        let epoch = job.header.epoch;
        let floor = self.floor();
        let bytes = self.coordinator.binding_bytes();
        let noted = self.coordinator.checkpoint_written(epoch, floor);
        if noted.is_ok() || !self.coordinator.is_writing_checkpoint() {
            // What fails before is done again.
            self.job = None;
        }
        noted?;
        world.figures.trimmed_bindings += u64::from(self.coordinator.binding_bytes() < bytes);
        world.figures.checkpoints += 1;
        Ok(())
    }

    /// Gives back the part of the log that no restart reads.
    pub fn trim_log(&self, world: &mut World) -> Result<(), EpochError> {
        let before = world.log.bytes();
        self.coordinator.trim_log()?;
        world.figures.trims += u64::from(world.log.bytes() < before);
        Ok(())
    }

    /// Returns true if there is nothing left to do but for sinks that wait for a person.
    pub fn is_idle(&self) -> bool {
        self.outboxes.iter().all(|outbox| outbox.is_idle() || matches!(outbox.state(), SinkState::Halted(_)))
    }
}

fn restore(
    engine: &mut Engine,
    checkpoints: &Checkpoints<SimulatedDisk>,
    header: &CheckpointHeader,
) -> Result<(), CheckpointError> {
    for (number, name) in ["ids", "accounts"].iter().enumerate() {
        let spec = StateSpec { fingerprint: Fingerprint::of(name), name: (*name).to_owned(), topics: Vec::new() };
        let state = stored_state(header, &spec).expect("the checkpoint has every state");
        for entry in checkpoints.scan(header, state)? {
            let (key, value) = entry?;
            engine.restore(number as u32, &key, &value);
        }
    }
    Ok(())
}
