//! Faults of events: repeated, late, from another time, of another shape, too large, too many, about what nobody has seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{assert_lines, server};
use crate::lines::{event, followed, posted, registered, world};
use crate::process::{Server, eventually, operator};

/// Memory that hostile input may cost, in KiB.
const GROWTH_KIB_MAX: u64 = 400 * 1024;

fn post(server: &Server, lines: &[String]) -> Value {
    let answer = server.try_post(lines.join("\n").as_bytes(), Some(&operator())).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    let after = answer["position"].as_str().unwrap_or_default();
    let path = if after.is_empty() { String::new() } else { format!("&wait=30000&after={after}") };
    server.get(&format!("/v1/views/posts?limit=1{path}"), None).rows();
    answer
}

/// Reason and field of the refusal of one line.
fn refusal(server: &Server, line: &Value) -> (String, String) {
    let answer = post(server, &[registered(1, 1).to_string(), line.to_string()]);
    let result = &answer["results"][1];
    assert_eq!(result["status"], "rejected", "{answer}");
    let text = |part: &str| result[part].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("field"))
}

/// Waits until as many events were quarantined.
fn await_dead_letters(server: &Server, count: usize) {
    eventually("dead letters", || {
        let answer = server.get("/v1/dead-letters?limit=100", Some(&operator())).json();
        (answer["dead_letters"].as_array().unwrap().len() == count).then_some(())
    });
}

#[test]
fn fault_15_repeated_events_count_once_also_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let lines = world(41, 30, 80);
    let mut first = server(data.path());
    first.ingest(&lines);
    for _ in 0..2 {
        let again = post(&first, &lines);
        assert_eq!(again["duplicate"], lines.len());
    }
    first.process.kill();
    let second = server(data.path());
    assert_eq!(post(&second, &lines)["duplicate"], lines.len());
    assert_lines(&second, &lines);
}

/// The lines with those of whole aggregates held back, so that what happened first arrives last.
fn out_of_order(lines: &[String]) -> Vec<String> {
    let aggregate = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["topic"].as_str().unwrap().to_owned(), line["event"]["aggregate_id"].as_str().unwrap().to_owned())
    };
    let mut groups: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    lines.iter().for_each(|line| groups.entry(aggregate(line)).or_default().push(line.clone()));
    groups.into_values().rev().flatten().collect()
}

#[test]
fn fault_16_events_out_of_order_lead_to_the_same_views_also_when_they_are_replayed() {
    let data = tempfile::tempdir().unwrap();
    let lines = world(42, 30, 80);
    let shuffled = out_of_order(&lines);
    assert_ne!(lines, shuffled);
    let mut first = server(data.path());
    first.ingest(&shuffled);
    assert_lines(&first, &lines);
    first.process.kill();
    assert_lines(&server(data.path()), &lines);
}

#[test]
fn fault_17_an_event_from_another_time_moves_no_clock() {
    let data = tempfile::tempdir().unwrap();
    let lines = world(43, 30, 80);
    let server = server(data.path());
    server.ingest(&lines);
    let at = |occurred_at: &str| {
        let mut line = registered(2, 902);
        line["event"]["occurred_at"] = occurred_at.into();
        line
    };
    assert_eq!(refusal(&server, &at("2094-01-01T00:00:00.000000Z")).0, "time_in_future");
    let old = post(&server, &[at("1970-01-01T00:00:00.000000Z").to_string()]);
    assert_eq!(old["accepted"], 1);
    let users = server.get("/v1/views/profiles?user_id=eq.902&select=registered_at", None).rows();
    assert_eq!(users[0]["registered_at"], "1970-01-01T00:00:00.000000Z");
    // Among them what was trending in the last hour: the clock is where it was.
    assert_lines(&server, &lines);
}

#[test]
fn fault_19_a_version_of_a_schema_that_nobody_knows_is_quarantined() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let mut line = posted(2, 2, 1, "from the future");
    line["event"]["schema_version"] = 999.into();
    assert_eq!(refusal(&server, &line).0, "unknown_schema_version");
    await_dead_letters(&server, 1);
    post(&server, &[posted(3, 3, 1, "from now").to_string()]);
    assert_eq!(server.get("/v1/views/posts?select=post_id", None).rows().len(), 1);
}

#[test]
fn fault_20_events_with_and_without_an_optional_field_flow_side_by_side() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let mut newer = posted(2, 2, 1, "newer");
    newer["event"]["payload"]["favourite_colour"] = "green".into();
    let mut older = posted(3, 3, 1, "older");
    let payload = older["event"]["payload"].as_object_mut().unwrap();
    for optional in ["reply_to", "video_id"] {
        payload.remove(optional).unwrap();
    }
    let lines = [posted(1, 1, 1, "as it is"), newer, older].map(|line| line.to_string());
    assert_eq!(post(&server, &lines)["accepted"], 3);
    let rows = server.get("/v1/views/posts?select=post_id,text,reply_to&order=post_id.asc", None).rows();
    let expected =
        [(1, "as it is"), (2, "newer"), (3, "older")].map(|(id, text)| json!({"post_id": id, "text": text, "reply_to": null}));
    assert_eq!(json!(rows), json!(expected));
}

#[test]
fn fault_21_events_of_another_shape_are_quarantined_with_the_field_that_broke() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let changed = |field: &str, value: Value| {
        let mut line = posted(2, 2, 1, "a post");
        line["event"]["payload"][field] = value;
        line
    };
    assert_eq!(refusal(&server, &changed("text", json!(42))), ("wrong_type".to_owned(), "payload.text".to_owned()));
    assert_eq!(
        refusal(&server, &changed("author_id", Value::Null)),
        ("null_in_required".to_owned(), "payload.author_id".to_owned())
    );
    let mut dropped = posted(2, 2, 1, "a post");
    dropped["event"]["payload"].as_object_mut().unwrap().remove("author_id").unwrap();
    assert_eq!(refusal(&server, &dropped), ("missing_field".to_owned(), "payload.author_id".to_owned()));
    await_dead_letters(&server, 3);
    let metrics = server.get("/metrics", None).text;
    assert!(metrics.lines().any(|line| line.starts_with("tidewater_dead_letters") && line.ends_with(" 3")), "{metrics}");
}

/// The most memory that a process has had so far, in KiB.
fn most_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn fault_22_what_is_too_large_or_too_deep_is_refused_and_costs_no_memory() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let before = most_memory(&server);
    for _ in 0..3 {
        // The connection may be closed before all of it is sent.
        let huge = server.try_post(&vec![b'x'; 100 * 1024 * 1024], Some(&operator()));
        assert!(huge.as_ref().map_or(true, |answer| answer.status == 413), "{huge:?}");
    }
    let deep = posted(2, 2, 1, "a post")
        .to_string()
        .replace(r#""public""#, &format!(r#""public","x":{}{}"#, "[".repeat(10_000), "]".repeat(10_000)));
    let large = posted(3, 3, 1, &"x".repeat(2 * 1024 * 1024)).to_string();
    let mut wide = posted(4, 4, 1, "wide");
    for column in 0..10_000 {
        wide["event"]["payload"][format!("column_{column}")] = column.into();
    }
    // What says that it is compressed: nothing here unpacks anything.
    let bomb = "\u{1f}\u{8b}".repeat(50_000);
    let results = post(&server, &[deep, large, wide.to_string(), bomb, registered(5, 5).to_string()]);
    let reasons: Vec<&str> =
        results["results"].as_array().unwrap().iter().map(|result| result["reason"].as_str().unwrap_or("taken")).collect();
    assert_eq!(reasons, ["too_deep", "too_large", "taken", "not_json", "taken"]);
    let growth = most_memory(&server).saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more than before");
}

#[test]
fn fault_23_nine_events_in_ten_on_one_key_are_all_counted() {
    const EVENTS: u64 = 20_000;
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let like = |number: u64| {
        let post = if number.is_multiple_of(10) { 2 + number % 7 } else { 1 };
        event(number, "social.post", "post.liked", post, json!({ "user_id": number.to_string() })).to_string()
    };
    server.ingest(&(1..=8).map(|number| posted(number, number, 1, "a post").to_string()).collect::<Vec<_>>());
    let before = most_memory(&server);
    server.ingest(&(100..100 + EVENTS).map(like).collect::<Vec<_>>());
    let rows = server.get("/v1/views/post_cards?select=post_id,likes", None).rows();
    let likes = |row: &crate::answers::JsonRow| row["likes"].as_u64().unwrap();
    assert_eq!(rows.iter().map(likes).sum::<u64>(), EVENTS);
    assert_eq!(rows.iter().filter(|row| row["post_id"] == 1).map(likes).sum::<u64>(), EVENTS * 9 / 10);
    let growth = most_memory(&server).saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more than before");
}

#[test]
fn fault_24_taking_back_what_nobody_has_seen_makes_no_count_negative() {
    let data = tempfile::tempdir().unwrap();
    let server = server(data.path());
    let user = json!({ "user_id": "7" });
    let unfollow = json!({ "follower_id": "7", "followee_id": "8" });
    let lines = [
        event(1, "social.post", "post.unliked", 50, user.clone()),
        event(2, "social.post", "post.deleted", 51, json!({})),
        event(3, "social.user", "user.unfollowed", 7, unfollow),
        posted(4, 50, 8, "liked by nobody"),
        followed(5, 9, 8),
        event(6, "social.post", "post.liked", 51, user),
    ];
    assert_eq!(post(&server, &lines.map(|line| line.to_string()))["accepted"], 6);
    let cards = server.get("/v1/views/post_cards?select=post_id,likes", None).rows();
    assert_eq!(json!(cards), json!([{ "post_id": 50, "likes": 0 }]));
    let followers = server.get("/v1/views/follower_counts?select=user_id,followers", None).rows();
    assert_eq!(json!(followers), json!([{ "user_id": 8, "followers": 1 }]));
    assert_eq!(server.get("/v1/views/following_counts?user_id=eq.7", None).rows(), []);
}
