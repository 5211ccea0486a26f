//! Commands against a running server: following a topic or a view, sending a file that is not sent to its end, correcting dead letters.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::lines::{posted, registered};
use crate::operate::{Outcome, ask, run};
use crate::process::{Launch, Server, eventually, operator, tidewater};

const POSTS: &str = "\
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE posts (post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.author_id);
CREATE INDEX ON posts (post_id);
GRANT SELECT ON posts TO PUBLIC;
CREATE MATERIALIZED VIEW shares AS SELECT post_id, 100 / (author_id - 5) AS share FROM posts;
CREATE INDEX ON shares (post_id);
GRANT SELECT ON shares TO PUBLIC;
CREATE SINK posts_out FROM posts WITH (connector = 'log', topic = 'derived.posts', key = 'post_id') FORMAT UPSERT ENCODE JSON;
";

fn topology() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("posts.sql"), POSTS).unwrap();
    testkit::social::copy_proto_files(directory.path());
    directory
}

/// A server of [`POSTS`] with four posts, of authors 4 to 7.
fn with_posts(data: &Path, topologies: &Path) -> Server {
    let server = Server::run_ready(&Launch { data, topologies: topologies.to_str().unwrap(), ..Launch::default() });
    server.ingest(&(4..8).map(|post| posted(post, post, post, "a").to_string()).collect::<Vec<_>>());
    server
}

/// The lines of a command's output, each as JSON.
fn lines(outcome: &Outcome) -> Vec<Value> {
    assert_eq!(outcome.code, Some(0), "{}", outcome.complaint);
    outcome.printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events(outcome: &Outcome) -> Vec<String> {
    lines(outcome).iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tap_ends_behind_the_rows_of_a_view_and_at_the_end_of_a_topic_and_begins_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let topology = topology();
    let server = with_posts(&folder.path().join("data"), topology.path());
    let tap = |arguments: &[&str]| ask(&server, folder.path(), &[&["tap"], arguments].concat());
    let rows = ["upsert"; 4].join(" ");
    assert_eq!(events(&tap(&["posts", "--no-follow"])).join(" "), format!("reset {rows} progress"));
    assert_eq!(events(&tap(&["posts", "--no-follow", "--from", "latest"])), ["progress"]);
    assert_eq!(events(&tap(&["posts", "--no-follow", "--limit", "2"])), ["reset", "upsert", "upsert"]);
    let offset = tap(&["posts", "--from", "3"]);
    assert_eq!((offset.code, offset.printed.as_str()), (Some(2), ""), "{}", offset.complaint);
    assert!(offset.complaint.contains("'--from 3' is an offset of a topic, and 'posts' is a view"), "{}", offset.complaint);
    assert_eq!(tap(&["nothing", "--from", "3"]).code, Some(4));
    let keys = |arguments: &[&str]| {
        let all = lines(&tap(&[&["derived.posts", "--no-follow"], arguments].concat()));
        let upserts = all.into_iter().filter(|record| record["value"]["headers"]["op"] == "upsert");
        upserts.map(|record| record["offset"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let all = eventually("the topic", || Some(keys(&[])).filter(|keys| keys.len() == 4));
    assert_eq!(keys(&["--from", &all[2].to_string()]), all[2..]);
    assert_eq!(tap(&["derived.posts", "--no-follow", "--from", "latest"]).printed, "");
    let anonymous = run(&["tap", "derived.nothing", "--no-follow", "--server", &server.url("")]);
    assert!(anonymous.complaint.contains("--token-file"), "a token may open a topic: {}", anonymous.complaint);
}

/// `ingest` of what is written to its standard input.
fn ingest(server: &Server, folder: &Path) -> Child {
    let token = folder.join("token");
    std::fs::write(&token, operator()).unwrap();
    let url = server.url("");
    let arguments = ["ingest", "-", "--server", &url, "--token-file", token.to_str().unwrap(), "--format", "json"];
    tidewater(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Lines that are sent at once.
const BATCH: u64 = 2_000;

/// Writes as many lines as are sent at once, behind so many batches, and waits until the server has them.
fn send_a_batch(child: &mut Child, server: &Server, before: u64) {
    let numbers = before * BATCH + 1..=(before + 1) * BATCH;
    let body: String = numbers.map(|number| format!("{}\n", registered(number, number))).collect();
    child.stdin.as_mut().unwrap().write_all(body.as_bytes()).unwrap();
    eventually("the batch", || (server.users().len() as u64 == (before + 1) * BATCH).then_some(()));
}

fn summary(child: Child) -> (Option<i32>, Value, String) {
    let output = child.wait_with_output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), printed, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn ingest_that_is_stopped_says_what_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(&folder.path().join("data"), &[]);
    let mut child = ingest(&server, folder.path());
    send_a_batch(&mut child, &server, 0);
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    // It ends by the signal, and not because nothing more can come.
    eventually("the end", || child.try_wait().unwrap());
    let (code, printed, complaint) = summary(child);
    assert_eq!((code, &printed["accepted"], &printed["complete"]), (Some(130), &json!(2_000), &json!(false)), "{complaint}");
    assert!(printed["position"].as_str().is_some_and(|position| position.contains("social.user")), "{printed}");
    assert!(complaint.contains("stopped before the end"), "{complaint}");
}

#[test]
fn ingest_whose_server_goes_away_says_what_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::run(&folder.path().join("data"), &[]);
    let mut child = ingest(&server, folder.path());
    send_a_batch(&mut child, &server, 0);
    // The answer to the first batch was read before the second was sent; that to the second may have gone down with the server.
    send_a_batch(&mut child, &server, 1);
    server.process.kill();
    child.stdin.as_mut().unwrap().write_all(b"{}\n").unwrap();
    drop(child.stdin.take());
    let (code, printed, complaint) = summary(child);
    assert_eq!((code, &printed["complete"]), (Some(4), &json!(false)), "{complaint}");
    assert!([BATCH, 2 * BATCH].map(Value::from).contains(&printed["accepted"]), "{printed}");
    assert!(complaint.contains("is the server running"), "{complaint}");
}

/// Ids, reasons and times of arrival of the letters that are listed, and how many were sent again and discarded.
fn letters(server: &Server, folder: &Path, conditions: &[&str]) -> (Vec<(u64, String, String)>, [u64; 3]) {
    let list = ask(server, folder, &[&["dead-letters", "list"], conditions].concat()).json();
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let of = |letter: &Value| (letter["id"].as_u64().unwrap(), text(&letter["reason"]), text(&letter["arrived"]));
    let counts = ["total", "retried", "discarded"].map(|name| list[format!("dead_letters_{name}")].as_u64().unwrap());
    (list["dead_letters"].as_array().unwrap().iter().map(of).collect(), counts)
}

#[test]
fn letters_are_corrected_and_discarded_and_stay_so_after_every_restart_and_when_all_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::run(&data, &["--checkpoint-interval", "100ms"]);
    let mut wrong = registered(3, 9);
    wrong["event"]["payload"]["username"] = Value::Null;
    let body = format!("not JSON\n[]\n{wrong}\nnor this\n{{\"topic\":\"social.nothing\",\"event\":{{}}}}\n");
    let answer = server.try_post(body.as_bytes(), Some(&operator())).unwrap().json();
    assert_eq!(answer["rejected"], 5, "{answer}");
    let ids = |server: &Server, conditions: &[&str]| {
        letters(server, folder.path(), conditions).0.into_iter().map(|(id, ..)| id).collect::<Vec<_>>()
    };
    eventually("five letters", || (ids(&server, &[]).len() == 5).then_some(()));
    let (all, _) = letters(&server, folder.path(), &[]);
    assert_eq!(ids(&server, &["--reason", "not_json"]), [1, 4]);
    assert_eq!(ids(&server, &["--topic", "social.nothing"]), [5]);
    assert_eq!(ids(&server, &["--since", &all[2].2]), [3, 4, 5], "{all:?}");
    assert_eq!(ids(&server, &["--until", &all[2].2]), [1, 2]);

    let corrected = folder.path().join("corrected.json");
    std::fs::write(&corrected, serde_json::to_string_pretty(&registered(3, 9)).unwrap()).unwrap();
    let with =
        |id: &str, file: &Path| ask(&server, folder.path(), &["dead-letters", "retry", id, "--with", file.to_str().unwrap()]);
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    assert_eq!(with("3", &folder.path().join("empty")).code, Some(1));
    std::fs::write(folder.path().join("worse"), "[]").unwrap();
    let worse = with("3", &folder.path().join("worse"));
    assert_eq!((worse.code, &worse.json()["results"][0]["reason"]), (Some(5), &json!("not_an_object")));
    assert_eq!(ask(&server, folder.path(), &["dead-letters", "retry", "1", "3", "--with", "x"]).code, Some(2));
    let taken = with("3", &corrected);
    assert_eq!((taken.code, &taken.json()["results"][0]["status"]), (Some(0), &json!("accepted")), "{}", taken.complaint);
    eventually("the user", || (server.users() == [9]).then_some(()));
    assert_eq!(ask(&server, folder.path(), &["dead-letters", "discard", "--all", "--reason", "not_json"]).code, Some(0));
    let left = (vec![all[1].clone(), all[4].clone()], [5, 1, 2]);
    eventually("the letters to leave", || (letters(&server, folder.path(), &[]) == left).then_some(()));
    let again = ask(&server, folder.path(), &["dead-letters", "discard", "4"]);
    assert!(again.code == Some(5) && again.printed.contains("discarded before"), "{}", again.printed);

    // What was bound is computed again; the state is restored; and at last everything is read from the log.
    server.process.kill();
    let mut server = Server::run(&data, &[]);
    assert_eq!(letters(&server, folder.path(), &[]), left);
    assert!(server.process.terminate().success());
    let mut server = Server::run(&data, &[]);
    assert_eq!(letters(&server, folder.path(), &[]), left);
    server.process.kill();
    std::fs::remove_dir_all(data.join("checkpoints")).unwrap();
    let server = Server::run(&data, &[]);
    assert_eq!((letters(&server, folder.path(), &[]), server.users()), (left, vec![9]));
}

#[test]
fn rows_on_which_an_expression_fails_are_listed_with_relation_expression_and_row() {
    let folder = tempfile::tempdir().unwrap();
    let topology = topology();
    let server = with_posts(&folder.path().join("data"), topology.path());
    let list = ask(&server, folder.path(), &["dead-letters", "row-errors"]).json();
    let error = &list["row_errors"][0];
    assert_eq!(
        (&list["row_errors_total"], &error["relation"], &error["count"]),
        (&json!(1), &json!("shares"), &json!(1)),
        "{list}"
    );
    let part = |name: &str| error[name].as_str().unwrap().to_owned();
    assert!(part("expression").contains("author_id") && part("detail").contains("division by zero"), "{error}");
    assert!(part("row").contains('5'), "{error}");
    let token = folder.path().join("token");
    let text = run(&["dead-letters", "row-errors", "--server", &server.url(""), "--token-file", token.to_str().unwrap()]);
    assert!(
        text.printed.starts_with("shares: ") && text.printed.ends_with("1 rows with an error of an expression\n"),
        "{}",
        text.printed
    );
}
