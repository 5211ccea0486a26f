//! Faults of topologies: what can't be kept in bounds is refused, a row on which an expression fails is quarantined, and a topology that
//! is refused leaves everything as it was.

use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lines::posted;
use crate::process::{Launch, Server, operator, tidewater};

const POSTS: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, created_at TIMESTAMPTZ NOT NULL);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.occurred_at);
";

fn directory(sql: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("topology.sql"), sql).unwrap();
    testkit::social::copy_proto_files(directory.path());
    directory
}

fn validate(sql: &str) -> Output {
    let directory = directory(&format!("{POSTS}{sql}"));
    tidewater(&["validate", directory.path().to_str().unwrap()]).output().unwrap()
}

#[test]
fn fault_46_a_view_that_can_not_be_kept_in_bounds_is_refused_with_its_place() {
    assert_eq!(validate("").status.code(), Some(0));
    let unbounded = [
        "SELECT a.post_id FROM posts a, posts b",
        "SELECT DISTINCT actor_id FROM post_events",
        "SELECT event_id, aggregate_id FROM post_events",
        "SELECT post_id, random() AS r FROM posts",
        "SELECT post_id, now() AS n FROM posts",
        "SELECT post_id FROM posts LIMIT 10",
    ];
    for query in unbounded {
        let output = validate(&format!("CREATE MATERIALIZED VIEW v AS {query};\n"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{query}: {said}");
        assert!(said.contains("topology.sql:6:"), "{query}: {said}");
    }
}

#[test]
fn fault_22_a_statement_that_is_too_deep_is_refused() {
    let deep = format!("CREATE MATERIALIZED VIEW v AS SELECT {}1{} AS one FROM posts;\n", "(".repeat(10_000), ")".repeat(10_000));
    let output = validate(&deep);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
}

#[test]
fn fault_21_a_topology_that_reads_what_is_not_there_is_refused() {
    for query in ["SELECT post_id, title FROM posts", "SELECT post_id, sum(text) AS n FROM posts GROUP BY post_id"] {
        let output = validate(&format!("CREATE MATERIALIZED VIEW v AS {query};\n"));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{query}: {said}");
        assert!(said.contains("topology.sql:6:"), "{query}: {said}");
    }
}

const FRAGILE: &str = "\
CREATE MATERIALIZED VIEW shares AS SELECT post_id, 100 / (author_id - 1) AS share FROM posts;
CREATE INDEX ON shares (post_id);
GRANT SELECT ON shares TO PUBLIC;
CREATE MATERIALIZED VIEW products AS SELECT post_id, author_id * 4611686018427387904 AS product FROM posts;
CREATE INDEX ON products (post_id);
GRANT SELECT ON products TO PUBLIC;
CREATE MATERIALIZED VIEW numbers AS SELECT post_id, CAST(text AS BIGINT) AS number FROM posts;
CREATE INDEX ON numbers (post_id);
GRANT SELECT ON numbers TO PUBLIC;
";

/// The posts that each view has, and what is quarantined.
fn fragile_rows(server: &Server) -> (Vec<Vec<u64>>, Value) {
    let posts = |view: &str| {
        let rows = server.get(&format!("/v1/views/{view}?select=post_id"), None).rows();
        rows.iter().map(|row| row["post_id"].as_u64().unwrap()).collect()
    };
    let mut letters = server.get("/v1/dead-letters?limit=100", Some(&operator())).json();
    (["shares", "products", "numbers"].map(posts).to_vec(), letters["row_errors"].take())
}

#[test]
fn fault_47_a_row_on_which_an_expression_fails_is_quarantined_the_same_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let topology = directory(&format!("{POSTS}{FRAGILE}"));
    let topologies = topology.path().to_str().unwrap();
    let launch = Launch { data: data.path(), topologies, more: &["--checkpoint-interval", "50ms"], ..Launch::default() };
    let mut server = Server::run_ready(&launch);
    let lines = [posted(1, 1, 1, "10"), posted(2, 2, 2, "20"), posted(3, 3, 1, "no number")].map(|line| line.to_string());
    let answer = server.try_post(lines.join("\n").as_bytes(), Some(&operator())).unwrap().json();
    let after = answer["position"].as_str().unwrap();
    server.get(&format!("/v1/views/shares?wait=30000&after={after}"), None).rows();
    let before = fragile_rows(&server);
    assert_eq!(before.0, [vec![2], vec![1, 3], vec![1, 2]], "{}", before.1);
    let mut relations: Vec<&str> = before.1.as_array().unwrap().iter().map(|error| error["relation"].as_str().unwrap()).collect();
    relations.sort_unstable();
    assert_eq!(relations, ["numbers", "products", "shares", "shares"], "{}", before.1);
    server.process.kill();
    let server = Server::run_ready(&launch);
    assert_eq!(fragile_rows(&server), before);
}

#[test]
fn fault_48_a_topology_that_lacks_what_a_view_needs_is_refused_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let good = directory(&format!("{POSTS}{FRAGILE}"));
    // The source is gone, the table that reads it is not.
    let without_source: String = POSTS.lines().skip(1).flat_map(|line| [line, "\n"]).collect();
    let broken = directory(&without_source);
    let [good_path, broken_path] = [&good, &broken].map(|topology| topology.path().to_str().unwrap());
    let at = |topologies| Launch { data: data.path(), topologies, more: &["--checkpoint-interval", "50ms"], ..Launch::default() };
    let server = Server::run_ready(&at(good_path));
    let answer = server.try_post(posted(1, 1, 3, "10").to_string().as_bytes(), Some(&operator())).unwrap().json();
    server.get(&format!("/v1/views/shares?wait=30000&after={}", answer["position"].as_str().unwrap()), None).rows();
    let before = fragile_rows(&server);
    drop(server);
    let Err(mut refused) = at(broken_path).server() else { panic!("a topology without its source was started") };
    assert_eq!(refused.wait().code(), Some(3));
    assert!(refused.complaint().contains("post_events"));
    let server = Server::run_ready(&at(good_path));
    assert_eq!(fragile_rows(&server), before);
    assert_eq!(json!(before.0), json!([[1], [], [1]]));
}

const NOTES: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE notes (note_id BIGINT PRIMARY KEY, text TEXT NOT NULL, indent BIGINT);
MERGE INTO notes USING post_events e ON notes.note_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.text, e.created.video_id);
CREATE INDEX ON notes (note_id);
GRANT SELECT ON notes TO PUBLIC;
";

/// Sends these lines in one request and waits until they are visible.
fn send(server: &Server, view: &str, lines: &[Value]) {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answer = server.try_post(body.as_bytes(), Some(&operator())).unwrap().json();
    assert_eq!(answer["accepted"], lines.len(), "{answer}");
    server.get(&format!("/v1/views/{view}?wait=30000&after={}", answer["position"].as_str().unwrap()), None).rows();
}

fn ids(server: &Server, view: &str, column: &str) -> Vec<u64> {
    let rows = server.pages(&format!("/v1/views/{view}?select={column}"), 1_000, None);
    rows.iter().map(|row| row[column].as_u64().unwrap()).collect()
}

#[test]
fn fault_47_one_event_that_asks_for_300_gb_is_an_error_of_its_row_alone() {
    let data = tempfile::tempdir().unwrap();
    let topology = directory(&format!(
        "{NOTES}CREATE MATERIALIZED VIEW lines AS SELECT note_id, lpad(text, indent) AS line FROM notes;
         CREATE INDEX ON lines (note_id);
         GRANT SELECT ON lines TO PUBLIC;"
    ));
    // Where there are 300 GB of address space, an allocation of that size does not fail, and nothing would be shown.
    let limited = ["prlimit", "--as=16000000000"];
    let launch =
        Launch { data: data.path(), topologies: topology.path().to_str().unwrap(), under: &limited, ..Launch::default() };
    let mut server = Server::run_ready(&launch);
    let note = |note: u64, indent: u64| {
        let mut line = posted(note, note, 1, "a");
        line["event"]["payload"]["video_id"] = indent.to_string().into();
        line
    };
    send(&server, "notes", &[note(1, 3), note(2, 300_000_000_000), note(3, 4), note(4, 9_223_372_036_854_775_807)]);
    let seen = |server: &Server| {
        let letters = server.get("/v1/dead-letters", Some(&operator())).json();
        (ids(server, "notes", "note_id"), ids(server, "lines", "note_id"), letters["row_errors"].clone())
    };
    let before = seen(&server);
    assert_eq!((&before.0, &before.1), (&vec![1, 2, 3, 4], &vec![1, 3]), "{}", before.2);
    let details: Vec<&str> = before.2.as_array().unwrap().iter().map(|error| error["detail"].as_str().unwrap()).collect();
    assert!(details.len() == 2 && details.iter().all(|detail| detail.contains("a value has at most 1048576")), "{details:?}");
    server.process.kill();
    assert_eq!(seen(&Server::run_ready(&launch)), before);
}

#[test]
fn fault_52_an_event_that_makes_millions_of_rows_is_a_dead_letter_and_the_process_stays_up() {
    let data = tempfile::tempdir().unwrap();
    let topology = directory(&format!(
        "{NOTES}CREATE VIEW members AS SELECT note_id, unnest(string_to_array(text, ' ')) AS member FROM notes;
         CREATE MATERIALIZED VIEW pairs AS SELECT a.note_id, a.member AS one, b.member AS other FROM members a JOIN members b ON a.note_id = b.note_id;
         CREATE INDEX ON pairs (note_id);
         GRANT SELECT ON pairs TO PUBLIC;"
    ));
    let topologies = topology.path().to_str().unwrap();
    let options = ["--event-rows-max", "1000000"];
    let launch = Launch { data: data.path(), topologies, more: &options, ..Launch::default() };
    let mut server = Server::run_ready(&launch);
    let group = |note: u64, members: usize| {
        let text: Vec<String> = (0..members).map(|member| format!("m{member}")).collect();
        posted(note, note, 1, &text.join(" "))
    };
    send(&server, "notes", &[group(1, 3)]);
    // 23 kB, of which 16 million rows would be made.
    send(&server, "notes", &[group(2, 4), group(3, 4_000), group(4, 5)]);
    send(&server, "notes", &[group(5, 2)]);
    assert!(server.process.ended().is_none());
    let seen = |server: &Server| (ids(server, "notes", "note_id"), ids(server, "pairs", "note_id").len());
    assert_eq!(seen(&server), (vec![1, 2, 4, 5], 9 + 16 + 25 + 4));
    let letters = server.get("/v1/dead-letters", Some(&operator())).json();
    let letter = &letters["dead_letters"][0];
    assert_eq!((&letters["dead_letters_total"], &letter["reason"]), (&1.into(), &"over_budget".into()), "{letters}");
    let detail = letter["detail"].as_str().unwrap();
    assert!(detail.contains("'pairs'") && detail.contains("1000000 rows"), "{detail}");
    server.process.kill();
    assert_eq!(seen(&Server::run_ready(&launch)), (vec![1, 2, 4, 5], 9 + 16 + 25 + 4));
}
