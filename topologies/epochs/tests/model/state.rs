//! The world of the model: two partitions of a log, a data directory, processes, two sinks, and what the judge remembers.
//!
//! Owns every type that is part of a state, and the pure function that the dataflow computes. Everything is small and symbolic: records
//! are numbers, the checksum of a bound range is the records themselves, the identity of an epoch is a number mixed from its body.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The number of an epoch.
pub type Epoch = u8;
/// The identity of an epoch: mixed from its body and the identity of the one before.
pub type Chain = u64;

/// The identity of epoch 0, before everything.
pub const ROOT: Chain = 0;
/// A record that can't be decoded, now or ever.
pub const UNDECODABLE: u8 = 9;
/// Content of a recreated topic, or of a partition after an unclean election, in the place of its records.
pub const FOREIGN: u8 = 7;
/// Records of one partition that one epoch may have.
pub const EPOCH_RECORDS_MAX: usize = 2;
/// The most that the wall clock of an epoch is after that of the one before.
pub const WALL_JUMP_MAX: u8 = 5;
/// The clock's value at first.
pub const CLOCK_START: u8 = 3;
/// The place of the sink that keeps a state; it is also what the cache stands in front of.
pub const STATE: usize = 0;
/// The place of the sink that keeps a record of changes.
pub const APPEND: usize = 1;
/// The partition whose decoding needs a schema registry; it is also the one whose topic is deleted and made again.
pub const FOREIGN_PARTITION: usize = 1;

/// Verdict on a record when it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    OnTime,
    Late,
    Duplicate,
    Undecodable,
    /// an outage taken for a bad record: must never be seen
    Unavailable,
}

/// A row of the first stateful collection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// the epoch it came with, or that of the compaction which forgot it
    pub arrival: Epoch,
    pub event: u8,
    pub verdict: Verdict,
}

/// The records of a partition that an epoch binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    pub topic: u8,
    pub from: u8,
    pub records: Vec<u8>,
}

impl Range {
    pub fn next(&self) -> u8 {
        self.from + self.records.len() as u8
    }
}

/// R[e].
#[derive(Debug)]
pub struct Binding {
    pub timeline: u8,
    pub epoch: Epoch,
    pub incarnation: u8,
    pub wall: u8,
    pub ranges: [Range; 2],
    pub plan: u8,
    pub previous: Chain,
    pub chain: Chain,
}

impl Binding {
    /// Gives a binding its identity.
    pub fn sealed(mut self) -> Arc<Self> {
        let mut mix = DefaultHasher::new();
        (self.timeline, self.epoch, self.incarnation, self.wall, &self.ranges, self.plan, self.previous).hash(&mut mix);
        self.chain = mix.finish().max(ROOT + 1);
        Arc::new(self)
    }
}

impl PartialEq for Binding {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain
    }
}

impl Eq for Binding {}

impl Hash for Binding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.chain.hash(state);
    }
}

/// C: what a run can begin with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    pub epoch: Epoch,
    pub chain: Chain,
    pub wall: u8,
    pub rows: Vec<Row>,
    pub topics: [u8; 2],
    pub offsets: [u8; 2],
}

/// A data directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Disk {
    pub timeline: u8,
    pub incarnation: u8,
    /// the plan that is deployed
    pub plan: u8,
    /// R, after the oldest checkpoint
    pub bindings: Vec<Arc<Binding>>,
    /// number of them that survive a power loss
    pub synced: usize,
    /// oldest first; the first one at all is of epoch 0 and empty
    pub checkpoints: Vec<Checkpoint>,
}

impl Disk {
    /// The number and the identity of the last epoch that is bound.
    pub fn last(&self) -> (Epoch, Chain) {
        let checkpoint = self.checkpoints.last().map_or((0, ROOT), |checkpoint| (checkpoint.epoch, checkpoint.chain));
        self.bindings.last().map_or(checkpoint, |binding| (binding.epoch, binding.chain))
    }

    /// Returns true if an epoch survives a power loss.
    pub fn is_durable(&self, epoch: Epoch, chain: Chain) -> bool {
        let is_compacted = self.checkpoints.first().is_some_and(|first| epoch <= first.epoch);
        is_compacted || self.bindings[..self.synced].iter().any(|binding| binding.chain == chain)
    }

    /// The identity of an epoch, as far back as it is retained.
    pub fn chain(&self, epoch: Epoch) -> Option<Chain> {
        let bound = self.bindings.iter().find(|binding| binding.epoch == epoch).map(|binding| binding.chain);
        bound.or_else(|| self.checkpoints.iter().find(|checkpoint| checkpoint.epoch == epoch).map(|checkpoint| checkpoint.chain))
    }
}

/// S.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    pub timeline: u8,
    pub epoch: Epoch,
    pub chain: Chain,
    pub incarnation: u8,
    pub plan: u8,
}

/// State of a sink: progress and data, changed together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub progress: Option<Progress>,
    /// number of times that the sink was rebuilt
    pub generation: u8,
    /// the state sink's data, by key
    pub totals: [u16; 2],
    /// the append sink's data
    pub entries: Vec<(u8, Verdict)>,
    /// for the judge: the epochs that this generation was given
    pub applied: Vec<Chain>,
}

/// A write to a sink.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// the epoch it follows; `None` replaces everything
    pub after: Option<(Epoch, Chain)>,
    pub incarnation: u8,
    pub session: u8,
    pub progress: Progress,
    /// absolute values of the keys that changed
    pub totals: [Option<u16>; 2],
    pub entries: Vec<(u8, Verdict)>,
    pub epochs: Vec<Chain>,
}

/// A system outside that stores our output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sink {
    pub store: Store,
    /// the incarnation that may write
    pub fence: u8,
    /// the producer that may write; counts up whenever someone attaches
    pub session: u8,
    /// a write that was given up and may still arrive
    pub delayed: Option<Write>,
    /// earlier states that it may go back to; kept only where that may happen
    pub past: Vec<Store>,
    /// something outside the protocol happened to it
    pub is_damaged: bool,
}

/// A partition of a log that others own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    pub topic: u8,
    pub start: u8,
    pub records: Vec<u8>,
    /// number of records that the producers have sent and had acknowledged
    pub acknowledged: u8,
}

/// Knowledge of a process about a sink.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    /// not asked since the start, or since an answer that never came; holds the last that was known
    Unknown(Option<Progress>),
    /// fenced and read, before the process has loaded what it compares with
    Found(Option<Progress>),
    Attached(Progress),
    Rebuilding,
    /// someone has to choose
    Halted,
}

/// Reason why a process reads a source no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HaltReason {
    SourceIdentityChanged,
    RetentionGap,
    LogDiverged,
}

/// Phase of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// the next sink to fence
    Fencing(usize),
    Loading,
    Running,
    Halted(HaltReason),
}

/// An incarnation: everything here is lost when it dies, and nothing of it is known to another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    pub timeline: u8,
    pub incarnation: u8,
    pub plan: u8,
    pub phase: Phase,
    /// changes are known after this epoch
    pub base: (Epoch, Chain),
    /// the bound epochs after `base`
    pub history: Vec<Arc<Binding>>,
    /// appended and not synced yet
    pub pending: Option<Arc<Binding>>,
    /// the last complete epoch, which readers see
    pub computed: Epoch,
    pub rows: Vec<Row>,
    /// positions that the next epoch binds from
    pub topics: [u8; 2],
    pub offsets: [u8; 2],
    pub wall: u8,
    pub links: [Link; 2],
    /// its producer at each sink
    pub sessions: [u8; 2],
    /// the epoch up to which the cache was invalidated
    pub invalidated: Epoch,
}

impl Process {
    /// The identity of an epoch that this process can still tell changes after.
    pub fn chain(&self, epoch: Epoch) -> Option<Chain> {
        if epoch == self.base.0 {
            return Some(self.base.1);
        }
        self.history.iter().find(|binding| binding.epoch == epoch).map(|binding| binding.chain)
    }

    /// The last epoch that is bound.
    pub fn last(&self) -> (Epoch, Chain) {
        self.history.last().map_or(self.base, |binding| (binding.epoch, binding.chain))
    }

    /// Returns true if everything that is bound is computed.
    pub fn is_replayed(&self) -> bool {
        self.computed == self.last().0
    }
}

/// Violations that leave no trace in the state itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trace {
    pub process_was_fenced: bool,
    pub sink_halted_unharmed: bool,
    pub source_halted_unharmed: bool,
    pub source_is_damaged: bool,
    pub epoch_was_shown_before_it_was_durable: bool,
    pub cache_was_invalidated_too_early: bool,
}

/// Number of times that each fault may still strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub kills: u8,
    pub power_losses: u8,
    pub fail_overs: u8,
    pub lost_answers: u8,
    pub regressions: u8,
    pub lost_progress: u8,
    pub backups: u8,
    pub deploys: u8,
    pub outages: u8,
    pub clock_steps: u8,
    pub source_damages: u8,
    /// no fault, but bounded in the same way
    pub checkpoints: u8,
}

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub sources: [Source; 2],
    pub now: u8,
    pub registry_is_down: bool,
    pub disk: Disk,
    pub backup: Option<Box<Disk>>,
    /// number of timelines
    pub timelines: u8,
    /// oldest first: all but the last are zombies
    pub processes: Vec<Process>,
    pub sinks: [Sink; 2],
    pub budget: Budget,
    /// for the judge: every epoch that a process has computed
    pub acted: Vec<Arc<Binding>>,
    pub trace: Trace,
}

impl World {
    pub fn new(budget: Budget) -> Self {
        let root = Checkpoint { epoch: 0, chain: ROOT, wall: 0, rows: Vec::new(), topics: [0, 0], offsets: [0, 0] };
        let source = Source { topic: 0, start: 0, records: Vec::new(), acknowledged: 0 };
        let progress = Progress { timeline: 1, epoch: 0, chain: ROOT, incarnation: 0, plan: 0 };
        let store = Store { progress: Some(progress), generation: 0, totals: [0, 0], entries: Vec::new(), applied: Vec::new() };
        let sink = Sink { store, fence: 0, session: 0, delayed: None, past: Vec::new(), is_damaged: false };
        Self {
            sources: [source.clone(), source],
            now: CLOCK_START,
            registry_is_down: false,
            disk: Disk { timeline: 1, incarnation: 0, plan: 0, bindings: Vec::new(), synced: 0, checkpoints: vec![root] },
            backup: None,
            timelines: 1,
            processes: Vec::new(),
            sinks: [sink.clone(), sink],
            budget,
            acted: Vec::new(),
            trace: Trace::default(),
        }
    }

    /// Returns true if a process is the one that the data directory belongs to.
    pub fn is_current(&self, process: &Process) -> bool {
        (process.timeline, process.incarnation) == (self.disk.timeline, self.disk.incarnation)
    }
}

/// The plan of one sink's data: the deploy of this model changes what the state sink adds up, and nothing of the append sink.
pub fn plan_of(sink: usize, plan: u8) -> u8 {
    if sink == STATE { plan } else { 0 }
}

/// Decides about a record that comes in after `rows`; `watermark` is the latest event of the epochs before.
pub fn judge(rows: &[Row], watermark: u8, event: u8) -> Verdict {
    if event == UNDECODABLE {
        Verdict::Undecodable
    } else if rows.iter().any(|row| row.event == event) {
        Verdict::Duplicate
    } else if event < watermark {
        Verdict::Late
    } else {
        Verdict::OnTime
    }
}

/// The latest event of these rows.
pub fn watermark(rows: &[Row]) -> u8 {
    rows.iter().map(|row| row.event).filter(|event| *event != UNDECODABLE).max().unwrap_or(0)
}

/// The rows that an epoch adds: in an order that depends on nothing but the records.
pub fn rows_of(rows: &[Row], epoch: Epoch, records: &[u8]) -> Vec<Row> {
    let mut records = records.to_vec();
    records.sort_unstable();
    let watermark = watermark(rows);
    let mut all = rows.to_vec();
    for event in records {
        let verdict = judge(&all, watermark, event);
        all.push(Row { arrival: epoch, event, verdict });
    }
    all.split_off(rows.len())
}

/// The state sink's data: what is on time, by key. Each digit depends on the order, as a sum of floating-point numbers would.
pub fn totals(rows: &[Row], plan: u8) -> [u16; 2] {
    let mut totals = [0; 2];
    for row in rows.iter().filter(|row| row.verdict == Verdict::OnTime) {
        let total: &mut u16 = &mut totals[key(row)];
        *total = *total * 10 + u16::from(row.event + plan);
    }
    totals
}

/// The key of a row in the state sink.
pub fn key(row: &Row) -> usize {
    usize::from(row.event % 2)
}

/// The append sink's data.
pub fn entries(rows: &[Row]) -> Vec<(u8, Verdict)> {
    rows.iter().map(|row| (row.event, row.verdict)).collect()
}
