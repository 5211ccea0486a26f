//! Sinks that are there while processes come and go: they forget, fall back, don't answer, and answer what is not so.
//!
//! Owns [`SimulatedSink`] and what it holds. What is in a sink is looked at by the oracle after every step.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use schemas::chain::Chain;
use schemas::row::{Diff, Row};
use sinks::contract::{Contents, Progress, Sink, SinkError, SinkKind, Unit};

use super::chance::Chance;
use super::engine::View;

/// Earlier states that a sink may fall back to.
const STATES_KEPT: usize = 100;

/// Content of a sink.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub view: View,
    pub progress: Option<Progress>,
    /// the epochs that were applied in this generation, in order
    pub epochs: Vec<u64>,
}

impl Held {
    fn apply(&mut self, changes: &[(Row, Diff)]) {
        for (row, diff) in changes {
            let count = self.view.entry(row.clone()).or_default();
            *count += diff;
            if *count == 0 {
                self.view.remove(row);
            }
        }
    }
}

/// The system that a sink is.
#[derive(Debug)]
pub struct System {
    pub held: Held,
    earlier: VecDeque<Held>,
    fenced: u64,
    /// counts the connections: of an earlier one nothing arrives any more
    session: u64,
    chance: Chance,
    /// in a thousand
    pub unavailable: u32,
    pub ambiguous: u32,
    pub ambiguities: u64,
    pub rejected: u64,
}

/// A handle that every process has.
#[derive(Clone, Debug)]
pub struct SimulatedSink {
    kind: SinkKind,
    system: Arc<Mutex<System>>,
    /// the run of the process that has this handle
    incarnation: u64,
    /// its connection, and where the sink was last known to be by it
    session: u64,
    at: Chain,
}

impl SimulatedSink {
    pub fn new(kind: SinkKind, seed: u64) -> Self {
        let system = System {
            held: Held::default(),
            earlier: VecDeque::new(),
            fenced: 0,
            session: 0,
            chance: Chance::new(seed),
            unavailable: 0,
            ambiguous: 0,
            ambiguities: 0,
            rejected: 0,
        };
        Self { kind, system: Arc::new(Mutex::new(system)), incarnation: 0, session: 0, at: Chain::default() }
    }

    pub fn system(&self) -> MutexGuard<'_, System> {
        self.system.lock().expect("no test panics while it holds a sink")
    }

    /// The system loses its last `steps` states, or all that it has, and every connection, as in a failover.
    pub fn fall_back(&self, steps: usize) -> bool {
        let mut system = self.system();
        let left = system.earlier.len().saturating_sub(steps);
        let Some(held) = system.earlier.drain(left..).next() else { return false };
        system.held = held;
        system.session += 1;
        true
    }

    /// The system forgets how far it was, as an eviction or a flush does.
    pub fn forget_progress(&self) {
        let mut system = self.system();
        system.held.progress = None;
        system.session += 1;
    }

    /// Does something or not, with an answer that may be lost.
    fn change(&self, change: impl FnOnce(&mut Held, u64) -> Result<(), SinkError>) -> Result<(), SinkError> {
        let mut system = self.system();
        let (unavailable, ambiguous) = (system.unavailable, system.ambiguous);
        if system.chance.in_thousand(unavailable) {
            return Err(SinkError::Unavailable("it is down".to_owned()));
        }
        if system.fenced > self.incarnation {
            system.rejected += 1;
            return Err(SinkError::Fenced(system.fenced));
        }
        if system.chance.in_thousand(ambiguous / 2) {
            system.ambiguities += 1;
            return Err(SinkError::Ambiguous("the request was lost".to_owned()));
        }
        let (before, session) = (system.held.clone(), system.session);
        change(&mut system.held, session)?;
        system.earlier.push_back(before);
        if system.earlier.len() > STATES_KEPT {
            system.earlier.pop_front();
        }
        if system.chance.in_thousand(ambiguous) {
            system.ambiguities += 1;
            return Err(SinkError::Ambiguous("the connection was lost".to_owned()));
        }
        Ok(())
    }
}

impl Sink for SimulatedSink {
    fn name(&self) -> &str {
        "simulated"
    }

    fn kind(&self) -> SinkKind {
        self.kind
    }

    fn fence(&mut self, incarnation: u64) -> Result<Option<Progress>, SinkError> {
        let mut system = self.system();
        let unavailable = system.unavailable;
        if system.chance.in_thousand(unavailable) {
            return Err(SinkError::Unavailable("it is down".to_owned()));
        }
        if system.fenced > incarnation {
            system.rejected += 1;
            return Err(SinkError::Fenced(system.fenced));
        }
        system.fenced = incarnation;
        system.session += 1;
        let (session, progress) = (system.session, system.held.progress.clone());
        drop(system);
        self.incarnation = incarnation;
        self.session = session;
        self.at = progress.as_ref().map_or(Chain::default(), |progress| Chain(progress.chain));
        Ok(progress)
    }

    fn apply(&mut self, unit: &Unit) -> Result<(), SinkError> {
        let is_append = self.kind == SinkKind::Append;
        let (session, known) = (self.session, self.at);
        self.change(|held, current| {
            let truly = held.progress.as_ref().map_or(Chain::default(), |progress| Chain(progress.chain));
            // A log of changes does not look at its end before it appends: its writer knows it, as long as its connection stands.
            let is_of_plan = held.progress.as_ref().is_none_or(|progress| progress.plan == unit.progress.plan);
            let fits = if is_append { session == current && known == unit.after } else { truly == unit.after && is_of_plan };
            if !fits {
                return Err(SinkError::Guard);
            }
            held.apply(&unit.changes);
            held.epochs.push(unit.progress.epoch);
            held.progress = Some(unit.progress.clone());
            Ok(())
        })?;
        self.at = Chain(unit.progress.chain);
        Ok(())
    }

    fn replace(&mut self, contents: &Contents) -> Result<(), SinkError> {
        self.change(|held, _| {
            *held = Held { progress: Some(contents.progress.clone()), ..Held::default() };
            held.apply(&contents.rows);
            Ok(())
        })
    }
}
