//! Every view of the social topology against the oracle, and against views of real data that were computed elsewhere.
//!
//! A generated world always; the real data wherever `TIDEWATER_DATA` names its folder.

use engine::run::Options;

use crate::answers::{assert_files, assert_oracle};
use crate::harness::Harness;
use crate::oracle::Oracle;
use crate::oracle::expected::{data_folder, read_text};

fn compare_with_files(events: &str, expected: &str, suggested_every: u64, options: Options) {
    let Some(folder) = data_folder() else {
        eprintln!("TIDEWATER_DATA is not set: the views are not compared with {expected}");
        return;
    };
    let folder = folder.join("social");
    let text = read_text(&folder.join(events));
    let harness = Harness::social(options);
    harness.ingest(text.lines());
    let end = harness.running().views.snapshot().wall_micros();
    assert_files(&harness, &folder.join(expected), end, suggested_every, &[]);
}

#[test]
fn the_small_world_leads_to_the_expected_views() {
    compare_with_files("small.jsonl", "small_expected", 4, Options::default());
}

#[test]
fn the_small_world_in_epochs_of_seven_events_on_three_workers_leads_to_the_same_views() {
    compare_with_files("small.jsonl", "small_expected", 4, Options { workers: 3, epoch_records: 7, ..Options::default() });
}

#[test]
fn the_week_of_seven_thousand_people_leads_to_the_expected_views() {
    compare_with_files("events.jsonl", "expected", 140, Options { workers: 2, ..Options::default() });
}

#[test]
fn a_generated_world_agrees_with_the_oracle_at_every_step() {
    use tidewater::world::{World, WorldOptions};
    let mut world = World::new(WorldOptions { seed: 42, users: 120, posts: 300, ..WorldOptions::default() });
    let lines: Vec<String> = world.history().collect();
    let harness = Harness::social(Options { workers: 2, epoch_records: 200, ..Options::default() });
    let mut oracle = Oracle::new();
    for part in lines.chunks(lines.len().div_ceil(6)) {
        harness.ingest(part.iter().map(String::as_str));
        part.iter().for_each(|line| oracle.add(line));
        assert_oracle(&harness, &oracle);
    }
}
