//! Subscriptions of the program itself: a feed that is followed while events come, and through the sudden end of the process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::lines::{followed, posted, registered};
use crate::process::{Client, Server, token};

const FEED: &str = "/v1/views/following_feed";
/// The feed of user 7, kept to its newest rows.
const QUERY: &str = "user_id=eq.7&order=created_at.desc&limit=20";

/// A feed as a client keeps it.
#[derive(Default)]
struct Follower {
    rows: BTreeMap<String, Value>,
    last_id: Option<String>,
    resets: usize,
}

/// An open connection.
struct Events(Box<dyn BufRead>);

impl Follower {
    fn connect(&self, server: &Client) -> Events {
        let mut headers = vec![("authorization", format!("Bearer {}", token(7, ""))), ("accept", "text/event-stream".to_owned())];
        headers.extend(self.last_id.clone().map(|id| ("last-event-id", id)));
        let reader = server.stream(&format!("{FEED}?{QUERY}&key=post_id"), &headers);
        Events(Box::new(BufReader::new(reader)))
    }

    /// Takes in one event; the position that is reached, if it says so. `None` when the connection has ended.
    fn take(&mut self, events: &mut Events) -> Option<Option<String>> {
        let (mut name, mut data) = (String::new(), Value::Null);
        loop {
            let mut line = String::new();
            if events.0.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", text)) => text.clone_into(&mut name),
                Some(("id", text)) => self.last_id = Some(text.to_owned()),
                Some(("data", text)) => data = serde_json::from_str(text).unwrap(),
                _ if name.is_empty() => {}
                _ => break,
            }
        }
        match name.as_str() {
            "reset" => {
                self.rows.clear();
                self.resets += 1;
            }
            "upsert" => drop(self.rows.insert(data["row"]["post_id"].to_string(), data["row"].clone())),
            "delete" => drop(self.rows.remove(&data["key"]["post_id"].to_string()).expect("a row that is there")),
            "progress" => return Some(data["position"].as_str().map(str::to_owned)),
            other => panic!("{other}: {data}"),
        }
        Some(None)
    }

    /// Reads on until the rows are those of a position.
    fn reach(&mut self, events: &mut Events) -> String {
        loop {
            if let Some(position) = self.take(events).expect("the server goes on") {
                return position;
            }
        }
    }

    fn post_ids(&self) -> Vec<i64> {
        self.rows.values().map(|row| row["post_id"].as_i64().unwrap()).collect()
    }

    /// Checks that the followed rows are those of a page of the same query.
    fn check(&self, server: &Client, after: &str) {
        let page = server.get(&format!("{FEED}?{QUERY}&after={after}&wait=30000"), Some(&token(7, "")));
        let page: Vec<Value> = page.rows().into_iter().map(|row| json!(row)).collect();
        let by_time = |row: &Value| std::cmp::Reverse((row["created_at"].to_string(), row["post_id"].as_i64()));
        let mut rows: Vec<Value> = self.rows.values().cloned().collect();
        rows.sort_by_key(by_time);
        assert_eq!(rows, page);
    }
}

fn post(server: &Client, number: u64) -> String {
    server.ingest(&[posted(number, number, 8, "news").to_string()])
}

#[test]
fn a_feed_is_followed_while_posts_come_and_after_the_process_was_killed() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::run(data.path(), &["--checkpoint-interval", "200ms"]);
    server.ingest(&[registered(1, 7), registered(2, 8), followed(3, 7, 8)].map(|line| line.to_string()));
    let mut follower = Follower::default();
    let mut events = follower.connect(&server);
    follower.reach(&mut events);
    assert_eq!((follower.post_ids(), follower.resets), (vec![], 1));
    for number in 10..40 {
        let written = post(&server, number);
        while !follower.post_ids().contains(&(number as i64)) {
            follower.reach(&mut events);
        }
        assert!(follower.rows.len() <= 20, "{} rows of 20", follower.rows.len());
        follower.check(&server, &written);
    }
    // A connection that breaks: what came meanwhile is caught up with, and nothing begins again.
    drop(events);
    let written = post(&server, 40);
    let mut events = follower.connect(&server);
    while !follower.post_ids().contains(&40) {
        follower.reach(&mut events);
    }
    follower.check(&server, &written);
    assert_eq!(follower.resets, 1);

    for number in [50, 60, 70] {
        post(&server, number);
        server.process.kill();
        while follower.take(&mut events).is_some() {}
        server = Server::run(data.path(), &["--checkpoint-interval", "200ms"]);
        let written = post(&server, number + 1);
        events = follower.connect(&server);
        while !follower.post_ids().contains(&(number as i64 + 1)) {
            follower.reach(&mut events);
        }
        follower.check(&server, &written);
    }
    // A server that is asked to stop does not wait for those who follow.
    assert!(server.process.terminate().success());
    while follower.take(&mut events).is_some() {}
    // What is derived may be another topology after a start, so the ids of the process before are not gone on from.
    assert!(follower.resets >= 4, "once at the start and once after each of the three kills, not {} times", follower.resets);
}

#[test]
fn nobody_follows_the_feed_of_somebody_else() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    server.ingest(&[registered(1, 7), registered(2, 8), followed(3, 7, 8), posted(4, 4, 8, "news")].map(|line| line.to_string()));
    let uri = format!("{FEED}/subscribe?user_id=eq.7");
    assert_eq!(server.get(&uri, None).status, 401);
    let authorization = ("authorization", format!("Bearer {}", token(8, "")));
    let events = BufReader::new(server.stream(&uri, &[authorization])).lines().map(Result::unwrap);
    let names = events.filter_map(|line| line.strip_prefix("event: ").map(str::to_owned));
    assert_eq!(names.take(2).collect::<Vec<_>>(), ["reset", "progress"], "none of the rows of 7");
}
