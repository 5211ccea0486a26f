//! Producers that send without pause: they are held back while the views are behind, what was acknowledged is kept, and a restart serves
//! readers as soon as what they could see before is visible again.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use schemas::event::{Encoding, parse_line};
use schemas::testing::social_topics;
use serde_json::json;
use sources::embedded::EmbeddedLog;
use sources::log::LogAppender;
use sources::record::Record;

use crate::lines::posted;
use crate::process::{Answer, Client, Launch, Server, eventually, operator, tidewater};

/// Records that the views may be behind.
const LIMIT: usize = 200;
/// Events are accepted up to this time: the year 2100.
const NOW: i64 = 4_102_444_800_000_000;
/// Records of one append.
const APPEND: usize = 5_000;

/// Ends those who go on until they are told, also when a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn post(number: usize) -> String {
    posted(number as u64, number as u64, 1, "x").to_string()
}

fn send(client: &Client, lines: &[String]) -> Answer {
    let body: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    client.try_post(body.as_bytes(), Some(&operator())).unwrap()
}

/// Returns the number of first lines that were taken. The others are refused, and the answer says when to send them again.
fn taken(answer: &Answer, lines: usize) -> usize {
    let json = answer.json();
    let results = json["results"].as_array().unwrap_or_else(|| panic!("{json}"));
    assert_eq!(results.len(), lines);
    let taken = results.iter().take_while(|result| result["status"] == "accepted").count();
    for refused in &results[taken..] {
        assert_eq!((&refused["status"], &refused["reason"]), (&json!("refused"), &json!("lag_records")), "{refused}");
    }
    assert_eq!((&json["accepted"], &json["refused"], &json["rejected"]), (&json!(taken), &json!(lines - taken), &json!(0)));
    assert_eq!(answer.status, if taken == 0 { 429 } else { 200 }, "{json}");
    assert_eq!(answer.retry_after.is_some(), taken < lines, "{:?}: {json}", answer.retry_after);
    taken
}

fn metric(client: &Client, name: &str) -> f64 {
    let text = client.get("/metrics", None).text;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn ingest(server: &Server, file: &Path, token: &Path) -> Output {
    let (file, token) = (file.to_str().unwrap(), token.to_str().unwrap());
    tidewater(&["ingest", file, "--server", &server.url(""), "--token-file", token, "--format", "json"]).output().unwrap()
}

#[test]
fn producers_without_pause_are_held_back_below_the_limit_and_lose_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &["--ingest-lag-records", &LIMIT.to_string()]);
    let client = &server.client;
    let lines: Vec<String> = (1..=LIMIT * 2).map(post).collect();
    assert_eq!(taken(&send(client, &lines), lines.len()), LIMIT, "nothing was under way before");

    let (is_over, refused) = (AtomicBool::new(false), AtomicU64::new(0));
    let lag_max = Mutex::new(0.0_f64);
    thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                let lag = metric(client, "tidewater_lag_records");
                let mut lag_max = lag_max.lock().unwrap();
                *lag_max = lag_max.max(lag);
            }
        });
        let send_all = |from: usize| {
            let lines: Vec<String> = (from..from + 400).map(post).collect();
            let mut rest = lines.as_slice();
            while !rest.is_empty() {
                let answer = send(client, rest);
                refused.fetch_add(u64::from(answer.status == 429), Ordering::Relaxed);
                rest = &rest[taken(&answer, rest.len())..];
            }
        };
        let producers: Vec<_> = (0..3).map(|producer| scope.spawn(move || send_all(1_001 + producer * 400))).collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
    let lag_max = *lag_max.lock().unwrap();
    assert!(lag_max <= LIMIT as f64, "the views were {lag_max} records behind");
    assert!(refused.load(Ordering::Relaxed) > 0, "no request was refused as a whole");

    // The client of the command line waits as it is told.
    let (file, token) = (data.path().join("events"), data.path().join("token"));
    let more: String = (3_001..=3_000 + LIMIT * 3).map(|number| post(number) + "\n").collect();
    std::fs::write(&file, more).unwrap();
    std::fs::write(&token, operator()).unwrap();
    let sent = ingest(&server, &file, &token);
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!((&summary["accepted"], &summary["rejected"]), (&json!(LIMIT * 3), &json!(0)), "{summary}");

    let expected: BTreeSet<u64> = (1..=LIMIT as u64).chain(1_001..=2_200).chain(3_001..=3_000 + LIMIT as u64 * 3).collect();
    let visible = || -> BTreeSet<u64> {
        server.pages("/v1/views/posts?select=post_id", 1_000, None).iter().map(|row| row["post_id"].as_u64().unwrap()).collect()
    };
    eventually("every acknowledged post", || (visible() == expected).then_some(()));
    assert_eq!(metric(client, "tidewater_lag_records"), 0.0);
    assert_eq!(metric(client, "tidewater_lag_bytes"), 0.0);
    assert_eq!(metric(client, "tidewater_dead_letters_total"), 0.0, "lines that were refused for the moment are no dead letters");
    assert_eq!(metric(client, "tidewater_ingest_lag_records_max"), LIMIT as f64);
    assert!(metric(client, "tidewater_ingest_lines_refused_total") >= LIMIT as f64);
    let status = server.get("/v1/status", Some(&operator())).json();
    assert_eq!(status["lag_max"], json!({ "records": LIMIT, "bytes": 256 << 20, "seconds": 30.0 }), "{status}");
}

const COUNTED: &str = "
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE MATERIALIZED VIEW counted AS SELECT event_type, count(*) AS events FROM post_events GROUP BY event_type;
CREATE INDEX ON counted (event_type);
GRANT SELECT ON counted TO PUBLIC;
";

/// Appends posts to the log of a process that does not run.
fn append(data: &Path, numbers: std::ops::RangeInclusive<usize>) {
    let log = EmbeddedLog::open(&data.join("log")).unwrap();
    let topics = social_topics(testkit::social::proto_files());
    let mut batch = Vec::new();
    let last = *numbers.end();
    for number in numbers {
        let incoming = parse_line(&topics, post(number).as_bytes(), NOW).unwrap().unwrap();
        batch.push(Record { key: incoming.key, value: incoming.event.encode(Encoding::Protobuf), timestamp: NOW });
        if batch.len() == APPEND || number == last {
            log.append(&incoming.topic, std::mem::take(&mut batch)).unwrap();
        }
    }
}

#[test]
fn a_restart_serves_readers_from_what_they_saw_on_while_producers_go_on() {
    const BEFORE: usize = 500;
    const BACKLOG: usize = 150_000;
    let folder = tempfile::tempdir().unwrap();
    let (data, topologies) = (folder.path().join("data"), folder.path().join("topologies"));
    std::fs::create_dir_all(&topologies).unwrap();
    std::fs::write(topologies.join("counted.sql"), COUNTED).unwrap();
    testkit::social::copy_proto_files(&topologies);
    // Without a checkpoint in between, a recovery has every epoch of the first run to compute again, with the backlog right behind them.
    let more = ["--ingest-lag-records", "10000000", "--ingest-lag-time", "24h", "--checkpoint-interval", "24h"];
    let launch = Launch { data: &data, topologies: topologies.to_str().unwrap(), more: &more, ..Launch::default() };
    let counted = |client: &Client| -> Option<usize> {
        let answer = client.try_get("/v1/views/counted").ok().filter(|answer| answer.status == 200)?;
        Some(answer.json()["rows"][0]["events"].as_u64().unwrap_or(0) as usize)
    };
    let mut server = Server::run_ready(&launch);
    assert_eq!(taken(&send(&server, &(1..=BEFORE).map(post).collect::<Vec<_>>()), BEFORE), BEFORE);
    eventually("the first posts", || (counted(&server) == Some(BEFORE)).then_some(()));
    server.process.kill();
    drop(server);
    append(&data, BEFORE + 1..=BEFORE + BACKLOG);

    let server = launch.server().unwrap_or_else(|mut process| panic!("{}", process.complaint()));
    let client = &server.client;
    let is_over = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let over = Over(&is_over);
        let producer = scope.spawn(|| {
            let mut sent = 0;
            while !is_over.load(Ordering::Acquire) {
                let from = BEFORE + BACKLOG + 1 + sent;
                let lines: Vec<String> = (from..from + 100).map(post).collect();
                sent += taken(&send(client, &lines), lines.len());
            }
            sent
        });
        let first = eventually("an answer of the view", || counted(client));
        assert!((BEFORE..BEFORE + BACKLOG).contains(&first), "{first} posts were counted when the view was served first");
        eventually("readiness", || server.try_get("/readyz").is_ok_and(|answer| answer.status == 200).then_some(()));
        assert!(counted(client).is_some_and(|counted| counted >= BEFORE + BACKLOG), "ready means that the backlog is visible");
        drop(over);
        producer.join().unwrap()
    });
    eventually("every post", || (counted(client) == Some(BEFORE + BACKLOG + sent)).then_some(()));
}
