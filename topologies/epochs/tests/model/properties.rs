//! Invariants of every state, and milestones that must be reached in some.
//!
//! Owns the judge. It computes what a sink must hold from the bound records alone, along the history that the sink's progress names; it
//! knows nothing of checkpoints, processes or guards.

use std::sync::Arc;

use stateright::Property;

use crate::actions::Protocol;
use crate::scenarios::{
    CRASHES, DEPLOYS, LOST_PROGRESS, OUTAGES, REGRESSIONS, RESTORES, SOURCES, Scenario, TIME_OUTS, VERDICTS, ZOMBIES,
};
use crate::state::{
    APPEND, Binding, Chain, EPOCH_RECORDS_MAX, Link, Phase, Process, ROOT, Row, STATE, Sink, Verdict, World, entries, plan_of,
    rows_of, totals,
};

pub const PURE: &str = "a sink holds the pure function of the records that were bound up to its progress";
pub const ONCE: &str = "an epoch is applied at most once to a generation of a sink";
pub const ONE_BINDING: &str = "two different bindings of an epoch are never acted upon";
pub const DURABLE: &str = "no reader sees an epoch that is not durable";
pub const NOT_LOST: &str = "an acknowledged record is in the outputs when all is quiet";
pub const NO_OUTAGE: &str = "an outage never becomes data";
pub const MONOTONE: &str = "the wall clock of epochs only goes forward";
pub const CACHE: &str = "a cache is not invalidated before the store behind it has the epoch";
pub const UNHARMED_SINK: &str = "a sink that nothing happened to is neither halted nor rebuilt";
pub const UNHARMED_SOURCE: &str = "a source that nothing happened to is not halted";
pub const BOUNDED: &str = "an epoch fits into memory";
pub const PROGRESS: &str = "when all is quiet every sink is where the bindings are";

/// Records of an epoch that fit into memory.
const MEMORY: usize = 2 * EPOCH_RECORDS_MAX;

/// A world, what comes to pass in it, and how that is seen.
pub type Milestone = (Scenario, &'static str, fn(&World) -> bool);

/// Milestones that are reached at least once in these worlds, so that the invariants do not hold for want of events.
pub const REACHED: [Milestone; 14] = [
    (LOST_PROGRESS, "a sink was rebuilt", |world| world.sinks.iter().any(|sink| sink.store.generation > 0)),
    (ZOMBIES, "a process was fenced", |world| world.trace.process_was_fenced),
    (ZOMBIES, "two processes ran at once", |world| {
        world.processes.iter().filter(|process| process.phase == Phase::Running).count() == 2
    }),
    (CRASHES, "everything before an epoch was compacted", |world| world.disk.checkpoints[0].epoch > 1),
    (CRASHES, "a run began with a checkpoint", |world| {
        world.processes.iter().any(|process| process.base.0 > 0 && process.history.is_empty())
    }),
    (TIME_OUTS, "a write arrived after it was given up", |world| {
        world.budget.lost_answers == 0 && world.sinks.iter().any(|sink| sink.delayed.is_some() && is_ahead(world, sink))
    }),
    (REGRESSIONS, "a sink that went back was repaired", |world| {
        world
            .sinks
            .iter()
            .any(|sink| sink.is_damaged && sink.store.generation == 0 && world.timelines == 1 && is_ahead(world, sink))
    }),
    (RESTORES, "a sink was on a timeline that was left", |world| {
        world.timelines > 1
            && world.sinks.iter().any(|sink| sink.store.progress.as_ref().is_some_and(|found| is_left(world, found.chain)))
    }),
    (DEPLOYS, "a new plan was published", |world| {
        world.sinks[STATE].store.progress.as_ref().is_some_and(|progress| progress.plan > 0 && progress.epoch > 1)
    }),
    (SOURCES, "a source was halted", |world| world.processes.iter().any(|process| matches!(process.phase, Phase::Halted(_)))),
    (LOST_PROGRESS, "an append sink was halted", |world| {
        world.processes.iter().any(|process| process.links.contains(&Link::Halted))
    }),
    (VERDICTS, "a record was late", |world| has_verdict(world, Verdict::Late)),
    (VERDICTS, "a record was a duplicate", |world| has_verdict(world, Verdict::Duplicate)),
    (OUTAGES, "a record could not be decoded", |world| has_verdict(world, Verdict::Undecodable)),
];

fn is_ahead(world: &World, sink: &Sink) -> bool {
    sink.store.progress.as_ref().is_some_and(|progress| progress.epoch > 0 && progress.chain == world.disk.last().1)
}

fn is_left(world: &World, chain: Chain) -> bool {
    chain != ROOT && world.disk.bindings.iter().all(|binding| binding.chain != chain)
}

fn has_verdict(world: &World, verdict: Verdict) -> bool {
    world.processes.iter().flat_map(|process| &process.rows).any(|row| row.verdict == verdict)
}

/// Everything that the checker looks at.
pub fn all() -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always(PURE, |_, world| [0, 1].into_iter().all(|sink| is_pure(world, sink))),
        Property::always(ONCE, |_, world: &World| world.sinks.iter().all(|sink| is_distinct(&sink.store.applied))),
        Property::always(ONE_BINDING, |_, world: &World| has_one_binding_each(world)),
        Property::always(DURABLE, |_, world: &World| !world.trace.epoch_was_shown_before_it_was_durable),
        Property::always(NOT_LOST, |protocol, world: &World| !is_quiet(protocol, world) || has_all_records(protocol, world)),
        Property::always(NO_OUTAGE, |_, world: &World| !has_verdict(world, Verdict::Unavailable)),
        Property::always(MONOTONE, |_, world: &World| world.acted.iter().all(|binding| is_later(world, binding))),
        Property::always(CACHE, |_, world: &World| !world.trace.cache_was_invalidated_too_early),
        Property::always(UNHARMED_SINK, |_, world: &World| is_left_alone(world)),
        Property::always(UNHARMED_SOURCE, |_, world: &World| !world.trace.source_halted_unharmed),
        Property::always(BOUNDED, |_, world: &World| world.acted.iter().all(|binding| records_of(binding).len() <= MEMORY)),
        Property::always(PROGRESS, |protocol, world: &World| !is_quiet(protocol, world) || has_caught_up(protocol, world)),
    ];
    all.extend(reached());
    all
}

/// The conditions have to be plain functions that capture nothing: one for each place in [`REACHED`].
fn reached() -> Vec<Property<Protocol>> {
    macro_rules! at {
        ($($place:literal)*) => { vec![$(Property::sometimes(REACHED[$place].1, |_, world| REACHED[$place].2(world))),*] };
    }
    at!(0 1 2 3 4 5 6 7 8 9 10 11 12 13)
}

/// The history that ends with an epoch, oldest first; `None` when nobody ever acted upon that epoch.
fn history(world: &World, mut chain: Chain) -> Option<Vec<&Arc<Binding>>> {
    let mut history = Vec::new();
    while chain != ROOT {
        let binding = world.acted.iter().find(|binding| binding.chain == chain)?;
        chain = binding.previous;
        history.push(binding);
    }
    history.reverse();
    Some(history)
}

fn records_of(binding: &Binding) -> Vec<u8> {
    binding.ranges.iter().flat_map(|range| range.records.iter().copied()).collect()
}

/// Returns the rows that the records of a history lead to.
fn computed(history: &[&Arc<Binding>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for binding in history {
        let new = rows_of(&rows, binding.epoch, &records_of(binding));
        rows.extend(new);
    }
    rows
}

fn is_pure(world: &World, sink: usize) -> bool {
    let store = &world.sinks[sink].store;
    // Without progress nothing is claimed: the sink is rebuilt.
    let Some(progress) = &store.progress else { return true };
    let Some(history) = history(world, progress.chain) else { return false };
    let rows = computed(&history);
    if sink == STATE { store.totals == totals(&rows, progress.plan) } else { store.entries == entries(&rows) }
}

fn is_distinct(applied: &[Chain]) -> bool {
    applied.iter().enumerate().all(|(place, chain)| !applied[..place].contains(chain))
}

fn has_one_binding_each(world: &World) -> bool {
    world.acted.windows(2).all(|pair| (pair[0].timeline, pair[0].epoch) != (pair[1].timeline, pair[1].epoch))
}

fn is_later(world: &World, binding: &Binding) -> bool {
    let previous = world.acted.iter().find(|previous| previous.chain == binding.previous);
    previous.is_none_or(|previous| previous.wall < binding.wall)
}

fn is_left_alone(world: &World) -> bool {
    !world.trace.sink_halted_unharmed && world.sinks.iter().all(|sink| sink.is_damaged || sink.store.generation == 0)
}

/// No process, producer or person has anything left to do: what remains are faults. As every run is finite (a test of its own
/// shows that), this is where each ends that has no more of them.
fn is_quiet(protocol: &Protocol, world: &World) -> bool {
    let mut steps = Vec::new();
    protocol.steps(world, &mut steps);
    steps.is_empty()
}

/// The process whose data directory it is. One whose source was harmed waits for a person, and the sinks with it.
fn running(world: &World) -> Option<&Process> {
    let current = world.processes.iter().find(|process| world.is_current(process));
    current.filter(|process| !(matches!(process.phase, Phase::Halted(_)) && world.trace.source_is_damaged))
}

fn has_caught_up(protocol: &Protocol, world: &World) -> bool {
    let Some(process) = running(world) else { return true };
    let is_there = |place: usize| {
        let progress = world.sinks[place].store.progress.as_ref();
        progress.is_some_and(|found| found.chain == world.disk.last().1 && found.plan == plan_of(place, world.disk.plan))
    };
    let is_invalidated = !protocol.scenario.has_cache || process.invalidated == process.computed;
    process.phase == Phase::Running && is_there(0) && is_there(1) && is_invalidated
}

fn has_all_records(protocol: &Protocol, world: &World) -> bool {
    if running(world).is_none() || world.trace.source_is_damaged {
        return true;
    }
    let sent = protocol.scenario.records.iter().map(|records| records.len()).sum::<usize>();
    world.sinks[APPEND].store.entries.len() == sent
}
