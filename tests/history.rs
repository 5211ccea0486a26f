//! A log whose beginning is gone, and the real program: no count falls without being asked for, and a rollback gives it back.

use std::path::{Path, PathBuf};

use epochs::crash_point::{DEPLOY_BOUND, DEPLOY_RECORDED, VARIABLE};
use serde_json::json;
use tempfile::TempDir;

use crate::deploys::ask;
use crate::lines::posted;
use crate::process::{Launch, Server, eventually};

/// Enough for the log to be much larger than it may be.
const POSTS: u64 = 3_000;
const OPTIONS: [&str; 6] = ["--checkpoint-interval", "100ms", "--log-retention-bytes", "100000", "--workers", "1"];
/// The exit code of a plan or a start for which the log has not enough.
const MISSING_HISTORY: Option<i32> = Some(10);

/// A table of posts and their count; a column more makes it another table.
fn statements(folder: &TempDir, name: &str, column: &str, value: &str) -> PathBuf {
    let directory = folder.path().join(name);
    std::fs::create_dir(&directory).unwrap();
    let sql = format!(
        "CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN
           ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
         CREATE TABLE posts (post_id BIGINT PRIMARY KEY, text TEXT NOT NULL{column});
         MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
           WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.text{value});
         CREATE INDEX ON posts (post_id);
         CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM posts;
         CREATE INDEX ON n (n);
         GRANT SELECT ON posts TO PUBLIC;
         GRANT SELECT ON n TO PUBLIC;"
    );
    std::fs::write(directory.join("t.sql"), sql).unwrap();
    testkit::social::copy_proto_files(&directory);
    directory
}

fn count(server: &Server) -> u64 {
    server.get("/v1/views/n", None).rows()[0]["n"].as_u64().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Sends one post more at a time, so that checkpoints are written, until the beginning of the log is gone.
fn wait_until_trimmed(server: &Server, folder: &TempDir, changed: &Path, next: &mut u64) {
    eventually("a log without its beginning", || {
        server.ingest(&[posted(*next, *next, 1, "one more").to_string()]);
        *next += 1;
        let (code, plan, complaint) = ask(server, folder, &["plan", path(changed)]);
        if code == Some(0) {
            return None;
        }
        assert_eq!(code, MISSING_HISTORY, "{complaint}");
        assert_eq!(
            (&plan["lost"][0]["state"], &plan["lost"][0]["topic"]),
            (&json!("table posts"), &json!("social.post")),
            "{plan}"
        );
        Some(())
    });
}

/// A server on `topologies` whose log has lost its beginning, and how many posts there are.
fn trimmed(folder: &TempDir, launch: &Launch<'_>, changed: &Path) -> (Server, u64) {
    let server = Server::run_ready(launch);
    let text = "lorem ipsum ".repeat(40);
    server.ingest(&(1..=POSTS).map(|post| posted(post, post, 1, &text).to_string()).collect::<Vec<_>>());
    let mut next = POSTS + 1;
    wait_until_trimmed(&server, folder, changed, &mut next);
    (server, next - 1)
}

#[test]
fn fault_51_a_kill_while_a_topology_comes_back_over_a_trimmed_log_loses_no_row() {
    for step in [DEPLOY_RECORDED, DEPLOY_BOUND] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (a, b) = (statements(&folder, "a", "", ""), statements(&folder, "b", ", author_id BIGINT", ", e.created.author_id"));
        let launch = Launch { data: &data, topologies: path(&a), more: &OPTIONS, ..Launch::default() };
        let (mut server, all) = trimmed(&folder, &launch, &b);
        let (code, _, complaint) = ask(&server, &folder, &["deploy", path(&b), "--accept-missing-history"]);
        assert_eq!(code, Some(0), "{complaint}");
        assert!(server.process.terminate().success());
        let crash = format!("{step}:1");
        let mut server = Server::run_ready(&Launch { environment: &[(VARIABLE, crash.as_str())], ..launch });
        server.ingest(&[posted(all + 1, all + 1, 1, "while b is in force").to_string()]);
        assert!(count(&server) < all, "nothing was lost, so this shows nothing");
        let (code, ..) = ask(&server, &folder, &["rollback"]);
        assert_eq!(code, Some(4), "{step}: the server was to be killed");
        assert!(!server.process.wait().success());
        let launch = Launch { data: &data, topologies: path(&a), more: &OPTIONS, ..Launch::default() };
        let server = Server::run_ready(&launch);
        assert_eq!(count(&server), all + 1, "{step}: rows are missing");
        server.ingest(&[posted(all + 2, all + 2, 1, "and on").to_string()]);
        assert_eq!(count(&server), all + 2, "{step}");
    }
}

#[test]
fn fault_51_a_deployment_over_a_trimmed_log_is_refused_and_a_rollback_gives_every_row_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (a, b) = (statements(&folder, "a", "", ""), statements(&folder, "b", ", author_id BIGINT", ", e.created.author_id"));
    let (of_a, of_b) = (path(&a), path(&b));
    let start = |topologies| Launch { data: &data, topologies, more: &OPTIONS, ..Launch::default() };
    let (mut server, all) = trimmed(&folder, &start(of_a), &b);
    assert_eq!(count(&server), all);

    let (code, report, complaint) = ask(&server, &folder, &["deploy", of_b]);
    assert_eq!((code, &report["outcome"]), (Some(9), &json!("refused")), "{complaint}");
    for part in ["'table posts'", "'social.post'", "begins at offset", "--accept-missing-history"] {
        assert!(complaint.contains(part), "{part}: {complaint}");
    }
    assert_eq!(count(&server), all, "the count fell");
    let (code, _, complaint) = ask(&server, &folder, &["rollback", "--to", "2"]);
    assert!(code == Some(4) && complaint.contains("never was in force"), "{code:?} {complaint}");

    // The same at a start with the directory edited.
    assert!(server.process.terminate().success());
    let mut refused = start(of_b).server().err().expect("the start is refused");
    assert_eq!(refused.wait().code(), MISSING_HISTORY);
    let complaint = refused.complaint();
    assert!(complaint.contains("'table posts'") && complaint.contains("--accept-missing-history"), "{complaint}");
    let mut server = Server::run_ready(&start(of_a));
    assert_eq!(count(&server), all, "a start that was refused changed something");
    let status = ask(&server, &folder, &["status"]).1;
    assert_eq!(
        (&status["deployments"]["in_force"], &status["deployments"]["generations"][1]["state"]),
        (&json!(1), &json!("refused"))
    );

    // Who insists gets what is left, and every row back.
    let (code, _, complaint) = ask(&server, &folder, &["deploy", of_b, "--accept-missing-history"]);
    assert_eq!(code, Some(0), "{complaint}");
    let left = count(&server);
    assert!(left < all, "nothing was lost, so this shows nothing");
    server.ingest(&[posted(all + 1, all + 1, 1, "while b is in force").to_string()]);
    server.process.kill();
    let server = Server::run_ready(&start(of_a));
    assert_eq!(count(&server), left + 1, "what was accepted once is not asked for again");
    let (code, _, complaint) = ask(&server, &folder, &["rollback"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert_eq!(count(&server), all + 1, "rows are missing after going back");
    server.ingest(&[posted(all + 2, all + 2, 1, "and on").to_string()]);
    assert_eq!(count(&server), all + 2);
}
