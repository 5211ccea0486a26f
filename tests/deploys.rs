//! Deployments as an operator sees them: a topology changes while the server takes events and answers, and at every step at which the
//! process may be killed it is one topology or the other, whole.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use epochs::crash_point::{DEPLOY_BOUND, DEPLOY_RECORDED, PANIC_VARIABLE, VARIABLE};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::answers::assert_oracle;
use crate::lines::{posted, world};
use crate::oracle::Oracle;
use crate::process::{Client, Launch, Server, eventually, operator, tidewater};

/// A view more.
const MORE: &str = "
CREATE MATERIALIZED VIEW post_lengths AS SELECT author_id, count(*) AS posts, sum(length(text)) AS characters
  FROM posts GROUP BY author_id;
CREATE INDEX ON post_lengths (author_id);
GRANT SELECT ON post_lengths TO PUBLIC;
";

/// The social topology, with a file of ours.
pub fn changed(folder: &TempDir, name: &str, more: &str) -> PathBuf {
    let directory = folder.path().join(name);
    std::fs::create_dir(&directory).unwrap();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies/social")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            std::fs::copy(&path, directory.join(path.file_name().unwrap())).unwrap();
        }
    }
    testkit::social::copy_proto_files(&directory);
    std::fs::write(directory.join("more.sql"), more).unwrap();
    directory
}

/// A command of an operator, with what it printed.
pub fn ask(server: &Client, folder: &TempDir, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let token = folder.path().join("token");
    std::fs::write(&token, operator()).unwrap();
    let url = server.url("");
    let Output { status, stdout, stderr } = tidewater(arguments)
        .args(["--server", &url, "--token-file", token.to_str().unwrap(), "--format", "json"])
        .output()
        .unwrap();
    let printed = String::from_utf8(stdout).unwrap();
    (status.code(), serde_json::from_str(&printed).unwrap_or_default(), String::from_utf8(stderr).unwrap())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn in_force(server: &Client, folder: &TempDir) -> u64 {
    ask(server, folder, &["status"]).1["deployments"]["in_force"].as_u64().unwrap()
}

fn status_of(server: &Client, view: &str) -> u16 {
    server.get(&format!("/v1/views/{view}?limit=1"), None).status
}

#[test]
fn a_topology_is_deployed_and_rolled_back_while_events_come_and_readers_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let directory = changed(&folder, "more", MORE);
    let lines = world(17, 60, 900);
    let mut server = Server::run(&data, &["--clock", "event"]);
    server.ingest(&lines[..lines.len() / 2]);

    let plan = ask(&server, &folder, &["plan", path(&directory)]).1;
    assert_eq!((&plan["views"]["added"], &plan["states"]["computed"]), (&json!(["post_lengths"]), &json!([])), "{plan}");
    assert_eq!(status_of(&server, "post_lengths"), 404);

    let (is_over, client) = (AtomicBool::new(false), server.client.clone());
    let (code, deployed) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut answers = 0;
            while !is_over.load(Ordering::Acquire) {
                assert_eq!((status_of(&client, "posts"), status_of(&client, "profiles")), (200, 200));
                answers += 1;
            }
            answers
        });
        let writer = scope.spawn(|| lines[lines.len() / 2..].chunks(40).for_each(|chunk| drop(client.ingest(chunk))));
        let (code, deployed, complaint) = ask(&server, &folder, &["deploy", path(&directory), "--verify"]);
        writer.join().unwrap();
        is_over.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0, "nothing was read meanwhile");
        assert_eq!(code, Some(0), "{complaint}");
        (code, deployed)
    });
    assert_eq!((code, &deployed["outcome"], &deployed["added"]), (Some(0), &json!("switched"), &json!(["post_lengths"])));
    assert_eq!(deployed["changed"], json!([]), "what is the same was filled again: {deployed}");
    eventually("the rest", || (ask(&server, &folder, &["status"]).1["status"]["readiness"] == "ready").then_some(()));
    let oracle = Oracle::of(lines.iter().map(String::as_str));
    eventually("everything", || server.get("/v1/views/post_lengths?limit=1000", None).rows().len().gt(&0).then_some(()));
    let written: u64 = server.get("/v1/views/post_lengths?limit=1000", None).rows().iter().map(|row| number(row, "posts")).sum();
    let there = server.pages("/v1/views/posts?select=post_id", 1000, None).len() as u64;
    assert_eq!(written, there);
    assert_oracle(&server.client, &oracle);

    // The directory that it was started with has not changed: what was deployed stays.
    server.process.kill();
    let server = Server::run(&data, &["--clock", "event"]);
    assert_eq!((in_force(&server, &folder), status_of(&server, "post_lengths")), (2, 200));
    let (code, _, complaint) = ask(&server, &folder, &["rollback"]);
    assert_eq!((code, status_of(&server, "post_lengths")), (Some(0), 404), "{complaint}");
    let (code, _, complaint) = ask(&server, &folder, &["replay", "post_cards"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_oracle(&server.client, &oracle);
    let (code, _, complaint) = ask(&server, &folder, &["drop", "trending"]);
    assert_eq!((code, status_of(&server, "trending")), (Some(0), 404), "{complaint}");
    let (code, _, complaint) = ask(&server, &folder, &["rollback", "--to", "99"]);
    assert!(code == Some(4) && complaint.contains("generation 99"), "{code:?} {complaint}");
}

fn number(row: &std::collections::BTreeMap<String, Value>, column: &str) -> u64 {
    row[column].as_u64().or_else(|| row[column].as_str()?.parse().ok()).unwrap_or_else(|| panic!("{row:?}"))
}

#[test]
fn sinks_are_reported_and_dropped_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let sink = |name: &str| {
        format!(
            "CREATE SINK {name} FROM post_lengths WITH (connector = 'log', topic = 'derived.{name}') FORMAT CHANGELOG ENCODE JSON;\n"
        )
    };
    let directory = changed(&folder, "sinks", &format!("{MORE}{}{}", sink("lengths_out"), sink("post_lengths")));
    let server = Server::run(&folder.path().join("data"), &[]);
    let sinks = || {
        let status = ask(&server, &folder, &["status"]).1["status"].clone();
        let sinks = status["sinks"].as_array().unwrap().iter().map(|sink| sink["name"].as_str().unwrap().to_owned());
        sinks.collect::<Vec<_>>()
    };
    let (code, report, complaint) = ask(&server, &folder, &["deploy", path(&directory)]);
    assert_eq!((code, &report["sinks"]["added"]), (Some(0), &json!(["lengths_out", "post_lengths"])), "{complaint}");
    let new = json!([
        { "kind": "view", "name": "post_lengths", "before": null, "after": "everyone", "wider": false },
        { "kind": "derived_topic", "name": "derived.lengths_out", "before": null, "after": "everyone", "wider": false },
        { "kind": "derived_topic", "name": "derived.post_lengths", "before": null, "after": "everyone", "wider": false },
    ]);
    assert_eq!(report["access"], new);
    let drop = |arguments: &[&str]| ask(&server, &folder, &[&["drop"], arguments].concat());
    let (code, report, complaint) = drop(&["lengths_out"]);
    assert_eq!((code, &report["sinks"]["removed"]), (Some(0), &json!(["lengths_out"])), "{complaint}");
    assert!(!sinks().contains(&"lengths_out".to_owned()), "{:?}", sinks());
    // A name of both is not guessed at, and a view that a sink follows stays.
    let (code, _, complaint) = drop(&["post_lengths"]);
    assert!(code == Some(4) && complaint.contains("--sink post_lengths"), "{code:?} {complaint}");
    let (code, _, complaint) = drop(&["--sink", "post_length"]);
    assert!(code == Some(4) && complaint.contains("no sink 'post_length'; did you mean 'post_lengths'?"), "{code:?} {complaint}");
    assert_eq!(drop(&["--sink", "post_lengths"]).0, Some(0));
    assert_eq!(drop(&["post_lengths"]).0, Some(0));
    assert_eq!(status_of(&server, "post_lengths"), 404);
    let (code, report, complaint) = drop(&["search:hashtag_search"]);
    assert_eq!((code, &report["sinks"]["removed"]), (Some(0), &json!(["search:hashtag_search"])), "{complaint}");
    let origins = ask(&server, &folder, &["status"]).1["deployments"]["generations"].clone();
    let origins: Vec<&str> =
        origins.as_array().unwrap().iter().map(|generation| generation["origin"].as_str().unwrap()).collect();
    assert_eq!(
        origins[2..],
        ["drop of sink lengths_out", "drop of sink post_lengths", "drop of post_lengths", "drop of index hashtag_search"]
    );
}

#[test]
fn a_difference_is_shown_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let before = changed(&folder, "before", MORE);
    let after = changed(&folder, "after", &MORE.replace("length(text)", "length(text) + 1"));
    let server = Server::run_ready(&Launch { data: &data, topologies: path(&before), ..Launch::default() });
    server.ingest(&world(3, 20, 60));
    let (code, report, complaint) = ask(&server, &folder, &["deploy", path(&after), "--verify"]);
    assert_eq!((code, &report["outcome"]), (Some(9), &json!("differs")), "{complaint}");
    let difference = &report["differences"][0];
    assert_eq!((&difference["view"], &difference["rows_equal"]), (&json!("post_lengths"), &json!(0)), "{report}");
    assert!(difference["gone"].as_array().unwrap().len() > 1, "{report}");
    assert_eq!(in_force(&server, &folder), 1);
    // What was refused never was in force: there is nothing to go back to.
    let (code, _, complaint) = ask(&server, &folder, &["rollback", "--to", "2"]);
    assert!(code == Some(4) && complaint.contains("generation 2 never was in force: it is refused"), "{code:?} {complaint}");
    let (code, report, _) = ask(&server, &folder, &["deploy", path(&after), "--verify", "--accept-differences"]);
    assert_eq!((code, &report["outcome"]), (Some(0), &json!("switched")));
    let generations = ask(&server, &folder, &["status"]).1["deployments"]["generations"].clone();
    let told = generations.as_array().unwrap().iter().map(|generation| {
        (generation["state"].as_str().unwrap(), generation["by"].as_str().unwrap(), generation["reason"].as_str())
    });
    let reasons = [Some("generation 3 took over"), Some("rows differ from those that are served"), None];
    assert_eq!(
        told.collect::<Vec<_>>(),
        [("replaced", "local", reasons[0]), ("refused", "1", reasons[1]), ("in_force", "1", reasons[2])]
    );
    assert!(generations[0]["ended_at"].is_string() && generations[2]["begun_at"].is_string(), "{generations}");
}

#[test]
fn fault_48_what_is_still_read_is_not_dropped_and_a_wrong_topology_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(&folder.path().join("data"), &[]);
    let (code, _, complaint) = ask(&server, &folder, &["drop", "posts"]);
    assert!(code == Some(4) && complaint.contains("'post_cards'"), "{code:?} {complaint}");
    // The command checks the statements first, so the server is asked itself.
    let wrong =
        json!({ "action": "deploy", "files": [{ "path": "a.sql", "text": "CREATE VIEW v AS SELECT nothing FROM nowhere;" }] });
    let answer = server.post_json("/v1/deployments", &wrong, Some(&operator()));
    let problem = answer.json();
    assert_eq!((answer.status, &problem["type"]), (422, &json!("urn:tidewater:problem:invalid_topology")), "{problem}");
    assert_eq!(problem["diagnostics"][0]["line"], 1, "{problem}");
    assert_eq!(server.post_json("/v1/deployments", &wrong, None).status, 401);
    assert_eq!(in_force(&server, &folder), 1);
}

#[test]
fn fault_48_a_candidate_that_panics_leaves_everything_as_it_was() {
    const POISON: &str = "a pill that only a candidate swallows";
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = ["--clock", "event", "--checkpoint-interval", "50ms"];
    let mut server = Server::run(&data, &options);
    server.ingest(&[posted(1, 1, 1, POISON).to_string()]);
    let posts = |server: &Server| server.pages("/v1/views/posts?select=post_id", 100, None).len();
    eventually("the post", || (posts(&server) == 1).then_some(()));
    // What it leaves behind when it stops is a checkpoint: no start reads the post again, but whoever computes the posts once more does.
    assert!(server.process.terminate().success());
    let environment = [(PANIC_VARIABLE, POISON)];
    let server = Server::run_ready(&Launch { data: &data, more: &options, environment: &environment, ..Launch::default() });
    let (code, report, complaint) = ask(&server, &folder, &["replay", "posts"]);
    assert_eq!((code, &report["outcome"]), (Some(9), &json!("failed")), "{complaint}");
    assert!(report["reason"].as_str().unwrap().starts_with("computing it failed"), "{report}");
    assert_eq!(in_force(&server, &folder), 1);
    server.ingest(&[posted(2, 2, 1, "life goes on").to_string()]);
    eventually("the other post", || (posts(&server) == 2).then_some(()));
    drop(server);
    // As if the mistake were mended.
    let server = Server::run(&data, &options);
    let (code, _, complaint) = ask(&server, &folder, &["replay", "posts"]);
    assert_eq!((code, posts(&server)), (Some(0), 2), "{complaint}");
    assert_eq!(server.get("/v1/dead-letters", Some(&operator())).json()["dead_letters_total"], 0);
}

#[test]
fn fault_48_a_process_that_is_killed_in_a_deployment_runs_one_topology_or_the_other() {
    let lines = world(23, 40, 400);
    let oracle = Oracle::of(lines.iter().map(String::as_str));
    for (step, generation) in [(DEPLOY_RECORDED, 2), (DEPLOY_BOUND, 2), ("before it is recorded", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let (data, directory) = (folder.path().join("data"), changed(&folder, "more", MORE));
        let options = ["--clock", "event", "--checkpoint-interval", "100ms"];
        let environment = [(VARIABLE, format!("{step}:1"))];
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let is_step = generation == 2;
        let launch =
            Launch { data: &data, more: &options, environment: if is_step { &environment } else { &[] }, ..Launch::default() };
        let mut server = Server::run_ready(&launch);
        server.ingest(&lines[..lines.len() / 2]);
        if is_step {
            let (code, ..) = ask(&server, &folder, &["deploy", path(&directory)]);
            assert_eq!(code, Some(4), "{step}: the server was to be killed");
            assert!(!server.process.wait().success());
        } else {
            let client = server.client.clone();
            let deploying = std::thread::spawn({
                let directory = directory.clone();
                let folder = tempfile::tempdir().unwrap();
                move || ask(&client, &folder, &["deploy", path(&directory)]).0
            });
            eventually("the deployment", || {
                let last = ask(&server, &folder, &["status"]).1["deployments"]["last"].clone();
                last["generation"].is_u64().then_some(())
            });
            server.process.kill();
            assert!(matches!(deploying.join().unwrap(), Some(0 | 4)));
        }
        let server = Server::run(&data, &options);
        let found = in_force(&server, &folder);
        assert!(found == generation || !is_step, "{step}: generation {found}");
        assert_eq!(status_of(&server, "post_lengths"), if found == 2 { 200 } else { 404 }, "{step}");
        server.ingest(&lines[lines.len() / 2..]);
        eventually("everything", || (ask(&server, &folder, &["status"]).1["status"]["readiness"] == "ready").then_some(()));
        assert_oracle(&server.client, &oracle);
    }
}

/// Sends a request and does not wait for its answer.
fn ask_without_waiting(server: &Client, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /v1/deployments/plan HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.address,
        operator(),
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).unwrap();
    stream
}

#[test]
fn planning_holds_nothing_and_ends_when_its_client_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(&folder.path().join("data"), &["--clock", "event"]);
    let request = |views: usize| {
        let mut text = String::from(
            "CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF
               (message = 'social.v1.PostEvent', schema.location = 'post.proto');\n",
        );
        for view in 0..views {
            text += &format!(
                "CREATE VIEW v{view} AS SELECT event_id, aggregate_id + {view} AS n FROM post_events WHERE aggregate_id > {view};\n"
            );
        }
        let mut files = vec![json!({ "path": "many.sql", "text": text })];
        files.extend(testkit::social::proto_files().into_iter().map(|(path, text)| json!({ "path": path, "text": text })));
        json!({ "action": "deploy", "files": files })
    };
    let plan = |views: usize| server.post_json("/v1/deployments/plan", &request(views), Some(&operator()));
    let many = request(20_000).to_string();
    // One that comes while another small plan is made may be refused itself.
    let mut waiting = Vec::new();
    eventually("two plans at once", || {
        assert!(waiting.len() < 50, "everything is planned at once");
        waiting.push(ask_without_waiting(&server, &many));
        std::thread::sleep(Duration::from_millis(300));
        (plan(1).status == 409).then_some(())
    });
    let begun = Instant::now();
    assert_eq!(server.get("/v1/deployments", Some(&operator())).status, 200);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "a plan that is being made kept the status waiting for {:?}",
        begun.elapsed()
    );
    drop(waiting);
    let gone = Instant::now();
    eventually("room for a plan", || (plan(1).status == 200).then_some(()));
    assert!(gone.elapsed() < Duration::from_secs(20), "plans went on for {:?} after their clients were gone", gone.elapsed());
}
