//! Tasks of an operator: send refused events again, look for problems, bound the log, back up and restore.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use epochs::disk::real::RealDisk;
use epochs::identity::Identity;
use serde_json::{Value, json};

use crate::answers::assert_oracle;
use crate::lines::{posted, registered, world};
use crate::oracle::Oracle;
use crate::process::{Launch, Server, eventually, operator, shell, tidewater};

/// Exit and output of a command.
pub struct Outcome {
    pub code: Option<i32>,
    pub printed: String,
    pub complaint: String,
}

impl Outcome {
    /// Its output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.printed).unwrap_or_else(|error| panic!("{error}: {}{}", self.printed, self.complaint))
    }
}

/// Runs a command to its end.
pub fn run(arguments: &[&str]) -> Outcome {
    let output = tidewater(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code(), printed: text(output.stdout), complaint: text(output.stderr) }
}

/// A command of an operator of the server.
pub fn ask(server: &Server, folder: &Path, arguments: &[&str]) -> Outcome {
    let token = folder.join("token");
    std::fs::write(&token, operator()).unwrap();
    let url = server.url("");
    let mut all = arguments.to_vec();
    all.extend(["--server", &url, "--token-file", token.to_str().unwrap(), "--format", "json"]);
    run(&all)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn doctor(data: &Path) -> Outcome {
    run(&["doctor", "--data", path(data), "--format", "json"])
}

fn status(server: &Server) -> Value {
    server.get("/v1/status", Some(&operator())).json()
}

/// The first file of a folder with this suffix.
fn file(folder: &Path, suffix: &str) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| path(file).ends_with(suffix)).min().unwrap_or_else(|| panic!("no *{suffix} in {}", folder.display()))
}

fn flip_a_bit(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

/// The ids that are listed, and how many letters were sent again.
fn listed(server: &Server, folder: &Path) -> (Vec<u64>, u64) {
    let list = ask(server, folder, &["dead-letters", "list"]).json();
    let ids = list["dead_letters"].as_array().unwrap().iter().map(|letter| letter["id"].as_u64().unwrap()).collect();
    (ids, list["dead_letters_retried"].as_u64().unwrap())
}

#[test]
fn a_refused_event_is_sent_again_when_it_can_be_read_and_stays_off_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::run(&data, &[]);
    // An hour too early it would be refused for long; this one only for seconds.
    let mut early = registered(1, 7);
    early["event"]["occurred_at"] = shell("date -u -d '24 hours 3 seconds' +%Y-%m-%dT%H:%M:%S.000000Z").trim().into();
    let answer = server.try_post(format!("{early}\nnot JSON\n").as_bytes(), Some(&operator())).unwrap().json();
    assert_eq!(answer["rejected"], 2, "{answer}");
    eventually("two letters", || (listed(&server, folder.path()) == (vec![1, 2], 0)).then_some(()));
    let shown = ask(&server, folder.path(), &["dead-letters", "show", "2"]).json();
    assert_eq!((&shown["reason"], &shown["text"]), (&json!("not_json"), &json!("not JSON")));
    let refused = ask(&server, folder.path(), &["dead-letters", "retry", "2"]);
    assert_eq!((refused.code, &refused.json()["results"][0]["reason"]), (Some(5), &json!("not_json")), "{}", refused.complaint);
    eventually("its time", || (ask(&server, folder.path(), &["dead-letters", "retry", "1"]).code == Some(0)).then_some(()));
    let left = || (vec![2], 1);
    eventually("the letter to leave", || (listed(&server, folder.path()) == left()).then_some(()));
    eventually("the user", || (server.users() == [7]).then_some(()));
    assert_eq!(ask(&server, folder.path(), &["dead-letters", "retry", "1"]).code, Some(5), "it is not on the list any more");
    // Once what was bound is computed again, once the state is restored.
    server.process.kill();
    let mut server = Server::run(&data, &[]);
    assert_eq!(listed(&server, folder.path()), left());
    assert!(server.process.terminate().success());
    let server = Server::run(&data, &[]);
    assert_eq!((listed(&server, folder.path()), server.users()), (left(), vec![7]));
    assert_eq!(ask(&server, folder.path(), &["dead-letters", "retry", "--all"]).json()["rejected"], 1);
}

/// Checks that a directory and everything in it is for its owner alone; `given` names files that the test has written itself.
fn assert_private(directory: &Path, given: &[&str]) -> usize {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    let mut files = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_private(&path, given);
        } else if !given.contains(&path.file_name().unwrap().to_str().unwrap()) {
            assert_eq!(mode(&path) & 0o177, 0, "{}", path.display());
            files += 1;
        }
    }
    files
}

#[test]
fn files_of_a_data_directory_and_of_its_backup_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| folder.path().join(name));
    // As an earlier version left it.
    std::fs::create_dir_all(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::run(&data, &["--checkpoint-interval", "50ms"]);
    server.ingest(&world(23, 40, 100));
    eventually("a checkpoint", || status(&server)["checkpoint"].is_object().then_some(()));
    assert!(assert_private(&data, &["key"]) > 10, "while it runs");
    assert!(server.process.terminate().success());
    assert!(assert_private(&data, &["key"]) > 10);
    assert_eq!(run(&["backup", "--data", path(&data), "--to", path(&backup)]).code, Some(0));
    // The key that the test has put there is copied too, and is private there.
    assert!(assert_private(&backup, &[]) > 10);
    assert_eq!(run(&["restore", "--from", path(&backup), "--data", path(&restored)]).code, Some(0));
    assert!(assert_private(&restored, &[]) > 10);
}

#[test]
fn a_view_is_never_shown_in_part_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::run(data.path(), &["--checkpoint-interval", "100ms"]);
    server.ingest(&world(5, 150, 1_500));
    let query = "/v1/views/posts?limit=1000";
    let before = server.get(query, None).rows();
    assert!(before.len() > 500, "{} rows", before.len());
    for _ in 0..3 {
        server.process.kill();
        let launch = Launch { data: data.path(), ..Launch::default() };
        server = launch.server().unwrap_or_else(|mut process| panic!("{}", process.complaint()));
        let after = eventually("the view", || {
            let answer = server.get(query, None);
            if answer.status == 200 {
                return Some(answer.rows());
            }
            let problem = answer.json();
            assert_eq!((answer.status, &problem["type"]), (503, &json!("urn:tidewater:problem:view_hydrating")), "{problem}");
            assert!(problem["progress"]["total"].is_u64(), "{problem}");
            None
        });
        assert_eq!(after, before);
    }
}

#[test]
fn a_process_that_was_overtaken_ends_with_7() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::run(data.path(), &["--checkpoint-interval", "100ms"]);
    let disk = RealDisk::open(data.path()).unwrap();
    let found = Identity::load(&disk).unwrap().unwrap();
    Identity { incarnation: found.incarnation + 1, ..found }.store(&disk).unwrap();
    let ended = server.process.wait();
    let complaint = server.process.complaint();
    assert_eq!(ended.code(), Some(7), "{complaint}");
    assert!(complaint.contains("another process took over: FENCED"), "{complaint}");
}

#[test]
fn the_log_forgets_what_no_restart_needs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::run(&data, &["--checkpoint-interval", "100ms", "--log-retention-bytes", "1", "--clock", "event"]);
    let mut lines = world(8, 60, 200);
    server.ingest(&lines);
    let earliest = |server: &Server| -> u64 {
        let topics = server.get("/v1/topics", Some(&operator())).json();
        let partitions =
            topics["topics"].as_array().unwrap().iter().flat_map(|topic| topic["partitions"].as_array().unwrap().clone());
        partitions.map(|partition| partition["earliest"].as_u64().unwrap()).sum()
    };
    let mut user = 5_000;
    eventually("a log that begins later", || {
        user += 1;
        let mut line = registered(user, user);
        line["event"]["occurred_at"] = "2024-01-01T00:00:00.000000Z".into();
        lines.push(line.to_string());
        server.ingest(&lines[lines.len() - 1..]);
        (earliest(&server) > 100).then_some(())
    });
    server.process.kill();
    let server = Server::run(&data, &["--clock", "event"]);
    assert_oracle(&server.client, &Oracle::of(lines.iter().map(String::as_str)));
    assert!(earliest(&server) > 100);
}

#[test]
fn the_doctor_finds_what_is_damaged_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::run(&data, &["--checkpoint-interval", "100ms"]);
    server.ingest(&world(9, 60, 100));
    eventually("a checkpoint", || status(&server)["checkpoint"].is_object().then_some(()));
    let online = ask(&server, folder.path(), &["doctor"]);
    assert_eq!((online.code, &online.json()["facts"]["readiness"]), (Some(0), &json!("ready")), "{}", online.printed);
    let used = doctor(&data);
    assert!(used.code == Some(1) && used.complaint.contains("another process uses the data directory"), "{}", used.complaint);
    assert!(server.process.terminate().success());
    let healthy = doctor(&data);
    assert_eq!((healthy.code, &healthy.json()["problems"]), (Some(0), &json!([])), "{}", healthy.printed);
    let facts = &healthy.json()["facts"];
    assert_eq!((&facts["bindings"]["tail"], &facts["checkpoint"][0]["state"]), (&json!("clean"), &json!("valid")));
    flip_a_bit(&file(&data.join("checkpoints"), ".run"));
    let damaged = doctor(&data);
    assert_eq!(damaged.code, Some(8), "{}", damaged.printed);
    assert!(damaged.json()["problems"][0]["found"].as_str().unwrap().contains(".run"), "{}", damaged.printed);
    flip_a_bit(&file(&data.join("bindings"), ".bindings"));
    let text = run(&["doctor", "--data", path(&data)]);
    assert_eq!(text.code, Some(8), "{}", text.printed);
    assert!(text.printed.contains("bindings' is damaged") && text.printed.contains("tidewater restore"), "{}", text.printed);
    let nothing = doctor(folder.path());
    assert!(nothing.code == Some(1) && nothing.complaint.contains("not a data directory"), "{}", nothing.complaint);
}

/// Returns the content of a data directory, as a server shows it.
fn history(server: &Server) -> (String, u64) {
    let status = status(server);
    (status["timeline"].as_str().unwrap().to_owned(), status["epoch"].as_u64().unwrap())
}

#[test]
fn fault_50_a_restored_backup_begins_a_timeline_that_nobody_takes_for_the_lost_one() {
    let folder = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| folder.path().join(name));
    let options = ["--clock", "event", "--checkpoint-interval", "100ms"];
    let lines = world(21, 60, 200);
    let (kept, later) = lines.split_at(lines.len() / 2);
    let mut server = Server::run(&data, &options);
    server.ingest(kept);
    assert!(server.process.terminate().success());
    let copied = run(&["backup", "--data", path(&data), "--to", path(&backup)]);
    assert_eq!(copied.code, Some(0), "{}", copied.complaint);
    let server = Server::run(&data, &options);
    for number in 0..20 {
        server.ingest(&[
            registered(number, 8_000 + number).to_string(),
            posted(100 + number, 8_000 + number, 8_000 + number, "lost").to_string(),
        ]);
    }
    let seen = server.get("/v1/views/posts?author_id=eq.8000", None);
    assert_eq!(seen.rows().len(), 1);
    let (lost, lost_epoch) = history(&server);
    drop(server);
    let made = run(&["restore", "--from", path(&backup), "--data", path(&restored)]);
    assert_eq!(made.code, Some(0), "{}", made.complaint);
    let server = Server::run(&restored, &options);
    assert_oracle(&server.client, &Oracle::of(kept.iter().map(String::as_str)));
    let (timeline, epoch) = history(&server);
    assert!(timeline != lost && epoch < lost_epoch, "{timeline}:{epoch} after {lost}:{lost_epoch}");
    let token = seen.position.unwrap();
    let refused = server.get(&format!("/v1/views/posts?limit=1&after={token}"), None);
    assert_eq!(
        (refused.status, &refused.json()["type"]),
        (409, &json!("urn:tidewater:problem:other_timeline")),
        "{}",
        refused.text
    );
    // The numbers of the lost epochs come again, and what is in them is shown.
    server.ingest(later);
    assert_oracle(&server.client, &Oracle::of(lines.iter().map(String::as_str)));
    assert_eq!(server.get("/v1/views/posts?author_id=eq.8000", None).rows(), []);
    drop(server);
    let server = Server::run(&restored, &options);
    assert_eq!(history(&server).0, timeline, "a later start goes on with the timeline");
    assert_oracle(&server.client, &Oracle::of(lines.iter().map(String::as_str)));
}

#[test]
fn a_backup_that_is_damaged_or_not_complete_is_not_restored_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| folder.path().join(name));
    let mut server = Server::run(&data, &[]);
    server.ingest(&world(22, 20, 20));
    let used = run(&["backup", "--data", path(&data), "--to", path(&backup)]);
    assert!(used.code == Some(1) && used.complaint.contains("another process uses"), "{}", used.complaint);
    assert!(!backup.exists());
    assert!(server.process.terminate().success());
    assert_eq!(run(&["backup", "--data", path(&data), "--to", path(&backup)]).code, Some(0));
    let again = run(&["backup", "--data", path(&data), "--to", path(&backup)]);
    assert!(again.code == Some(1) && again.complaint.contains("not empty"), "{}", again.complaint);
    let restore = |to: &Path| run(&["restore", "--from", path(&backup), "--data", path(to)]);
    let over = restore(&data);
    assert!(over.code == Some(1) && over.complaint.contains("not empty"), "{}", over.complaint);
    let bindings = file(&backup.join("bindings"), ".bindings");
    flip_a_bit(&bindings);
    let damaged = restore(&restored);
    assert!(damaged.code == Some(1) && damaged.complaint.contains(".bindings' is damaged"), "{}", damaged.complaint);
    flip_a_bit(&bindings);
    let manifest = backup.join("backup.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("\"identity\":", "\"../identity\":")).unwrap();
    assert!(restore(&restored).complaint.contains("'../identity'"));
    std::fs::remove_file(&manifest).unwrap();
    assert!(restore(&restored).complaint.contains("not complete"));
    assert!(!restored.exists(), "a refused backup leaves nothing behind");
    std::fs::write(&manifest, text).unwrap();
    assert_eq!(restore(&restored).code, Some(0));
    std::fs::write(restored.join("restore.unfinished"), "").unwrap();
    let half = run(&["run", "--topologies", "topologies/social", "--data", path(&restored), "--listen", "127.0.0.1:0"]);
    assert!(half.code == Some(1) && half.complaint.contains("not restored to its end"), "{}", half.complaint);
}
