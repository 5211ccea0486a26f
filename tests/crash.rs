//! Killed at any moment, the program has every event that it acknowledged, and a second one keeps its hands off.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::answers::{Answers, assert_same, parse_rows};
use crate::lines::world;
use crate::oracle::Oracle;
use crate::oracle::views::PLAIN_VIEWS;
use crate::process::{Client, Server, eventually, operator, tidewater};

/// How often the server is killed.
const ROUNDS: usize = 6;
/// Lines of one request.
const BATCH: usize = 25;
/// Requests that each round must have seen acknowledged before it is killed.
const PROGRESS: usize = 12;

/// Lines sent so far: the first `acknowledged` are safe; those up to `sent` may have been taken or not.
struct Feed {
    lines: Vec<String>,
    acknowledged: AtomicUsize,
    sent: AtomicUsize,
}

impl Feed {
    /// Sends request after request until the server is gone.
    fn run(&self, server: &Client) {
        let operator = operator();
        loop {
            let from = self.acknowledged.load(Ordering::SeqCst);
            let to = (from + BATCH).min(self.lines.len());
            assert!(from < to, "all {from} lines were acknowledged before the last kill: make a larger world");
            self.sent.fetch_max(to, Ordering::SeqCst);
            let body = self.lines[from..to].join("\n");
            match server.try_post(body.as_bytes(), Some(&operator)) {
                Ok(answer) if answer.status == 200 => self.acknowledged.store(to, Ordering::SeqCst),
                // An answer that does not arrive in one piece is none.
                Ok(answer) => panic!("the server refused: {}", answer.text),
                Err(_) => return,
            }
        }
    }

    fn acknowledged(&self) -> &[String] {
        &self.lines[..self.acknowledged.load(Ordering::SeqCst)]
    }

    fn sent(&self) -> &[String] {
        &self.lines[..self.sent.load(Ordering::SeqCst)]
    }
}

/// The aggregates of all events of a type.
fn aggregates(lines: &[String], event_type: &str) -> BTreeSet<u64> {
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = lines.map(|line| line["event"].clone()).filter(|event| event["event_type"] == event_type);
    events.map(|event| event["aggregate_id"].as_str().unwrap().parse().unwrap()).collect()
}

fn column(server: &Server, view: &str, column: &str) -> BTreeSet<u64> {
    let rows = server.pages(&format!("/v1/views/{view}?select={column}"), 1_000, None);
    rows.iter().map(|row| row[column].as_u64().unwrap()).collect()
}

/// What was acknowledged is there, and nothing is that was never sent.
fn assert_between(server: &Server, feed: &Feed) {
    let gone = aggregates(feed.sent(), "post.deleted");
    for (view, key, event_type) in [("profiles", "user_id", "user.registered"), ("posts", "post_id", "post.created")] {
        let there = column(server, view, key);
        let safe: BTreeSet<u64> = aggregates(feed.acknowledged(), event_type).difference(&gone).copied().collect();
        let lost: Vec<&u64> = safe.difference(&there).collect();
        assert!(lost.is_empty(), "acknowledged, but not in '{view}': {lost:?}");
        let sent = aggregates(feed.sent(), event_type);
        assert!(there.is_subset(&sent), "in '{view}', but never sent: {:?}", there.difference(&sent));
    }
}

/// Sends what was not acknowledged once more; then every view is what the lines lead to.
fn assert_views(server: &Server, feed: &Feed) {
    let unknown = &feed.sent()[feed.acknowledged().len()..];
    if !unknown.is_empty() {
        server.ingest(unknown);
        feed.acknowledged.store(feed.sent().len(), Ordering::SeqCst);
    }
    let state = Oracle::of(feed.acknowledged().iter().map(String::as_str)).state();
    let answers = Answers { views: &server.client };
    for (file, rows) in PLAIN_VIEWS.into_iter().filter(|(file, _)| *file != "conversations") {
        assert_same(file, parse_rows(rows(&state)), answers.rows(file, 0, 1));
    }
}

/// Every acknowledged event is known when it comes again.
fn assert_known(server: &Server, feed: &Feed) {
    for lines in feed.acknowledged().chunks(1_000) {
        let answer = server.try_post(lines.join("\n").as_bytes(), Some(&operator())).unwrap().json();
        assert_eq!(answer["duplicate"], lines.len(), "acknowledged events were taken again");
    }
}

fn kill_while_feeding(server: &mut Server, feed: &Feed) {
    let before = feed.acknowledged().len();
    std::thread::scope(|scope| {
        let client = server.client.clone();
        scope.spawn(move || feed.run(&client));
        eventually("progress", || (feed.acknowledged().len() >= before + PROGRESS * BATCH).then_some(()));
        server.process.kill();
    });
    assert!(feed.acknowledged().len() >= before + PROGRESS * BATCH);
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let feed = Feed { lines: world(3, 80, 900), acknowledged: AtomicUsize::new(0), sent: AtomicUsize::new(0) };
    for round in 0..ROUNDS {
        let mut server = Server::run(data.path(), &[]);
        assert_between(&server, &feed);
        if round % 2 == 1 {
            assert_views(&server, &feed);
        }
        kill_while_feeding(&mut server, &feed);
    }
    let server = Server::run(data.path(), &[]);
    assert_between(&server, &feed);
    assert_known(&server, &feed);
    assert_views(&server, &feed);
}

fn run_on(data: &Path, listen: &str) -> (Option<i32>, String) {
    let data = data.to_str().unwrap();
    let output = tidewater(&["run", "--topologies", "topologies/social", "--data", data, "--listen", listen]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_second_process_is_refused_the_directory_and_the_address() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let (code, complaint) = run_on(data.path(), "127.0.0.1:0");
    assert_eq!(code, Some(1), "{complaint}");
    assert!(
        complaint.contains("another process has it open") && complaint.contains(data.path().to_str().unwrap()),
        "{complaint}"
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, complaint) = run_on(elsewhere.path(), &server.address);
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains(&server.address) && complaint.contains("--listen"), "{complaint}");
    assert_eq!(server.get("/healthz", None).status, 200, "the first one goes on");
}
