//! A world must be what it claims: it repeats, keeps the order within an aggregate, and is late and double as often as it says.

use std::collections::{BTreeMap, BTreeSet};

use schemas::time::parse_timestamp;
use serde_json::Value;

use super::*;

fn lines(options: &WorldOptions) -> Vec<String> {
    World::new(options.clone()).history().collect()
}

fn medium() -> WorldOptions {
    WorldOptions { seed: 3, users: 300, posts: 4_000, ..WorldOptions::default() }
}

struct Event {
    id: String,
    aggregate: (String, String),
    occurred_at: i64,
}

fn event(line: &str) -> Event {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Event {
        id: text(&line["event"]["event_id"]),
        aggregate: (text(&line["topic"]), text(&line["event"]["aggregate_id"])),
        occurred_at: parse_timestamp(line["event"]["occurred_at"].as_str().unwrap()).unwrap(),
    }
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_seed_another() {
    let options = WorldOptions::default();
    assert_eq!(lines(&options), lines(&options));
    assert_ne!(lines(&options), lines(&WorldOptions { seed: 2, ..options }));
}

#[test]
fn occurred_at_strictly_increases_within_an_aggregate_in_order_of_arrival() {
    let mut last: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in lines(&medium()) {
        let event = event(&line);
        if !seen.insert(event.id) {
            continue;
        }
        let before = last.insert(event.aggregate, event.occurred_at);
        assert!(before.is_none_or(|before| before < event.occurred_at), "{line}");
    }
}

#[test]
fn some_events_are_late_and_some_come_twice_byte_for_byte() {
    let lines = lines(&medium());
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let (mut repeated, mut late, mut newest) = (0, 0, 0);
    for line in &lines {
        let event = event(line);
        if let Some(before) = first.get(&event.id) {
            assert_eq!(before, line);
            repeated += 1;
            continue;
        }
        assert!(newest - event.occurred_at < LATENESS_MICROS_MAX, "{line} is later than the limit");
        late += usize::from(event.occurred_at < newest);
        newest = newest.max(event.occurred_at);
        first.insert(event.id, line.clone());
    }
    // An event counts as late only if another overtakes it, so fewer than one in twenty.
    let share = |count: usize, one_in: usize| (lines.len() / one_in / 3..lines.len() / one_in * 2).contains(&count);
    assert!(share(repeated, 200), "{repeated} of {} repeated", lines.len());
    assert!(late > 50, "{late} of {} late", lines.len());
}

#[test]
fn nobody_likes_twice_and_equal_times_full_minutes_and_every_event_type_occur() {
    let mut liked: BTreeSet<(String, String)> = BTreeSet::new();
    let mut types = BTreeSet::new();
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in lines(&medium()) {
        let value: Value = serde_json::from_str(&line).unwrap();
        let event = event(&line);
        if !seen.insert(event.id) {
            continue;
        }
        *times.entry(event.occurred_at).or_default() += 1;
        let kind = value["event"]["event_type"].as_str().unwrap().to_owned();
        let pair = (event.aggregate.1, value["event"]["actor_id"].to_string());
        match kind.as_str() {
            "post.liked" => assert!(liked.insert(pair), "{line}"),
            "post.unliked" => assert!(liked.remove(&pair), "{line}"),
            _ => {}
        }
        types.insert(kind);
    }
    assert_eq!(types.len(), 15, "{types:?}");
    assert!(times.values().any(|&events| events > 1), "no two events at one time");
    assert!(times.keys().any(|time| time % (60 * MICROS_PER_MINUTE) == 0), "no event on a full hour");
}

#[test]
fn a_live_world_keeps_its_rate_and_goes_on_after_its_history() {
    let mut world = World::new(WorldOptions::default());
    let history: BTreeSet<String> = world.history().map(|line| event(&line).id).collect();
    let from = world.now() + MICROS_PER_SECOND;
    let before = world.events();
    let mut live = world.live(500, from);
    let mut arrived = Vec::new();
    for tenth in 1..=100 {
        let now = from + tenth * MICROS_PER_SECOND / 10;
        let lines = live.until(now);
        assert!(lines.iter().all(|line| event(line).occurred_at <= now), "an event of the future");
        arrived.extend(lines);
    }
    assert!((5_000..5_010).contains(&(live.events() - before)), "{}", live.events() - before);
    assert!(arrived.len() > 4_700, "{} lines arrived", arrived.len());
    let ids: BTreeSet<String> = arrived.iter().map(|line| event(line).id).collect();
    assert!(ids.is_disjoint(&history), "an id of the history came again after its end");
}

#[test]
fn a_continued_world_numbers_its_posts_above_those_that_exist() {
    let mut world = World::new(WorldOptions { first_id: 10_000, ..WorldOptions::default() });
    world.assume_founded();
    let from = world.now() + MICROS_PER_MINUTE;
    let mut live = world.live(100, from);
    let lines = live.until(from + 20 * MICROS_PER_SECOND);
    let posts: Vec<u64> = lines
        .iter()
        .map(|line| event(line))
        .filter(|event| event.aggregate.0 == "social.post")
        .map(|event| event.aggregate.1.parse().unwrap())
        .collect();
    assert!(!posts.is_empty() && posts.iter().all(|&id| id >= 10_000), "{posts:?}");
    assert!(lines.iter().all(|line| !line.contains("user.registered")));
}

#[test]
fn a_history_can_be_made_to_end_at_a_given_time() {
    let end = 1_800_000_000_000_000;
    let mut world = World::new(WorldOptions::default().ending_at(end));
    let latest = world.history().filter_map(|line| line.split("occurred_at\":\"").nth(1).map(|rest| rest[..27].to_owned())).max();
    assert!((0..60_000_000).contains(&(end - world.now())), "it ends {} µs before", end - world.now());
    assert!(latest.is_some_and(|latest| latest <= schemas::time::timestamp_text(end)));
}
