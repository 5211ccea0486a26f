//! Traces of users who leave and of posts that are private: there are none, the views are those of a world in which it never happened.
//!
//! Two worlds of the social topology are compared view by view: one in which users leave, or posts are private, and one without any event
//! of these users, or of these posts.

use std::collections::BTreeSet;

use engine::run::Options;
use serde_json::{Value, json};
use tidewater::world::{World, WorldOptions};

use crate::answers::Views as _;
use crate::harness::Harness;

/// Counts that name nobody, and the place of a comment that is answered: they outlive who made them, as README says.
const OUTLIVES: [&str; 2] = ["hourly_posts", "comment_threads"];
/// Envelopes of events are there for ten minutes, whatever came of them.
const ENVELOPES: &str = "recent_events";
/// An author sees his private posts, and is told of what is done with them.
const OF_AUTHORS: [&str; 4] = ["restricted_posts", "notifications", "notification_counts", "notification_badges"];

/// A generated world without conversations: what was written to others stays with them.
fn world(seed: u64) -> Vec<Value> {
    let mut world = World::new(WorldOptions { seed, users: 60, posts: 200, ..WorldOptions::default() });
    let lines: Vec<Value> = world.history().map(|line| serde_json::from_str(&line).unwrap()).collect();
    lines.into_iter().filter(|line| line["topic"] != "social.conversation").collect()
}

fn id(value: &Value) -> Option<u64> {
    value.as_str().and_then(|digits| digits.parse().ok())
}

fn aggregate(line: &Value) -> u64 {
    id(&line["event"]["aggregate_id"]).unwrap()
}

fn is_of_post(line: &Value) -> bool {
    line["topic"] == "social.post"
}

/// The posts that some of these lines create, by what is asked of the line.
fn posts_where(lines: &[Value], is_wanted: impl Fn(&Value) -> bool) -> BTreeSet<u64> {
    let created = lines.iter().filter(|line| line["event"]["event_type"] == "post.created");
    created.filter(|line| is_wanted(line)).map(aggregate).collect()
}

/// Users that the payload of a line names.
fn named(line: &Value) -> impl Iterator<Item = u64> + '_ {
    let payload = &line["event"]["payload"];
    ["followee_id", "blocked_id", "user_id", "author_id"].into_iter().filter_map(move |field| id(&payload[field]))
}

/// An event of nobody in question, by which both worlds end at the same time.
fn end(lines: &[Value]) -> Value {
    let last = lines.iter().filter_map(|line| line["event"]["occurred_at"].as_str()).max().unwrap();
    let event = json!({ "event_id": "018cc251-ffff-7000-8000-ffffffffffff", "event_type": "user.profile_updated", "schema_version": 1,
        "aggregate_id": "1000000", "occurred_at": last, "actor_id": "1000000", "payload": { "bio": "" } });
    json!({ "topic": "social.user", "event": event })
}

fn views_of(lines: &[Value], last: &Value) -> Harness {
    let harness = Harness::social(Options { workers: 2, epoch_records: 300, ..Options::default() });
    let lines: Vec<String> = lines.iter().chain([last]).map(Value::to_string).collect();
    harness.ingest(lines.iter().map(String::as_str));
    harness
}

/// Compares views, without rows of the second that are of a user who has left: others may go on to mention him.
fn assert_alike(first: &Harness, second: &Harness, excepted: &[&str], has_left: impl Fn(u64) -> bool) {
    let names: Vec<String> = first.running().views.views().map(|served| served.view.name.clone()).collect();
    let mut rows = 0;
    for name in names.iter().filter(|name| !excepted.contains(&name.as_str())) {
        let (of_first, mut of_second) = (first.rows(name), second.rows(name));
        of_second.retain(|row| !row.get("user_id").and_then(Value::as_u64).is_some_and(&has_left));
        assert_eq!(of_first, of_second, "{name}");
        rows += of_first.len();
    }
    assert!(rows > 1_000, "only {rows} rows were compared");
}

#[test]
fn who_leaves_leaves_no_trace() {
    for seed in [3, 4] {
        let lines = world(seed);
        let last = end(&lines);
        let has_left = |user: u64| user % 7 == 3;
        let posts = posts_where(&lines, |line| id(&line["event"]["payload"]["author_id"]).is_some_and(has_left));
        let is_touched = |line: &&Value| match is_of_post(line) {
            // That a post was seen is a count of the post's.
            true => posts.contains(&aggregate(line)) || line["event"]["event_type"] != "post.viewed" && named(line).any(has_left),
            false => has_left(aggregate(line)) || named(line).any(has_left),
        };
        let untouched: Vec<Value> = lines.iter().filter(|line| !is_touched(line)).cloned().collect();
        assert!(untouched.len() * 10 < lines.len() * 9, "nothing was left out");
        let departure = |(number, user): (u64, u64)| {
            let mut line = last.clone();
            let event_id = format!("018cc251-fffe-7000-8000-{number:012x}");
            line["event"]["event_id"] = json!(event_id);
            line["event"]["event_type"] = json!("user.deleted");
            line["event"]["aggregate_id"] = json!(user.to_string());
            line["event"]["payload"] = json!({});
            line
        };
        let departures: Vec<Value> = (0..).zip((1..=60).filter(|user| has_left(*user))).map(departure).collect();
        let expected = views_of(&untouched, &last);
        // They leave at the end, in the middle, and before anything of theirs arrives.
        for at in [lines.len(), lines.len() / 2, 0] {
            let with_departures = [&lines[..at], &departures[..], &lines[at..]].concat();
            assert_alike(&views_of(&with_departures, &last), &expected, &[OUTLIVES[0], OUTLIVES[1], ENVELOPES], has_left);
        }
    }
}

#[test]
fn private_posts_show_nowhere_but_to_their_authors() {
    let mut lines = world(5);
    let last = end(&lines);
    let private = posts_where(&lines, |line| aggregate(line) % 3 == 0);
    let is_private = |line: &Value| is_of_post(line) && private.contains(&aggregate(line));
    let untouched: Vec<Value> = lines.iter().filter(|line| !is_private(line)).cloned().collect();
    assert!(private.len() > 30);
    let expected = views_of(&untouched, &last);
    for visibility in ["private", "unheard-of"] {
        for line in lines.iter_mut().filter(|line| line["event"]["event_type"] == "post.created" && is_private(line)) {
            line["event"]["payload"]["visibility"] = json!(visibility);
        }
        let world = views_of(&lines, &last);
        let excepted = [&OF_AUTHORS[..], &[ENVELOPES][..]].concat();
        assert_alike(&world, &expected, &excepted, |_| false);
        assert!(expected.rows("restricted_posts").is_empty());
        for row in world.rows("restricted_posts") {
            assert_eq!(row["user_id"], row["author_id"], "{row:?}");
        }
    }
}
