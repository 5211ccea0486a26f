//! Killed at any moment, the program has every event that it acknowledged, once, and shows what they lead to.
//!
//! `TIDEWATER_CRASH_SECONDS` makes the campaign of kills longer or shorter than in continuous integration.

mod balance;
mod campaign;
mod compare;
mod derived;
pub mod feed;

use std::time::{Duration, Instant};

use epochs::crash_point::{ALL, COMPUTED, PUBLISHED, RESTORE_BEGUN, RESTORED};

use crate::lines::world;
use crate::process::{Server, operator};

use self::campaign::Campaign;

/// Duration of the kills, unless the environment says otherwise; every step is met at least once in any case.
const CAMPAIGN_SECONDS: u64 = 240;
/// Posts of the world per second of the campaign: more than can be sent, each with what is done about it.
const POSTS_PER_SECOND: u64 = 250;
const USERS: u32 = 60;
/// Number of times that a step is reached before it kills, one after the other.
const COUNTS: [u64; 4] = [1, 3, 2, 12];
/// Steps of a recovery, three deep: what is restored, what is computed again, and what is shown before anything new is bound.
const RECOVERIES: [[(&str, u64); 3]; 4] = [
    [(RESTORE_BEGUN, 1), (RESTORE_BEGUN, 5), (RESTORED, 1)],
    [(RESTORED, 1), (COMPUTED, 1), (PUBLISHED, 1)],
    [(PUBLISHED, 1), (RESTORE_BEGUN, 2), (COMPUTED, 2)],
    [(COMPUTED, 1), (COMPUTED, 1), (PUBLISHED, 2)],
];

fn campaign_seconds() -> u64 {
    std::env::var("TIDEWATER_CRASH_SECONDS").map_or(CAMPAIGN_SECONDS, |seconds| seconds.parse().expect("a number of seconds"))
}

/// Returns the most times that a step can be reached in one life: a recovery ends once.
fn reachable(point: &str, count: u64) -> u64 {
    if point == RESTORED { 1 } else { count }
}

#[test]
fn fault_01_a_kill_at_any_step_of_a_commit_loses_nothing_and_repeats_nothing() {
    let seconds = campaign_seconds();
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut campaign = Campaign::new(world(3, USERS, POSTS_PER_SECOND * seconds.max(CAMPAIGN_SECONDS)), seconds);
    // A life with checkpoints, so that the steps of a recovery are met in the first round too.
    campaign.die_at_random();
    'rounds: for round in 0.. {
        for point in ALL {
            if round > 0 && Instant::now() > deadline {
                break 'rounds;
            }
            campaign.die_at(point, reachable(point, COUNTS[round % COUNTS.len()]));
            campaign.die_at_random();
        }
        drop(campaign.compare_with_oracle());
    }
    let missed: Vec<&str> = ALL.into_iter().filter(|point| campaign.kills_at(point) == 0).collect();
    assert!(missed.is_empty(), "no kill at {missed:?}");
    campaign.finish();
}

#[test]
fn fault_02_kills_inside_of_recovery_three_deep_change_nothing() {
    let mut campaign = Campaign::new(world(4, USERS, POSTS_PER_SECOND * 60), 2);
    campaign.die_at_random();
    for recovery in RECOVERIES {
        for (point, count) in recovery {
            campaign.die_at(point, count);
        }
        campaign.die_at_random();
    }
    campaign.finish();
}

#[test]
fn acknowledged_events_are_known_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let lines = world(6, 30, 100);
    let mut server = Server::run(data.path(), &[]);
    server.ingest(&lines);
    server.process.kill();
    let server = Server::run(data.path(), &[]);
    let answer = server.try_post(lines.join("\n").as_bytes(), Some(&operator())).unwrap().json();
    assert_eq!(answer["duplicate"], lines.len(), "acknowledged events were taken again");
}
