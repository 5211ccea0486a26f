//! A world: what outlives the processes in it, the faults of its seed, and the order in which things happen.
//!
//! Owns [`World`]. A seed enters; what can be seen is compared with what the oracle says, and a panic says what must not be.

use std::sync::Arc;

use epochs::clock::Reading;
use epochs::coordinator::Retention;
use epochs::disk::Disk;
use epochs::disk::simulated::SimulatedDisk;
use epochs::error::EpochError;
use epochs::identity::Identity;
use schemas::chain::Chain;
use schemas::fingerprint::Fingerprint;
use schemas::position::Topic;
use sinks::contract::{OutboxLimits, Sink, SinkKind};
use sources::log::LogAppender;
use sources::memory::MemoryLog;
use sources::record::Record;

use super::chance::Chance;
use super::engine::{Engine, Transfer};
use super::figures::Figures;
use super::oracle::{Oracle, accounts};
use super::process::Process;
use super::sinks::SimulatedSink;

pub const TOPIC: &str = "transfers";

/// Frequency of each thing, in a thousand steps: every seed draws its own mix.
pub struct Mix {
    pub kill: u32,
    pub power: u32,
    power_in_the_middle: u32,
    pub freeze: u32,
    sync_failure: u32,
    full: u32,
    read_failure: u32,
    flip: u32,
    misdirect: u32,
    lose_segment: u32,
    fall_back: u32,
    forget: u32,
    clock: u32,
    pub deploy: u32,
    pub trim: u32,
    duplicate: u32,
    refused_open: u32,
}

impl Mix {
    fn draw(chance: &mut Chance) -> Self {
        // Many seeds have none of a fault: then what follows from the others is seen clearly.
        let mut rate = |most: u64| if chance.below(2) == 0 { 0 } else { chance.below(most + 1) as u32 };
        Self {
            kill: rate(60),
            power: rate(40),
            power_in_the_middle: rate(60),
            freeze: rate(30),
            sync_failure: rate(20),
            full: rate(20),
            read_failure: rate(20),
            flip: rate(8),
            misdirect: rate(4),
            lose_segment: rate(8),
            fall_back: rate(40),
            forget: rate(10),
            clock: rate(40),
            deploy: rate(10),
            trim: rate(200),
            duplicate: rate(200),
            refused_open: rate(20),
        }
    }
}

/// State that outlives a process.
pub struct World {
    pub disk: SimulatedDisk,
    pub log: Arc<MemoryLog>,
    pub sinks: Vec<SimulatedSink>,
    /// true if an earlier run has written to a sink
    pub seen: Vec<bool>,
    pub now: Reading,
    pub oracle: Oracle,
    pub figures: Figures,
    pub partitions: u32,
    pub epoch_records: usize,
    pub plan: u8,
    pub topic_id: u64,
    pub retention: Retention,
    pub limits: OutboxLimits,
    pub timelines: u64,
    pub chance: Chance,
    pub mix: Mix,
    pub seed: u64,
    /// the disk has decayed where only a refusal is left
    pub has_decayed: bool,
    /// a sink of changes may have lost, or been given, what can't be matched
    pub may_halt: bool,
    ids: u32,
    sent: Vec<Transfer>,
}

/// Reason why a world ended early.
pub enum End {
    /// the data directory is damaged where nothing can replace it: it was refused by name
    Refused,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mix = Mix::draw(&mut chance);
        let waiting_changes = if chance.below(8) == 0 { 10 + chance.below(50) as usize } else { usize::MAX };
        let sinks = vec![SimulatedSink::new(SinkKind::State, seed ^ 1), SimulatedSink::new(SinkKind::Append, seed ^ 2)];
        for sink in &sinks {
            let mut system = sink.system();
            system.unavailable = if chance.below(3) == 0 { chance.below(300) as u32 } else { 0 };
            system.ambiguous = if chance.below(2) == 0 { chance.below(200) as u32 } else { 0 };
        }
        Self {
            disk: SimulatedDisk::new(seed ^ 3),
            log: Arc::new(MemoryLog::default()),
            seen: vec![false; sinks.len()],
            sinks,
            now: Reading { wall: 1_700_000_000_000_000, monotonic: 0 },
            oracle: Oracle::default(),
            figures: Figures { seeds: 1, ..Figures::default() },
            partitions: 1 + chance.below(3) as u32,
            epoch_records: 1 + chance.below(12) as usize,
            plan: 0,
            topic_id: seed,
            retention: Retention { epochs: chance.below(3) * 8, segment_bytes: 1 + chance.below(3) * 400 },
            limits: OutboxLimits { retained_epochs: chance.below(64) as usize, waiting_changes },
            may_halt: waiting_changes < usize::MAX,
            has_decayed: false,
            timelines: seed.wrapping_mul(31) | 1,
            chance,
            mix,
            seed,
            ids: 0,
            sent: Vec::new(),
        }
    }

    /// Appends some records to the log.
    pub fn append(&mut self) {
        let count = 1 + self.chance.below(6);
        let records = (0..count).map(|_| self.record()).collect();
        self.log.append(&Topic::new(TOPIC), records).expect("the log takes records");
    }

    fn record(&mut self) -> Record {
        let duplicate = self.mix.duplicate;
        let again = (!self.sent.is_empty() && self.chance.in_thousand(duplicate))
            .then(|| self.chance.below(self.sent.len() as u64) as usize);
        let transfer = again.map_or_else(
            || {
                self.ids += 1;
                let (from, to) = (self.chance.below(8) as u8, self.chance.below(8) as u8);
                Transfer { id: self.ids, from, to, amount: self.chance.below(100) as i64 }
            },
            |place| self.sent[place],
        );
        self.sent.push(transfer);
        // A transfer and its copies have one key, so one partition.
        Record { key: transfer.id.to_be_bytes().to_vec(), value: transfer.write(), timestamp: 0 }
    }

    pub fn pass_time(&mut self) {
        let micros = 1 + self.chance.below(50_000) as i64;
        self.now.monotonic += micros;
        self.now.wall += micros;
        if self.chance.in_thousand(self.mix.clock) {
            self.figures.clock_steps += 1;
            self.now.wall += (self.chance.below(7_200) as i64 - 3_600) * 1_000_000;
        }
    }

    /// Arms or causes a fault of the disk or of a sink.
    pub fn strike(&mut self) {
        if self.chance.in_thousand(self.mix.power_in_the_middle) {
            let operation = self.disk.operations() + 1 + self.chance.below(12);
            self.disk.crash_at(operation);
        }
        if self.chance.in_thousand(self.mix.sync_failure) {
            self.disk.fail_sync_after(self.chance.below(6));
        }
        if self.chance.in_thousand(self.mix.read_failure) {
            self.disk.fail_read_after(self.chance.below(6));
        }
        if self.chance.in_thousand(self.mix.refused_open) {
            self.disk.refuse_open_after(self.chance.below(6));
        }
        if self.chance.in_thousand(self.mix.full) {
            let room = self.chance.below(400);
            self.disk.limit_space(Some(self.disk.used_bytes() + room));
        } else if self.chance.in_thousand(300) {
            self.disk.limit_space(None);
        }
        if self.chance.in_thousand(self.mix.flip) {
            self.flip();
        }
        if self.chance.in_thousand(self.mix.misdirect) {
            let victims = self.files("checkpoints");
            if !victims.is_empty() {
                let victim = victims[self.chance.below(victims.len() as u64) as usize].clone();
                self.has_decayed = true;
                self.disk.misdirect_next_append(&victim);
            }
        }
        if self.chance.in_thousand(self.mix.lose_segment) {
            self.lose_segment();
        }
        self.strike_sinks();
    }

    fn strike_sinks(&mut self) {
        let sink = self.chance.below(self.sinks.len() as u64) as usize;
        if self.chance.in_thousand(self.mix.fall_back) {
            let most = if self.chance.below(2) == 0 { 5 } else { 90 };
            let steps = 1 + self.chance.below(most) as usize;
            self.may_halt = true;
            self.figures.fall_backs += u64::from(self.sinks[sink].fall_back(steps));
        }
        // A log of changes that loses its end before anybody knows that it took something looks like a new one: no protocol can tell.
        if self.chance.in_thousand(self.mix.forget) && self.seen[sink] {
            self.figures.lost_progress += 1;
            self.may_halt = true;
            self.sinks[sink].forget_progress();
        }
    }

    fn files(&self, directory: &str) -> Vec<String> {
        let names = self.disk.list(directory).unwrap_or_default();
        names.into_iter().map(|name| format!("{directory}/{name}")).collect()
    }

    fn flip(&mut self) {
        let directory = if self.chance.below(4) == 0 { "bindings" } else { "checkpoints" };
        let files = self.files(directory);
        if !files.is_empty() {
            let file = &files[self.chance.below(files.len() as u64) as usize];
            self.has_decayed = true;
            // A disk that fails does so for the flip too.
            let _ = self.disk.flip_bit(file);
        }
    }

    /// A file in the middle of the bindings is gone or has the content of another one, as after a repair of the file system.
    fn lose_segment(&mut self) {
        let segments: Vec<String> = self.files("bindings").into_iter().filter(|path| path.ends_with(".bindings")).collect();
        if segments.len() > 2 {
            let lost = 1 + self.chance.below(segments.len() as u64 - 2) as usize;
            self.has_decayed = true;
            let other = &segments[self.chance.below(segments.len() as u64) as usize];
            let content = (other != &segments[lost] && self.chance.below(2) == 0).then(|| self.disk.read(other, 0, usize::MAX));
            let removed = self.disk.remove(&segments[lost]);
            self.figures.lost_segments += u64::from(removed.is_ok());
            if let Some(Ok(content)) = content {
                // A disk that fails does so here too: then the file is only gone.
                let _ = self.disk.append(&segments[lost], &content).and_then(|()| self.disk.sync(&segments[lost]));
            }
        }
    }

    /// Returns true if a process was overtaken; `None` when the disk can't tell.
    pub fn is_overtaken(&self, process: &Process) -> Option<bool> {
        let current = Identity::load(&self.disk).ok()??;
        Some(current != *process.coordinator.identity())
    }

    /// Every sink loses its last states.
    pub fn fail_over(&mut self) {
        self.may_halt = true;
        for sink in &self.sinks {
            let steps = 1 + self.chance.below(4) as usize;
            self.figures.fall_backs += u64::from(sink.fall_back(steps));
        }
    }

    /// Ends all faults.
    pub fn calm(&mut self) {
        self.disk.restart();
        self.disk.limit_space(None);
        self.disk.fail_sync_after(u64::MAX);
        self.disk.fail_read_after(u64::MAX);
        self.disk.refuse_open_after(u64::MAX);
        for sink in &self.sinks {
            let mut system = sink.system();
            system.unavailable = 0;
            system.ambiguous = 0;
        }
        self.mix = Mix { kill: 0, power: 0, ..Mix::draw(&mut Chance::new(0)) };
    }

    /// Checks that the visible state is what the oracle says.
    pub fn check<'a>(&self, processes: impl IntoIterator<Item = &'a Process>) {
        for process in processes {
            let (chain, view) = &process.published;
            assert_eq!(*view, self.oracle.view(*chain, process.plan), "seed {}: the views are wrong", self.seed);
            assert_eq!(Engine::total(view), 0, "seed {}: the balances do not add up", self.seed);
        }
        for sink in &self.sinks {
            let system = sink.system();
            let held = &system.held;
            let ascending = held.epochs.is_sorted_by(|earlier, later| earlier < later);
            assert!(ascending, "seed {}: epochs were applied twice or out of order: {:?}", self.seed, held.epochs);
            if let Some(progress) = &held.progress {
                let expected = self.oracle.view(Chain(progress.chain), Fingerprint(progress.plan));
                assert_eq!(
                    held.view,
                    expected,
                    "seed {}: the {:?} sink is wrong at epoch {}",
                    self.seed,
                    sink.kind(),
                    progress.epoch
                );
            }
        }
    }

    /// A process that has read the log to its end has folded it in the order of appending, wherever its epochs were cut.
    pub fn check_order(&self, process: &Process) {
        let (_, view) = &process.published;
        assert_eq!(Engine::accounts(view), accounts(&self.sent), "seed {}: transfers were folded in another order", self.seed);
    }

    /// Starts a process; `None` when it can't be now.
    pub fn open(&mut self) -> Result<Option<Process>, End> {
        self.timelines += 2;
        match Process::open(self) {
            Ok(process) => {
                self.figures.new_timelines += u64::from(process.coordinator.identity().parent.is_some());
                Ok(Some(process))
            }
            Err(error @ (EpochError::Damaged { .. } | EpochError::NothingToStartFrom { .. } | EpochError::Halted { .. })) => {
                assert!(self.has_decayed, "seed {}: nothing is damaged: {error}", self.seed);
                Err(End::Refused)
            }
            Err(_) => {
                self.after_failure();
                Ok(None)
            }
        }
    }

    /// A process has ended because of the disk: the power has failed, or it ended itself.
    pub fn after_failure(&mut self) {
        if self.chance.below(2) == 0 {
            self.disk.crash();
        } else {
            self.disk.restart();
        }
    }
}
