//! A business must be what it claims: it repeats, its lines come in the order of their times, and its events are told apart.

use std::collections::{BTreeMap, BTreeSet};

use schemas::time::parse_timestamp;
use serde_json::Value;

use super::*;

const START: i64 = 1_704_067_200 * SECOND;
const HOUR: i64 = 3_600 * SECOND;
const KINDS: [BusinessKind; 3] = [BusinessKind::Commerce, BusinessKind::Tasks, BusinessKind::Agents];

fn past(kind: BusinessKind, first_id: u64) -> Vec<String> {
    Producer::new(kind, first_id, START).past(2_000, START + HOUR)
}

#[test]
fn a_business_is_the_same_each_time() {
    for kind in KINDS {
        assert_eq!(past(kind, 1), past(kind, 1), "{kind:?}");
        assert!(past(kind, 1).len() > 1_500, "{kind:?} did too little");
    }
}

#[test]
fn lines_have_come_by_the_time_that_was_asked_for_and_times_of_an_aggregate_never_fall() {
    for kind in KINDS {
        let mut producer = Producer::new(kind, 1, START);
        let mut lines = producer.past(500, START + HOUR);
        producer.go_on(50, START + HOUR);
        for second in 1..=120 {
            let now = START + HOUR + second * SECOND;
            let more = producer.until(now);
            lines.extend(more);
            let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
            let at = last["event"]["occurred_at"].as_str().map_or(START, |text| parse_timestamp(text).unwrap());
            assert!(at <= now, "{kind:?} sends what has not happened");
        }
        let mut seen = BTreeSet::new();
        let mut latest: BTreeMap<(String, String), i64> = BTreeMap::new();
        for line in lines {
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let event = &value["event"];
            let Some(id) = event["event_id"].as_str() else { continue };
            if !seen.insert(id.to_owned()) {
                continue;
            }
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let at = parse_timestamp(event["occurred_at"].as_str().unwrap()).unwrap();
            let before = latest.insert((text(&value["topic"]), text(&event["aggregate_id"])), at);
            assert!(before.is_none_or(|before| before <= at), "{line}");
        }
    }
}

#[test]
fn a_business_that_goes_on_uses_no_id_again() {
    for kind in KINDS {
        let first = past(kind, 1);
        let ids = |lines: &[String]| -> BTreeSet<String> {
            let id =
                |line: &String| serde_json::from_str::<Value>(line).unwrap()["event"]["event_id"].as_str().map(ToOwned::to_owned);
            lines.iter().filter_map(id).collect()
        };
        let later = Producer::new(kind, first.len() as u64 + 1, START + HOUR).past(500, START + 2 * HOUR);
        assert!(ids(&first).is_disjoint(&ids(&later)), "{kind:?}");
    }
}

#[test]
fn about_as_many_events_come_as_were_asked_for() {
    for kind in KINDS {
        let mut producer = Producer::new(kind, 1, START);
        producer.go_on(20, START);
        let lines: usize = (1..=600).map(|second| producer.until(START + second * SECOND).len()).sum();
        assert!((6_000..=13_500).contains(&lines), "{kind:?}: {lines} in ten minutes instead of about 12,000");
    }
}
