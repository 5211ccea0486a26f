//! A campaign of kills: the program is fed without pause, killed at every named step and at random, started again, and compared.
//!
//! Owns the data directory, the feed and the tally. Crash points enter; a process that dies otherwise than it was told to, a position
//! that goes back, a start without progress, or a row that is not what the acknowledged events lead to fails the test.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use epochs::crash_point::VARIABLE;
use epochs::disk::simulated::Generator;
use tempfile::TempDir;

use super::compare::assert_same_views;
use super::derived;
use super::feed::{End, Feed, StopOnDrop};
use crate::answers::assert_oracle;
use crate::oracle::Oracle;
use crate::process::{Client, Launch, Server, eventually, operator};

/// Checkpoints follow one another closely, so that many are hit; the clock is the events', so that views of time can be compared.
const OPTIONS: [&str; 4] = ["--checkpoint-interval", "50ms", "--clock", "event"];
/// Lines that have to be acknowledged between two kills.
const PROGRESS: usize = 30;
/// The longest time between progress and a kill at random.
const RANDOM_MILLIS: usize = 400;
const KILLED: i32 = 9;
/// One of so many kills may meet a server that happened to have no request.
const IDLE_ONE_IN: u64 = 5;

/// Counts of what was done.
#[derive(Debug, Default)]
pub struct Tally {
    /// kills by step; those at random are called so
    kills: BTreeMap<String, u64>,
    idle: u64,
    restarts: u64,
    comparisons: u64,
    views: usize,
    /// records of derived topics, the last time
    records: usize,
}

/// A data directory that survives its processes.
pub struct Campaign {
    data: TempDir,
    /// the social network, and sinks that write some of its views to topics
    topologies: TempDir,
    feed: Feed,
    random: Generator,
    /// timeline and epoch that a reader has seen
    seen: Option<(String, u64)>,
    safe_at_kill: usize,
    tally: Tally,
}

impl Campaign {
    pub fn new(lines: Vec<String>, seed: u64) -> Self {
        Self {
            data: tempfile::tempdir().unwrap(),
            topologies: derived::with_sinks(),
            feed: Feed::new(lines),
            random: Generator::new(seed),
            seen: None,
            safe_at_kill: 0,
            tally: Tally::default(),
        }
    }

    /// Feeds a process that kills itself when it reaches a step for the n-th time.
    pub fn die_at(&mut self, point: &str, count: u64) {
        let at = format!("{point}:{count}");
        self.tally.restarts += 1;
        let environment = [(VARIABLE, at.as_str())];
        let launch = Launch { environment: &environment, ..self.launch() };
        let (mut process, end) = match launch.server() {
            Err(process) => (process, None),
            Ok(mut server) => {
                let end = feed_during(&self.feed, &server.client.clone(), || {
                    eventually(&format!("the death at {at}"), || server.process.ended());
                });
                (server.process, Some(end))
            }
        };
        let status = process.wait();
        let said = process.complaint();
        assert_eq!(status.signal(), Some(KILLED), "at {at} the process ended otherwise: {status}: {said}");
        assert!(said.contains(&format!("kills itself at '{point}'")), "{said}");
        self.count(point, end);
    }

    /// Starts a process that has to be where its readers saw it, and to get on; then kills it at random.
    pub fn die_at_random(&mut self) {
        let mut server = self.start();
        let pause = Duration::from_millis(self.random.below(RANDOM_MILLIS) as u64);
        let (feed, safe_at_kill) = (&self.feed, self.safe_at_kill);
        let before = self.seen.as_ref().map_or(0, |(_, epoch)| *epoch);
        let mut seen = None;
        let end = feed_during(feed, &server.client.clone(), || {
            eventually("progress since the last kill", || {
                let (_, epoch) = position(&server.client);
                (feed.acknowledged().len() >= safe_at_kill + PROGRESS && epoch > before).then_some(())
            });
            // With one checkpoint that a sink is behind of, the next start would begin at the beginning and restore nothing.
            let first = eventually("a checkpoint", || checkpoint(&server.client));
            eventually("another checkpoint", || checkpoint(&server.client).filter(|newest| *newest > first));
            std::thread::sleep(pause);
            seen = Some(position(&server.client));
            eventually("a request that is not answered", || feed.is_waiting().then_some(()));
            server.process.kill();
        });
        self.seen = seen;
        self.safe_at_kill = self.feed.acknowledged().len();
        self.count("random", Some(end));
    }

    /// A process that is ready, and not behind what anybody saw.
    fn start(&mut self) -> Server {
        self.tally.restarts += 1;
        let server = Server::run_ready(&self.launch());
        let (timeline, epoch) = position(&server.client);
        if let Some((known, seen)) = &self.seen {
            assert_eq!(timeline, *known, "a kill has opened another history");
            assert!(epoch >= *seen, "epoch {seen} was visible, after the restart only {epoch}");
        }
        server
    }

    fn launch(&self) -> Launch<'_> {
        let topologies = self.topologies.path().to_str().unwrap();
        Launch { data: self.data.path(), topologies, more: &OPTIONS, ..Launch::default() }
    }

    fn count(&mut self, point: &str, end: Option<End>) {
        *self.tally.kills.entry(point.to_owned()).or_default() += 1;
        // A process that died before it listened had the work of those before it.
        self.tally.idle += u64::from(end == Some(End::Refused));
    }

    /// Sends what nobody knows of, and compares every view with the oracle, exactly.
    pub fn compare_with_oracle(&mut self) -> Server {
        let server = self.start();
        self.feed.settle(&server.client);
        let oracle = Oracle::of(self.feed.acknowledged().iter().map(String::as_str));
        assert_oracle(&server.client, &oracle);
        self.tally.records = derived::assert_same_as_views(&server.client);
        self.seen = Some(position(&server.client));
        self.safe_at_kill = self.feed.acknowledged().len();
        self.tally.comparisons += 1;
        server
    }

    /// Compares with the oracle, and with a server that was told the same without a single kill.
    pub fn finish(mut self) {
        let server = self.compare_with_oracle();
        let undisturbed = tempfile::tempdir().unwrap();
        let expected = Server::run(undisturbed.path(), &["--clock", "event"]);
        expected.ingest(self.feed.acknowledged());
        self.tally.views = assert_same_views(&server.client, &expected.client);
        self.print(&server.client);
        let kills: u64 = self.tally.kills.values().sum();
        assert!(self.tally.idle * IDLE_ONE_IN <= kills, "{} of {kills} kills met no request: they prove little", self.tally.idle);
    }

    /// Kills so far at a step.
    pub fn kills_at(&self, point: &str) -> u64 {
        self.tally.kills.get(point).copied().unwrap_or_default()
    }

    fn print(&self, server: &Client) {
        let Tally { kills, idle, restarts, comparisons, views, records } = &self.tally;
        let (_, epoch) = position(server);
        let total: u64 = kills.values().sum();
        println!("{total} kills ({idle} without a request under way), {restarts} restarts, {epoch} epochs");
        kills.iter().for_each(|(point, count)| println!("  {count:>6} at {point}"));
        println!("{} events acknowledged, {} sent", self.feed.acknowledged().len(), self.feed.sent().len());
        println!("{records} records of derived topics folded to the view that they follow");
        println!("{views} views compared row by row, {comparisons} times with the oracle: 0 losses, 0 duplicates");
    }
}

/// Feeds a server while something happens to it; how the last request ended.
fn feed_during(feed: &Feed, client: &Client, happens: impl FnOnce()) -> End {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| feed.run(client, &stop));
        let guard = StopOnDrop(&stop);
        happens();
        // The server is gone, and the feeder ends by itself: how, is the answer.
        std::mem::forget(guard);
        feeder.join().unwrap()
    })
}

/// Timeline and epoch of what is visible.
fn position(server: &Client) -> (String, u64) {
    let answer = server.get("/v1/views", None);
    let position = answer.position.unwrap_or_else(|| panic!("no position: {}", answer.text));
    let (timeline, epoch) = position.split_once(':').unwrap();
    (timeline.to_owned(), epoch.parse().unwrap())
}

/// The epoch of the newest checkpoint.
fn checkpoint(client: &Client) -> Option<u64> {
    client.get("/v1/status", Some(&operator())).json()["checkpoint"]["epoch"].as_u64()
}
