//! Output on its way to the sinks: units and snapshots, their effect, and the knowledge that remains when no answer comes.
//!
//! Owns steps 12 to 15 of the protocol. A process and a sink enter; both leave changed, or only one of them.

use crate::actions::Protocol;
use crate::mutants::Rule;
use crate::protocol::end_fenced;
use crate::state::{
    APPEND, Epoch, Link, Progress, ROOT, Row, STATE, Store, Verdict, World, Write, entries, key, plan_of, totals,
};

/// Outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Arrives,
    /// the write never reached the sink
    WriteLost,
    /// it was done, and the answer never came
    AnswerLost,
    /// no answer came, and it may be done later
    Delayed,
}

/// Reason why a sink refuses a write.
enum Refusal {
    Fenced,
    Guard,
}

impl Protocol {
    /// Steps 12 to 14: everything that the sink does not have, as one unit.
    pub fn apply(&self, world: &mut World, p: usize, sink: usize, outcome: Outcome) {
        let Link::Attached(from) = &world.processes[p].links[sink] else { return };
        if from.epoch < world.processes[p].base.0 {
            world.processes[p].links[sink] = Link::Found(Some(from.clone()));
            return self.decide(world, p, sink);
        }
        let write = unit(world, p, sink, from);
        self.send(world, p, sink, write, outcome);
    }

    /// RECONCILE: everything as it is now, in place of what is there.
    pub fn rebuild(&self, world: &mut World, p: usize, sink: usize, outcome: Outcome) {
        let write = snapshot(world, p, sink);
        self.send(world, p, sink, write, outcome);
    }

    fn send(&self, world: &mut World, p: usize, sink: usize, write: Write, outcome: Outcome) {
        let progress = write.progress.clone();
        let before = world.processes[p].links[sink].clone();
        let result = match outcome {
            Outcome::WriteLost => Ok(()),
            Outcome::Delayed => {
                world.sinks[sink].delayed = Some(write);
                Ok(())
            }
            Outcome::Arrives | Outcome::AnswerLost => self.accept(world, sink, write),
        };
        let unknown = || match &before {
            Link::Attached(known) => Link::Unknown(Some(known.clone())),
            _ => Link::Unknown(None),
        };
        let link = match (result, outcome) {
            (Ok(()), Outcome::Arrives) => Link::Attached(progress),
            (Err(Refusal::Fenced), Outcome::Arrives) => return end_fenced(world, p),
            (Err(Refusal::Guard), Outcome::Arrives) => unknown(),
            // Nobody knows: ask, and never again blindly.
            _ if self.follows(Rule::AskAfterTimeout) => unknown(),
            _ => before,
        };
        world.processes[p].links[sink] = link;
    }

    /// Applies a write in the sink itself, in one atomic step. The append sink can't compare identities: it knows its producer.
    fn accept(&self, world: &mut World, sink: usize, write: Write) -> Result<(), Refusal> {
        let keeps_past = world.budget.regressions > 0;
        let target = &mut world.sinks[sink];
        if target.fence != write.incarnation && self.follows(Rule::CheckIncarnationInside) {
            return Err(Refusal::Fenced);
        }
        let at = target.store.progress.as_ref().map(|progress| (progress.epoch, progress.chain));
        let is_expected = match write.after {
            _ if sink == APPEND => target.session == write.session,
            Some(_) if !self.follows(Rule::GuardApply) => true,
            Some(after) => at.is_some_and(|at| self.is_same(at, after)),
            None => true,
        };
        if !is_expected {
            return Err(Refusal::Guard);
        }
        if keeps_past {
            target.past.push(target.store.clone());
        }
        put(&mut target.store, write);
        Ok(())
    }

    /// A write that was given up arrives after all.
    pub fn land(&self, world: &mut World, sink: usize) {
        if let Some(write) = world.sinks[sink].delayed.take() {
            // Whoever sent it has long stopped listening.
            let _refused = self.accept(world, sink, write);
        }
    }

    /// Step 15: what the cache holds of this epoch and before is dropped.
    pub fn invalidate(&self, world: &mut World, p: usize) {
        let epoch = self.invalidation(world, p);
        let chain = world.processes[p].chain(epoch);
        let store = &world.sinks[STATE].store;
        let stored = store.progress.as_ref().map(|progress| progress.chain);
        let has_it = stored == chain || chain.is_some_and(|chain| store.applied.contains(&chain));
        if !has_it && !world.sinks[STATE].is_damaged {
            world.trace.cache_was_invalidated_too_early = true;
        }
        world.processes[p].invalidated = epoch;
    }

    /// The epoch up to which the cache may be invalidated now.
    pub fn invalidation(&self, world: &World, p: usize) -> Epoch {
        let process = &world.processes[p];
        match &process.links[STATE] {
            _ if !self.follows(Rule::InvalidateAfterStore) => process.computed,
            Link::Attached(acknowledged) => acknowledged.epoch.min(process.last().0),
            _ => 0,
        }
    }
}

fn progress(world: &World, p: usize, sink: usize) -> Progress {
    let process = &world.processes[p];
    let chain = process.chain(process.computed).unwrap_or(ROOT);
    let (timeline, incarnation) = (process.timeline, process.incarnation);
    Progress { timeline, epoch: process.computed, chain, incarnation, plan: plan_of(sink, process.plan) }
}

/// Returns what happened after `from`: absolute values of the keys that changed, and the changes.
fn unit(world: &World, p: usize, sink: usize, from: &Progress) -> Write {
    let process = &world.processes[p];
    let rows: Vec<Row> = process.rows.iter().filter(|row| row.arrival > from.epoch).cloned().collect();
    let all = totals(&process.rows, process.plan);
    let mut changed = [None; 2];
    rows.iter().filter(|row| row.verdict == Verdict::OnTime).for_each(|row| changed[key(row)] = Some(all[key(row)]));
    let epochs = process.history.iter().filter(|binding| binding.epoch > from.epoch && binding.epoch <= process.computed);
    Write {
        after: Some((from.epoch, from.chain)),
        incarnation: process.incarnation,
        session: process.sessions[sink],
        progress: progress(world, p, sink),
        totals: if sink == STATE { changed } else { [None; 2] },
        entries: if sink == APPEND { entries(&rows) } else { Vec::new() },
        epochs: epochs.map(|binding| binding.chain).collect(),
    }
}

/// Everything.
fn snapshot(world: &World, p: usize, sink: usize) -> Write {
    let process = &world.processes[p];
    let progress = progress(world, p, sink);
    Write {
        after: None,
        incarnation: process.incarnation,
        session: process.sessions[sink],
        totals: if sink == STATE { totals(&process.rows, process.plan).map(Some) } else { [None; 2] },
        entries: if sink == APPEND { entries(&process.rows) } else { Vec::new() },
        epochs: vec![progress.chain],
        progress,
    }
}

/// Data and progress change together.
fn put(store: &mut Store, write: Write) {
    if write.after.is_none() {
        store.generation += 1;
        store.entries.clear();
        store.applied.clear();
    }
    for (total, changed) in store.totals.iter_mut().zip(write.totals) {
        *total = changed.unwrap_or(*total);
    }
    store.entries.extend(write.entries);
    store.applied.extend(write.epochs);
    store.progress = Some(write.progress);
}
