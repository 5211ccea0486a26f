//! Faults, one after the other: each test is named after the row of the catalogue of faults in `docs/RELIABILITY.md`.
//!
//! Here are those of the machine: a frozen process, a failed sync, a full disk, damaged checkpoints, a second process. Events that are
//! wrong are in `faults/events.rs`, topologies that are in `faults/topologies.rs`.

mod events;
mod topologies;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use epochs::crash_point::{ABORT_VARIABLE, PANIC_VARIABLE};
use tempfile::TempDir;

use crate::answers::assert_oracle;
use crate::crash::feed::Feed;
use crate::lines::{posted, world};
use crate::oracle::Oracle;
use crate::process::{Launch, Process, Server, eventually, operator, tidewater};

const OPTIONS: [&str; 4] = ["--checkpoint-interval", "50ms", "--clock", "event"];
const ABORTED: i32 = 6;

/// A server whose checkpoints follow one another closely and whose clock is the events'.
fn server(data: &Path) -> Server {
    Server::run(data, &OPTIONS)
}

fn assert_lines(server: &Server, lines: &[String]) {
    assert_oracle(&server.client, &Oracle::of(lines.iter().map(String::as_str)));
}

fn run_on(data: &Path, listen: &str) -> (Option<i32>, String) {
    let data = data.to_str().unwrap();
    let output = tidewater(&["run", "--topologies", "topologies/social", "--data", data, "--listen", listen]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn assert_refused(data: &Path) {
    let (code, complaint) = run_on(data, "127.0.0.1:0");
    assert_eq!(code, Some(1), "{complaint}");
    let root = data.to_str().unwrap();
    assert!(complaint.contains("another process uses the data directory") && complaint.contains(root), "{complaint}");
}

#[test]
fn fault_06_records_that_end_the_process_three_times_are_quarantined_and_taken_when_they_are_sent_again() {
    const POISON: &str = "a pill that is hard to swallow";
    let data = tempfile::tempdir().unwrap();
    let environment = [(PANIC_VARIABLE, POISON)];
    let launch = Launch { data: data.path(), more: &OPTIONS, environment: &environment, ..Launch::default() };
    let mut server = Server::run_ready(&launch);
    server.ingest(&[posted(1, 1, 1, "before").to_string()]);
    let body = format!("{}\n", posted(2, 2, 1, POISON));
    // The answer may be overtaken by the end of the process; the event is in the log.
    server.try_post(body.as_bytes(), Some(&operator())).ok();
    let mut ends = 0;
    let server = loop {
        assert!(!server.process.wait().success());
        ends += 1;
        assert!(ends <= 3, "nothing was quarantined");
        if ends == 3 {
            break Server::run_ready(&launch);
        }
        server = launch.server().unwrap_or_else(|mut process| panic!("{}", process.complaint()));
    };
    server.ingest(&[posted(3, 3, 1, "after").to_string()]);
    let posts = |server: &Server| {
        let rows = server.pages("/v1/views/posts?select=post_id", 100, None);
        rows.iter().map(|row| row["post_id"].as_u64().unwrap()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(posts(&server), [1, 3].into());
    let letters = server.get("/v1/dead-letters", Some(&operator())).json();
    let (letter, reason) = (&letters["dead_letters"][0], "quarantined");
    assert_eq!((&letter["reason"], &letter["topic"]), (&reason.into(), &"social.post".into()), "{letters}");
    assert_eq!(letters["dead_letters_total"], 1, "{letters}");
    drop(server);
    // As if the mistake were mended: what is quarantined stays so until it is sent again.
    let server = Server::run(data.path(), &OPTIONS);
    assert_eq!(posts(&server), [1, 3].into());
    let answer = server.post_empty("/v1/dead-letters/1/retry", Some(&operator()));
    assert_eq!(answer.status, 200, "{}", answer.text);
    eventually("the post", || (posts(&server) == [1, 2, 3].into()).then_some(()));
    drop(server);
    assert_eq!(posts(&Server::run(data.path(), &OPTIONS)), [1, 2, 3].into());
}

#[test]
fn fault_06_records_that_end_the_process_without_a_panic_are_quarantined_as_well() {
    const POISON: &str = "a pill that nobody survives";
    let data = tempfile::tempdir().unwrap();
    let environment = [(ABORT_VARIABLE, POISON)];
    let launch = Launch { data: data.path(), more: &OPTIONS, environment: &environment, ..Launch::default() };
    let mut server = Server::run_ready(&launch);
    server.ingest(&[posted(1, 1, 1, "before").to_string()]);
    server.try_post(format!("{}\n", posted(2, 2, 1, POISON)).as_bytes(), Some(&operator())).ok();
    let mut ends = 0;
    while eventually("an end or readiness", || match server.process.ended() {
        Some(ended) => Some(!ended.success()),
        None => server.try_get("/readyz").is_ok_and(|answer| answer.status == 200 && ends > 0).then_some(false),
    }) {
        ends += 1;
        // The first end may be blamed on an epoch that was computed beside: from the second start on each is computed by itself.
        assert!(ends <= 4, "nothing was quarantined after {ends} ends");
        server = launch.server().unwrap_or_else(|mut process| panic!("{}", process.complaint()));
    }
    assert!(ends >= 3, "it was quarantined after {ends} ends");
    server.ingest(&[posted(3, 3, 1, "after").to_string()]);
    let rows = server.pages("/v1/views/posts?select=post_id", 100, None);
    let posts: std::collections::BTreeSet<u64> = rows.iter().map(|row| row["post_id"].as_u64().unwrap()).collect();
    assert_eq!(posts, [1, 3].into(), "the notes that have nothing to do with it are there");
    let letters = server.get("/v1/dead-letters", Some(&operator())).json();
    let letter = &letters["dead_letters"][0];
    assert_eq!((&letters["dead_letters_total"], &letter["reason"]), (&1.into(), &"quarantined".into()), "{letters}");
    assert!(letter["detail"].as_str().unwrap().contains("without a panic"), "{letters}");
}

#[test]
fn fault_08_a_process_that_runs_out_of_memory_takes_no_events_and_serves_readers() {
    const LIMIT: u64 = 320 << 20;
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &["--ingest-memory-bytes", &LIMIT.to_string()]);
    let post = |number: u64| posted(number, number, 1, &format!("{number:08}{}", "x".repeat(8_000)));
    let mut taken = 0;
    let refused = loop {
        let body: String = (taken + 1..=taken + 250).map(|number| format!("{}\n", post(number))).collect();
        let answer = server.try_post(body.as_bytes(), Some(&operator())).unwrap();
        match answer.status {
            200 => taken += 250,
            _ => break answer,
        }
        assert!(taken < 200_000, "more was taken than memory has room for");
    };
    let problem = refused.json();
    assert_eq!((refused.status, &problem["type"]), (503, &serde_json::json!("urn:tidewater:problem:memory_full")), "{problem}");
    assert!(taken > 0, "nothing was taken at all: {problem}");
    let is_there = |post: u64| !server.get(&format!("/v1/views/posts?post_id=eq.{post}&select=post_id"), None).rows().is_empty();
    eventually("every post that was taken", || (1..=taken).step_by(83).chain([taken]).all(is_there).then_some(()));
    assert!(!is_there(taken + 1), "a post that was refused is there");
}

#[test]
fn fault_03_a_frozen_process_keeps_its_directory_and_goes_on_when_it_thaws() {
    let data = tempfile::tempdir().unwrap();
    let lines = world(31, 30, 80);
    let (first, second) = lines.split_at(lines.len() / 2);
    let server = server(data.path());
    server.ingest(first);
    server.process.signal("STOP");
    assert_refused(data.path());
    server.process.signal("CONT");
    server.ingest(second);
    assert_lines(&server, &lines);
}

/// Feeds until the process has ended by itself; what it said.
fn feed_to_the_end(process: &mut Process, feed: &Feed, client: &crate::process::Client) -> String {
    feed.run(client, &AtomicBool::new(false));
    let status = process.wait();
    let said = process.complaint();
    assert_eq!(status.signal(), Some(ABORTED), "{status}: {said}");
    said
}

#[test]
fn fault_09_a_failed_sync_ends_the_process_and_what_was_acknowledged_survives() {
    let data = tempfile::tempdir().unwrap();
    // What a first start creates is not what is to fail.
    drop(server(data.path()));
    let feed = Feed::new(world(32, 30, 4_000));
    let log = data.path().join("syncs");
    for failing in [20, 21, 22, 41] {
        let inject = format!("inject=fdatasync:error=EIO:when={failing}+");
        let under = ["strace", "-f", "-o", log.to_str().unwrap(), "-e", "trace=fdatasync", "-e", &inject];
        let launch = Launch { data: data.path(), more: &OPTIONS, under: &under, ..Launch::default() };
        let mut server = launch.server().unwrap_or_else(|mut process| panic!("sync {failing}: {}", process.complaint()));
        let client = server.client.clone();
        let said = feed_to_the_end(&mut server.process, &feed, &client);
        assert!(said.contains("the process ends") || said.contains("cannot make records durable"), "sync {failing}: {said}");
        let syncs = std::fs::read_to_string(&log).unwrap();
        let failed = syncs.lines().filter(|line| line.contains("(INJECTED)")).count();
        assert!((1..=2).contains(&failed), "{failed} syncs failed: one was tried again");
    }
    let server = server(data.path());
    feed.settle(&server.client);
    assert_lines(&server, feed.acknowledged());
}

/// A small disk, in memory.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status().unwrap();
        assert!(mounted.success(), "this test has to be run by someone who may mount a file system");
        Self(folder)
    }

    /// Takes all the space that is left.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.path().join("ballast");
        let written =
            Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", ballast.display())).output().unwrap();
        assert!(!written.status.success(), "the disk is not full");
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is just ending may hold its files for a moment.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn fault_11_a_full_disk_refuses_events_serves_readers_and_goes_on_by_itself() {
    let disk = SmallDisk::mount(256);
    let data = disk.0.path().join("data");
    let lines = world(33, 30, 120);
    let (first, second) = lines.split_at(lines.len() / 2);
    let server = server(&data);
    server.ingest(first);
    let ballast = disk.fill();
    let body = second[..20].join("\n");
    let refused = eventually("a refusal", || {
        let answer = server.try_post(body.as_bytes(), Some(&operator())).unwrap();
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 507, "{}", refused.text);
    assert_eq!(server.get("/v1/views/posts?limit=1", None).status, 200, "readers are served");
    std::fs::remove_file(ballast).unwrap();
    eventually("space to be noticed", || {
        (server.try_post(body.as_bytes(), Some(&operator())).unwrap().status == 200).then_some(())
    });
    server.ingest(second);
    assert_lines(&server, &lines);
}

#[test]
fn fault_11_a_start_on_a_full_disk_serves_readers_and_takes_events_again_when_there_is_space() {
    let disk = SmallDisk::mount(320);
    let data = disk.0.path().join("data");
    let lines = world(36, 30, 120);
    let (first, second) = lines.split_at(lines.len() / 2);
    let mut server = server(&data);
    server.ingest(first);
    let reserve = data.join("reserve");
    eventually("the reserve", || reserve.exists().then_some(()));
    let token = disk.0.path().join("token");
    std::fs::write(&token, operator()).unwrap();
    let ballast = disk.fill();
    server.process.kill();
    let offline = tidewater(&["doctor", "--data", data.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(offline.stdout).unwrap();
    assert!(offline.status.code() == Some(8) && said.contains("problem: the disk is full"), "{said}");
    let server = Server::run(&data, &OPTIONS);
    assert!(!reserve.exists(), "the start needed no space");
    assert_lines(&server, first);
    let ready = server.get("/readyz", None);
    assert_eq!((ready.status, &ready.json()["takes_events"]), (200, &false.into()), "{}", ready.text);
    let body = second[..20].join("\n");
    assert_eq!(server.try_post(body.as_bytes(), Some(&operator())).unwrap().status, 507);
    let online = tidewater(&["doctor", "--server", &server.url(""), "--token-file", token.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(online.stdout).unwrap();
    assert!(online.status.code() == Some(8) && said.contains("problem: the disk is full"), "{said}");
    assert!(server.get("/metrics", None).text.lines().any(|line| line == "tidewater_disk_full 1.0"));
    std::fs::remove_file(ballast).unwrap();
    eventually("space to be noticed", || (server.get("/readyz", None).json()["takes_events"] == true).then_some(()));
    server.ingest(second);
    assert_lines(&server, &lines);
    eventually("another reserve", || reserve.exists().then_some(()));
}

/// The files of a kind in the folder of checkpoints, oldest first.
fn checkpoint_files(data: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == kind)).collect();
    files.sort();
    files
}

fn flip_a_byte(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn fault_13_damaged_checkpoints_are_passed_over() {
    let data = tempfile::tempdir().unwrap();
    let lines = world(34, 30, 120);
    let damages: [fn(&Path) -> Vec<PathBuf>; 4] = [
        |data| checkpoint_files(data, "checkpoint").split_off(1),
        |data| checkpoint_files(data, "run").pop().into_iter().collect(),
        |data| checkpoint_files(data, "run"),
        |data| checkpoint_files(data, "checkpoint"),
    ];
    let mut sent = 0;
    for damaged in damages {
        let mut server = server(data.path());
        for part in lines[sent..][..lines.len() / damages.len()].chunks(60) {
            server.ingest(part);
        }
        sent += lines.len() / damages.len();
        eventually("two checkpoints", || (checkpoint_files(data.path(), "checkpoint").len() == 2).then_some(()));
        server.process.kill();
        let files = damaged(data.path());
        assert!(!files.is_empty());
        files.iter().for_each(|file| flip_a_byte(file));
        let server = Server::run(data.path(), &OPTIONS);
        assert_lines(&server, &lines[..sent]);
    }
}

#[test]
fn fault_14_a_second_process_is_refused_the_directory_and_the_address() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    assert_refused(data.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, complaint) = run_on(elsewhere.path(), &server.address);
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains(&server.address) && complaint.contains("--listen"), "{complaint}");
    assert_eq!(server.get("/healthz", None).status, 200, "the first one goes on");
}
