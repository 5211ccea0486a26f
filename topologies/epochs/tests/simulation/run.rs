//! A seed from beginning to end: a storm of faults, and then a calm in which everything has to get done.
//!
//! Owns [`run`]. A seed enters; figures leave, or a panic that says what was seen and must not be.

use epochs::error::EpochError;
use schemas::chain::Chain;
use sinks::contract::{Outbox, SinkError, SinkKind, SinkState};

use super::figures::Figures;
use super::process::Process;
use super::sinks::SimulatedSink;
use super::world::{End, World};

/// Steps of the storm.
const STEPS: u64 = 160;
/// Steps that a world without faults may take until everything is done.
const CALM_STEPS_MAX: u64 = 20_000;

/// Decides the fate of a process after an error.
fn survives(error: &EpochError) -> bool {
    match error {
        EpochError::Log(_) => true,
        error => error.is_of_passing_disk(),
    }
}

/// Runs a seed to its end.
pub fn run(seed: u64) -> Figures {
    let mut world = World::new(seed);
    let outcome = storm(&mut world).and_then(|process| settle(&mut world, process));
    if outcome.is_err() {
        world.figures.refused += 1;
    }
    let counts = world.disk.faults();
    world.figures.sync_failures = counts.failed_syncs;
    world.figures.disk_full = counts.full;
    world.figures.read_failures = counts.failed_reads;
    world.figures.refused_opens = counts.refused_opens;
    world.figures.flipped_bits = counts.flipped_bits;
    world.figures.misdirected = counts.misdirected_writes;
    world.figures.power_losses = counts.crashes;
    world.figures.ambiguous_answers = world.sinks.iter().map(|sink| sink.system().ambiguities).sum();
    world.figures
}

fn storm(world: &mut World) -> Result<Option<Process>, End> {
    let mut process: Option<Process> = None;
    let mut frozen: Vec<Process> = Vec::new();
    for _ in 0..STEPS {
        world.pass_time();
        world.strike();
        let Some(mut running) = process.take() else {
            process = world.open()?;
            continue;
        };
        if step(world, &mut running) {
            process = Some(running);
        } else {
            world.after_failure();
        }
        world.check(process.iter().chain(&frozen));
        process = disturb(world, process, &mut frozen);
        if !frozen.is_empty() && world.chance.below(8) == 0 {
            thaw(world, &mut frozen);
        }
        world.check(process.iter().chain(&frozen));
    }
    Ok(process)
}

/// One step of a process; false when it ends by it.
fn step(world: &mut World, process: &mut Process) -> bool {
    let mut done = match world.chance.below(12) {
        0..2 => {
            world.append();
            Ok(())
        }
        2..6 => {
            let tick = world.chance.below(5) == 0;
            process.epoch(world, tick).map(drop)
        }
        6..8 => {
            let sink = world.chance.below(2) as usize;
            match process.sink(world, sink) {
                Err(SinkError::Fenced(found)) => Err(EpochError::Fenced { ours: 0, found }),
                _ => {
                    choose(world, process, sink);
                    Ok(())
                }
            }
        }
        8..10 => {
            process.begin_checkpoint();
            Ok(())
        }
        _ => process.write_checkpoint(world),
    };
    if world.chance.in_thousand(world.mix.trim) {
        done = done.and_then(|()| process.trim_log(world));
    }
    let Err(error) = done else { return true };
    if let EpochError::Halted { .. } = error {
        // What an overtaken process would read again its successor may have trimmed.
        let may_be = world.has_decayed || world.is_overtaken(process) != Some(false);
        assert!(may_be, "seed {}: nothing is damaged: {error}", world.seed);
    }
    process.was_full |= survives(&error) && !matches!(error, EpochError::Log(_));
    survives(&error)
}

/// The person who is asked chooses a new topic.
fn choose(world: &mut World, process: &mut Process, sink: usize) {
    if matches!(process.outboxes[sink].state(), SinkState::Halted(_)) {
        let reason = process.outboxes[sink].state();
        assert!(world.may_halt || world.has_decayed, "seed {}: {reason:?}, and nothing happened to it", world.seed);
        world.figures.halted_sinks += 1;
        let seed = world.chance.below(u64::MAX >> 1);
        world.sinks[sink] = SimulatedSink::new(SinkKind::Append, seed);
        world.seen[sink] = false;
        process.outboxes[sink] = Outbox::new(world.sinks[sink].clone(), false, None, world.limits);
    }
}

/// Kills, freezes or redeploys.
fn disturb(world: &mut World, process: Option<Process>, frozen: &mut Vec<Process>) -> Option<Process> {
    if world.chance.in_thousand(world.mix.kill) {
        world.figures.kills += 1;
        world.disk.restart();
        return None;
    }
    if world.chance.in_thousand(world.mix.power) {
        world.disk.crash();
        frozen.clear();
        return None;
    }
    if world.chance.in_thousand(world.mix.freeze) {
        world.figures.zombies += u64::from(process.is_some());
        frozen.extend(process);
        return None;
    }
    if world.chance.in_thousand(world.mix.deploy) {
        world.figures.deploys += 1;
        world.may_halt = true;
        world.plan += 1;
        return None;
    }
    process
}

/// A process that slept wakes up and goes on with what it was doing.
fn thaw(world: &mut World, frozen: &mut Vec<Process>) {
    let number = world.chance.below(frozen.len() as u64) as usize;
    let refused: u64 = world.sinks.iter().map(|sink| sink.system().rejected).sum();
    for _ in 0..4 {
        let (is_overtaken, operations) = (world.is_overtaken(&frozen[number]), world.disk.operations());
        let goes_on = step(world, &mut frozen[number]);
        if is_overtaken == Some(true) {
            assert_eq!(world.disk.operations(), operations, "seed {}: an overtaken process wrote to the disk", world.seed);
        }
        if !goes_on {
            frozen.swap_remove(number);
            world.figures.zombie_writes_refused += 1;
            break;
        }
    }
    let now: u64 = world.sinks.iter().map(|sink| sink.system().rejected).sum();
    world.figures.zombie_writes_refused += now - refused;
}

/// Without further faults everything gets done, and a process that goes on repairs sinks that fall back.
fn settle(world: &mut World, process: Option<Process>) -> Result<(), End> {
    world.calm();
    world.append();
    drop(process);
    let mut running = loop {
        if let Some(process) = world.open()? {
            break process;
        }
    };
    finish(world, &mut running)?;
    world.fail_over();
    world.append();
    finish(world, &mut running)
}

/// Runs until every record that was acknowledged is in the views and in every sink.
fn finish(world: &mut World, running: &mut Process) -> Result<(), End> {
    for step in 0.. {
        assert!(step < CALM_STEPS_MAX, "seed {}: it does not come to an end", world.seed);
        world.now.monotonic += 1000;
        world.now.wall += 1000;
        let moved = match running.epoch(world, false) {
            Ok(moved) => moved,
            Err(EpochError::Damaged { .. } | EpochError::Halted { .. }) if world.has_decayed => return Err(End::Refused),
            Err(error) => panic!("seed {}: {error}", world.seed),
        };
        for sink in 0..world.sinks.len() {
            if let Err(error) = running.sink(world, sink) {
                panic!("seed {}: sink {sink}: {error}", world.seed);
            }
            choose(world, running, sink);
        }
        world.check([&*running]);
        if !moved && running.is_idle() {
            break;
        }
    }
    assert_eq!(running.coordinator.lag(), 0, "seed {}: records are left", world.seed);
    world.check_order(running);
    let complete = running.coordinator.history().chain(running.coordinator.completed());
    for sink in &world.sinks {
        let at = sink.system().held.progress.as_ref().map(|progress| Chain(progress.chain));
        assert_eq!(at, complete, "seed {}: a sink has not got everything", world.seed);
    }
    Ok(())
}
