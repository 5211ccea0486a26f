//! The epoch protocol as a model that is explored to its end: every order of steps and faults in small worlds.
//!
//! The protocol as it is has to keep every property in every world; without any one of its rules the checker has to find a history in
//! which the property fails that the rule is there for. `state.rs` is what there is, `protocol.rs` and `delivery.rs` what a process does,
//! `actions.rs` what can happen, `scenarios.rs` the worlds, `properties.rs` what is demanded, `mutants.rs` the rules that are removed.

mod actions;
mod delivery;
mod mutants;
mod properties;
mod protocol;
mod scenarios;
mod state;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Mutex;

use stateright::{Checker, Expectation, HasDiscoveries, Model};

use actions::Protocol;
use mutants::{DETAILS, HOLES, Mutant};
use properties::REACHED;
use scenarios::Scenario;

/// A mutant may go round in circles for ever: a hunt ends after so many states.
const HUNT_STATES_MAX: usize = 1_500_000;

/// Counts over all tests.
struct Tally {
    worlds: usize,
    hunts: usize,
    caught: usize,
    states: usize,
}

static TALLY: Mutex<Tally> = Mutex::new(Tally { worlds: 0, hunts: 0, caught: 0, states: 0 });

/// Adds to the tally; the last one says what it comes to.
fn count(worlds: usize, caught: Option<bool>, states: usize) {
    let mut tally = TALLY.lock().expect("no test fails while it counts");
    tally.worlds += worlds;
    tally.hunts += usize::from(caught.is_some());
    tally.caught += usize::from(caught == Some(true));
    tally.states += states;
    if tally.worlds == WORLDS && tally.hunts == HOLES.len() {
        println!("mutants caught: {} of {}; states: {}", tally.caught, HOLES.len(), tally.states);
    }
}

/// Explores a world to its end: every property holds everywhere, and what should be reached there is.
fn explore(scenario: Scenario) {
    let checker = Protocol { scenario, removed: None }.checker().spawn_bfs().join();
    let states = checker.unique_state_count();
    println!("{states:>9} states, at most {} actions: {}", checker.max_depth(), scenario.name);
    let found = checker.discoveries();
    for property in properties::all().iter().filter(|property| property.expectation == Expectation::Always) {
        if let Some(path) = found.get(property.name) {
            let actions: Vec<String> = path.clone().into_actions().iter().map(|action| format!("{action:?}")).collect();
            panic!("{}: not always so that {}:\n{}", scenario.name, property.name, actions.join("\n"));
        }
    }
    for (_, name, _) in REACHED.iter().filter(|(world, ..)| world.name == scenario.name) {
        assert!(found.contains_key(name), "{}: it never came to pass that {name}", scenario.name);
    }
    count(1, None, states);
}

/// Looks for a history in which the property fails that the removed rule is there for.
fn hunt(mutant: &Mutant) -> (bool, usize) {
    let protocol = Protocol { scenario: mutant.scenario, removed: Some(mutant.removed) };
    let goal = HasDiscoveries::AllOf(BTreeSet::from([mutant.fails]));
    let checker = protocol.checker().finish_when(goal).target_state_count(HUNT_STATES_MAX).spawn_bfs().join();
    let (states, path) = (checker.unique_state_count(), checker.discovery(mutant.fails));
    if let Some(path) = &path {
        let length = path.clone().into_actions().len();
        println!("{states:>9} states, {length} actions: {}: not always so that {}", mutant.hole, mutant.fails);
    }
    (path.is_some(), states)
}

fn assert_hole(mutant: &Mutant) {
    let (caught, states) = hunt(mutant);
    count(0, Some(caught), states);
    assert!(caught, "{}: without {:?} it is still always so that {}", mutant.hole, mutant.removed, mutant.fails);
}

fn assert_detail(mutant: &Mutant) {
    assert!(hunt(mutant).0, "{}: without {:?} it is still always so that {}", mutant.hole, mutant.removed, mutant.fails);
}

fn fingerprint(world: &state::World) -> u64 {
    let mut mix = DefaultHasher::new();
    world.hash(&mut mix);
    mix.finish()
}

/// No world comes back to where it was, so that every run ends.
fn assert_finite(scenario: Scenario) {
    let protocol = Protocol { scenario, removed: None };
    let successors = |world: &state::World| {
        let mut actions = Vec::new();
        protocol.actions(world, &mut actions);
        actions.into_iter().filter_map(|action| protocol.next_state(world, action)).collect::<Vec<_>>()
    };
    // Whether a state is still on the way from the start to where the search is.
    let mut is_open = HashMap::new();
    let mut path: Vec<_> = protocol.init_states().iter().map(|world| (fingerprint(world), successors(world))).collect();
    while let Some((here, next)) = path.last_mut() {
        let here = *here;
        let Some(world) = next.pop() else {
            is_open.insert(here, false);
            path.pop();
            continue;
        };
        is_open.insert(here, true);
        let there = fingerprint(&world);
        match is_open.get(&there) {
            Some(true) => panic!("{}: a run can come back to {world:#?}", scenario.name),
            Some(false) => {}
            None => path.push((there, successors(&world))),
        }
    }
}

macro_rules! worlds {
    ($($test:ident: $scenario:ident,)*) => {
        const WORLDS: usize = [$(scenarios::$scenario),*].len();
        $(#[test] fn $test() { explore(scenarios::$scenario); })*
    };
}

macro_rules! mutants {
    ($assert:ident, $table:ident: $($place:literal $test:ident,)*) => {
        $(#[test] fn $test() { $assert(&$table[$place]); })*
        const _: () = assert!([$($place),*].len() == $table.len(), "a test for every mutant");
    };
}

worlds! {
    everything_holds_when_processes_die_and_power_is_lost: CRASHES,
    everything_holds_when_a_frozen_process_wakes_up: ZOMBIES,
    everything_holds_when_answers_never_come: TIME_OUTS,
    everything_holds_when_sinks_go_back: REGRESSIONS,
    everything_holds_when_sinks_forget_how_far_they_were: LOST_PROGRESS,
    everything_holds_when_a_backup_is_restored: RESTORES,
    everything_holds_when_a_plan_is_changed: DEPLOYS,
    everything_holds_when_sources_change: SOURCES,
    everything_holds_in_outages_and_when_the_clock_jumps: OUTAGES,
    everything_holds_with_late_and_repeated_records: VERDICTS,
    everything_holds_with_a_backlog: BACKLOG,
}

mutants! { assert_hole, HOLES:
    0 hole_1_an_epoch_number_is_no_identity,
    1 hole_2_state_is_compacted_past_a_sink,
    2 hole_3_offsets_are_not_immutable,
    3 hole_4_compaction_forgets_arrivals,
    4 hole_5_results_depend_on_the_run,
    5 hole_6_an_outage_is_stored_as_a_bad_record,
    6 hole_7_a_zombie_writes,
    7 hole_8_a_new_plan_over_published_outputs,
    8 hole_9_a_sink_rolls_back,
    9 hole_10_a_write_is_repeated_blindly,
    10 hole_11_an_invalidation_comes_before_its_store,
    11 hole_12_an_epoch_is_huge,
}

mutants! { assert_detail, DETAILS:
    0 detail_an_epoch_is_shown_before_it_is_durable,
    1 detail_an_epoch_is_lost_and_bound_again,
    2 detail_an_unsynced_binding_is_found_and_believed,
    3 detail_the_clock_goes_back,
    4 detail_a_missing_progress_is_taken_for_a_beginning,
    5 detail_compaction_passes_a_sink_that_did_not_answer,
}

#[test]
fn every_run_ends() {
    [scenarios::ZOMBIES, scenarios::TIME_OUTS, scenarios::REGRESSIONS, scenarios::LOST_PROGRESS, scenarios::BACKLOG]
        .into_iter()
        .for_each(assert_finite);
}
