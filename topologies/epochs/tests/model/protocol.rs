//! Steps of a process: start, bind, compute, checkpoint, compact.
//!
//! Owns the protocol as the model has it. A world enters in which a step is possible; the world after it leaves. Between any two steps of
//! a process everything else may happen: another process may start, the process may be killed, or never be scheduled again.

use std::sync::Arc;

use crate::actions::Protocol;
use crate::mutants::Rule;
use crate::state::{
    APPEND, Binding, Chain, Checkpoint, EPOCH_RECORDS_MAX, Epoch, FOREIGN_PARTITION, HaltReason, Link, Phase, Process, Progress,
    ROOT, Range, Row, STATE, Source, Verdict, WALL_JUMP_MAX, World, judge, plan_of, rows_of, watermark,
};

impl Protocol {
    /// Steps 3 and 19: the next incarnation, above everything that a sink has ever seen, also when the data directory is a restored one.
    pub fn start(&self, world: &mut World) {
        let seen = world.sinks.iter().map(|sink| sink.fence).max().unwrap_or(0);
        world.disk.incarnation = world.disk.incarnation.max(seen) + 1;
        world.processes.push(Process {
            timeline: world.disk.timeline,
            incarnation: world.disk.incarnation,
            plan: world.disk.plan,
            phase: Phase::Fencing(0),
            base: (0, ROOT),
            history: Vec::new(),
            pending: None,
            computed: 0,
            rows: Vec::new(),
            topics: [0, 0],
            offsets: [0, 0],
            wall: 0,
            links: [Link::Unknown(None), Link::Unknown(None)],
            sessions: [0, 0],
            invalidated: 0,
        });
    }

    /// Step 4: no earlier incarnation writes to the sink from now on; only then it is asked how far it is.
    pub fn fence(&self, world: &mut World, p: usize, sink: usize) -> bool {
        let incarnation = world.processes[p].incarnation;
        if world.sinks[sink].fence > incarnation && self.follows(Rule::CheckIncarnationInside) {
            end_fenced(world, p);
            return false;
        }
        world.sinks[sink].fence = incarnation;
        world.sinks[sink].session += 1;
        world.processes[p].sessions[sink] = world.sinks[sink].session;
        world.processes[p].links[sink] = Link::Found(world.sinks[sink].store.progress.clone());
        if let Phase::Fencing(_) = world.processes[p].phase {
            world.processes[p].phase = if sink == APPEND { Phase::Loading } else { Phase::Fencing(sink + 1) };
        }
        true
    }

    /// Steps 5 and 6: from the newest checkpoint that no good sink is before. What is found in R may be a write that was never synced.
    /// Whoever was overtaken meanwhile may have read what its successor has compacted since: it ends.
    pub fn load(&self, world: &mut World, p: usize) {
        if is_overtaken(world, p) {
            return end_fenced(world, p);
        }
        if self.follows(Rule::SyncWhatIsFound) {
            world.disk.synced = world.disk.bindings.len();
        }
        let good = |sink: usize| self.good(world, p, sink, &|epoch| world.disk.chain(epoch)).map(|progress| progress.epoch);
        let floor = [STATE, APPEND].into_iter().filter_map(good).min().unwrap_or(Epoch::MAX);
        let held =
            world.disk.checkpoints.iter().rev().find(|checkpoint| checkpoint.epoch <= floor || !self.follows(Rule::HoldBack));
        let Some(checkpoint) = held.or(world.disk.checkpoints.last()).cloned() else { return };
        let history: Vec<_> = world.disk.bindings.iter().filter(|binding| binding.epoch > checkpoint.epoch).cloned().collect();
        let process = &mut world.processes[p];
        process.base = (checkpoint.epoch, checkpoint.chain);
        process.computed = checkpoint.epoch;
        process.invalidated = checkpoint.epoch;
        process.rows = self.restored(checkpoint.rows);
        process.topics = checkpoint.topics;
        process.offsets = history.last().map_or(checkpoint.offsets, |last| [last.ranges[0].next(), last.ranges[1].next()]);
        process.wall = history.last().map_or(checkpoint.wall, |last| last.wall);
        process.history = history;
        process.phase = Phase::Running;
        self.decide(world, p, STATE);
        self.decide(world, p, APPEND);
    }

    /// Hole 4: compaction has forgotten when each row came; without the stored verdicts all would be judged as if they came now.
    fn restored(&self, rows: Vec<Row>) -> Vec<Row> {
        if self.follows(Rule::StoreVerdicts) {
            return rows;
        }
        let watermark = watermark(&rows);
        let judged = |row: &Row| Row { verdict: judge(&[], watermark, row.event), ..row.clone() };
        rows.iter().map(judged).collect()
    }

    /// Step 5: what the sink said, if the process can go on from there.
    fn good(&self, world: &World, p: usize, sink: usize, chain: &dyn Fn(Epoch) -> Option<Chain>) -> Option<Progress> {
        let process = &world.processes[p];
        let beginning =
            Progress { timeline: process.timeline, epoch: 0, chain: ROOT, incarnation: 0, plan: plan_of(sink, process.plan) };
        let found = match &process.links[sink] {
            Link::Found(None) if !self.follows(Rule::MissingProgressIsNoBeginning) => beginning,
            Link::Found(Some(found)) => found.clone(),
            _ => return None,
        };
        let ours = chain(found.epoch)?;
        let is_same = self.is_same((found.epoch, found.chain), (found.epoch, ours));
        let is_same_plan = found.plan == plan_of(sink, process.plan) || !self.follows(Rule::ComparePlans);
        (is_same && is_same_plan).then_some(Progress { chain: ours, ..found })
    }

    /// Returns true if two places in a history are one.
    pub fn is_same(&self, one: (Epoch, Chain), other: (Epoch, Chain)) -> bool {
        if self.follows(Rule::MatchByHash) { one.1 == other.1 } else { one.0 == other.0 }
    }

    /// Goes on with a sink, rebuilds it, or halts it.
    pub fn decide(&self, world: &mut World, p: usize, sink: usize) {
        let good = self.good(world, p, sink, &|epoch| world.processes[p].chain(epoch));
        let link = match good {
            Some(progress) => Link::Attached(progress),
            None if sink == STATE => Link::Rebuilding,
            None => Link::Halted,
        };
        if good_is_missing(&link) && !world.sinks[sink].is_damaged {
            world.trace.sink_halted_unharmed = true;
        }
        world.processes[p].links[sink] = link;
    }

    /// Step 13, after a time-out: a new producer, and the progress read to its end.
    pub fn attach(&self, world: &mut World, p: usize, sink: usize) {
        if self.fence(world, p, sink) {
            self.decide(world, p, sink);
        }
    }

    /// Steps 8 and 9, up to the sync.
    pub fn append(&self, world: &mut World, p: usize) {
        if self.follows(Rule::CheckIncarnationInside) && is_overtaken(world, p) {
            return end_fenced(world, p);
        }
        if let Some(reason) = self.source_problem(world, p) {
            return halt(world, p, reason);
        }
        let ranges = [self.range(world, p, 0), self.range(world, p, 1)];
        let process = &world.processes[p];
        let (epoch, previous) = process.last();
        let clamped = world.now.clamp(process.wall + 1, process.wall + WALL_JUMP_MAX);
        let wall = if self.follows(Rule::ClampWall) { clamped } else { world.now };
        let (timeline, incarnation, plan) = (process.timeline, process.incarnation, process.plan);
        let binding = Binding { timeline, epoch: epoch + 1, incarnation, wall, ranges, plan, previous, chain: ROOT }.sealed();
        world.disk.bindings.push(Arc::clone(&binding));
        world.processes[p].pending = Some(binding);
        if !self.follows(Rule::SyncBeforeUse) {
            enter(&mut world.processes[p]);
        }
    }

    /// Step 7: whether a source is still the one that was bound.
    fn source_problem(&self, world: &World, p: usize) -> Option<HaltReason> {
        let process = &world.processes[p];
        let problem = |(source, (topic, offset)): (&Source, (&u8, &u8))| {
            if source.topic != *topic {
                Some(HaltReason::SourceIdentityChanged)
            } else if source.start > *offset {
                Some(HaltReason::RetentionGap)
            } else {
                None
            }
        };
        let positions = process.topics.iter().zip(&process.offsets);
        world.sources.iter().zip(positions).find_map(problem).filter(|_| self.follows(Rule::VerifyBoundRanges))
    }

    /// The records of a partition that the next epoch binds.
    pub fn range(&self, world: &World, p: usize, partition: usize) -> Range {
        let (source, from) = (&world.sources[partition], world.processes[p].offsets[partition]);
        let is_down = partition == FOREIGN_PARTITION && world.registry_is_down && self.follows(Rule::OutagesAreNoData);
        let cap = if self.follows(Rule::CapEpochs) { EPOCH_RECORDS_MAX } else { usize::MAX };
        let records = source.records.iter().skip(usize::from(from)).take(if is_down { 0 } else { cap });
        Range { topic: source.topic, from, records: records.copied().collect() }
    }

    /// Step 9: now the records may enter the dataflow.
    pub fn sync(&self, world: &mut World, p: usize) {
        world.disk.synced = world.disk.bindings.len();
        enter(&mut world.processes[p]);
    }

    /// The epoch that is computed next, unless a passing outage is in the way.
    pub fn computable<'w>(&self, world: &'w World, p: usize) -> Option<&'w Arc<Binding>> {
        let process = &world.processes[p];
        let next = process.history.iter().find(|binding| binding.epoch == process.computed + 1)?;
        let stalls =
            world.registry_is_down && self.follows(Rule::OutagesAreNoData) && !next.ranges[FOREIGN_PARTITION].records.is_empty();
        (!stalls).then_some(next)
    }

    /// Steps 10, 11 and 20: an epoch is computed and shown, from the records that were bound or not at all.
    pub fn compute(&self, world: &mut World, p: usize) {
        let Some(binding) = self.computable(world, p).cloned() else { return };
        let read = if binding.incarnation == world.processes[p].incarnation {
            Ok([binding.ranges[0].records.clone(), binding.ranges[1].records.clone()])
        } else {
            self.read_again(world, &binding)
        };
        let records = match read {
            Ok(records) => records,
            Err(reason) => return halt(world, p, reason),
        };
        let mut rows = rows_of(&world.processes[p].rows, binding.epoch, &records.concat());
        if world.registry_is_down {
            let is_foreign = |row: &Row| records[FOREIGN_PARTITION].contains(&row.event);
            rows.iter_mut().filter(|row| is_foreign(row)).for_each(|row| row.verdict = Verdict::Unavailable);
        }
        // Hole 5: an order that is another one in another run.
        if !self.follows(Rule::OrderByRecords) && world.processes[p].incarnation.is_multiple_of(2) {
            rows.reverse();
        }
        remember(world, p, &binding);
        world.processes[p].rows.extend(rows);
        world.processes[p].computed = binding.epoch;
    }

    /// Step 11: the records of a bound range as the log has them now.
    fn read_again(&self, world: &World, binding: &Binding) -> Result<[Vec<u8>; 2], HaltReason> {
        let read = |partition: usize| {
            let (source, range) = (&world.sources[partition], &binding.ranges[partition]);
            let from = usize::from(range.from);
            let found: Vec<u8> = source.records.iter().skip(from).take(range.records.len()).copied().collect();
            if range.records.is_empty() || !self.follows(Rule::VerifyBoundRanges) {
                Ok(found)
            } else if source.topic != range.topic {
                Err(HaltReason::SourceIdentityChanged)
            } else if source.start > range.from {
                Err(HaltReason::RetentionGap)
            } else if found != range.records {
                Err(HaltReason::LogDiverged)
            } else {
                Ok(found)
            }
        };
        Ok([read(0)?, read(1)?])
    }

    /// Step 17.
    pub fn checkpoint(&self, world: &mut World, p: usize) {
        if is_overtaken(world, p) {
            return end_fenced(world, p);
        }
        let process = &world.processes[p];
        let (epoch, rows) = (process.computed, forget(&process.rows, process.computed));
        let Some(binding) = process.history.iter().find(|binding| binding.epoch == epoch) else { return };
        let offsets = [binding.ranges[0].next(), binding.ranges[1].next()];
        let topics = [binding.ranges[0].topic, binding.ranges[1].topic];
        let checkpoint = Checkpoint { epoch, chain: binding.chain, wall: binding.wall, rows, topics, offsets };
        world.disk.checkpoints.push(checkpoint);
        world.budget.checkpoints -= 1;
    }

    /// Step 16: the newest checkpoint that no attached sink is before; it is the oldest that stays.
    pub fn since(&self, world: &World, p: usize) -> Option<usize> {
        let held = |link: &Link| match link {
            Link::Attached(known) => Some(known.epoch),
            // It will be asked again, and goes on from there at the earliest.
            Link::Unknown(Some(known)) if self.follows(Rule::UnansweredSinksHoldBack) => Some(known.epoch),
            _ => None,
        };
        let floor = world.processes[p].links.iter().filter_map(held).min().unwrap_or(Epoch::MAX);
        let is_held = |checkpoint: &Checkpoint| checkpoint.epoch > floor && self.follows(Rule::HoldBack);
        // A run that began before a checkpoint still has to replay up to it.
        let computed = world.processes[p].computed;
        world.disk.checkpoints.iter().rposition(|checkpoint| checkpoint.epoch <= computed && !is_held(checkpoint))
    }

    /// Steps 16 and 18: R, the log and the arrangements forget what is before.
    pub fn compact(&self, world: &mut World, p: usize) {
        if is_overtaken(world, p) {
            return end_fenced(world, p);
        }
        let Some(place) = self.since(world, p) else { return };
        world.disk.checkpoints.drain(..place);
        let oldest = &world.disk.checkpoints[0];
        let (since, chain) = (oldest.epoch, oldest.chain);
        for (source, offset) in world.sources.iter_mut().zip(oldest.offsets) {
            source.start = source.start.max(offset);
        }
        let is_before = |binding: &Arc<Binding>| binding.epoch <= since;
        world.disk.synced -= world.disk.bindings[..world.disk.synced].iter().filter(|binding| is_before(binding)).count();
        world.disk.bindings.retain(|binding| !is_before(binding));
        let process = &mut world.processes[p];
        process.history.retain(|binding| !is_before(binding));
        process.base = process.base.max((since, chain));
        process.rows = forget(&process.rows, since);
    }
}

fn good_is_missing(link: &Link) -> bool {
    matches!(link, Link::Rebuilding | Link::Halted)
}

fn is_overtaken(world: &World, p: usize) -> bool {
    !world.is_current(&world.processes[p])
}

/// A process that was overtaken ends, whatever it was doing.
pub fn end_fenced(world: &mut World, p: usize) {
    world.processes.remove(p);
    world.trace.process_was_fenced = true;
}

fn halt(world: &mut World, p: usize, reason: HaltReason) {
    if world.is_current(&world.processes[p]) && !world.trace.source_is_damaged {
        world.trace.source_halted_unharmed = true;
    }
    world.processes[p].phase = Phase::Halted(reason);
}

/// A binding becomes part of what the process computes.
fn enter(process: &mut Process) {
    if let Some(binding) = process.pending.take() {
        process.offsets = [binding.ranges[0].next(), binding.ranges[1].next()];
        process.wall = binding.wall;
        process.history.push(binding);
    }
}

/// Notes for the judge that an epoch is acted upon.
fn remember(world: &mut World, p: usize, binding: &Arc<Binding>) {
    let is_ours = world.processes[p].timeline == world.disk.timeline;
    if is_ours && !world.disk.is_durable(binding.epoch, binding.chain) {
        world.trace.epoch_was_shown_before_it_was_durable = true;
    }
    if !world.acted.contains(binding) {
        world.acted.push(Arc::clone(binding));
        world.acted.sort_by_key(|binding| (binding.timeline, binding.epoch, binding.chain));
    }
}

/// Forgets when rows came, up to an epoch.
fn forget(rows: &[Row], since: Epoch) -> Vec<Row> {
    rows.iter().map(|row| Row { arrival: row.arrival.max(since), ..row.clone() }).collect()
}
