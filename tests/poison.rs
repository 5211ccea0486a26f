//! Lines that are no events: quarantined with their place, reason and bytes, while everything else flows on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::answers::{Answers, assert_files, assert_same, parse_rows};
use crate::lines::{event, followed, posted, registered, world};
use crate::oracle::Oracle;
use crate::oracle::expected::{data_folder, read_text};
use crate::oracle::views::PLAIN_VIEWS;
use crate::process::{Server, eventually, operator};

/// The most bytes of a line that a dead letter keeps.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Clocks of the events: what is late or early is so by their time.
const EVENT_CLOCK: [&str; 2] = ["--clock", "event"];

/// The reasons of the 25 dead letters, in order.
const REASONS: [&str; 25] = [
    "not_json",
    "not_json",
    "not_an_object",
    "missing_field",
    "unknown_event_type",
    "wrong_type",
    "wrong_type",
    "wrong_type",
    "wrong_type",
    "null_in_required",
    "missing_field",
    "too_large",
    "too_deep",
    "invalid_utf8",
    "invalid_utf8",
    "nul_character",
    "time_in_future",
    "bad_time",
    "bad_time",
    "unknown_topic",
    "wrong_topic",
    "bad_id",
    "bad_id",
    "key_mismatch",
    "unknown_schema_version",
];

/// A post with one part replaced, by its path as JSON pointers know it.
fn post_but(number: u64, path: &str, value: Value) -> Vec<u8> {
    let mut line = posted(number, 900_000 + number, 1, "a post");
    *line.pointer_mut(path).unwrap_or_else(|| panic!("a post has no {path}")) = value;
    line.to_string().into_bytes()
}

/// A post without one part.
fn without(mut line: Value, parent: &str, field: &str) -> Vec<u8> {
    line.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(field).unwrap();
    line.to_string().into_bytes()
}

/// A post whose text is these bytes, whatever they are.
fn post_with_text(number: u64, text: &[u8]) -> Vec<u8> {
    let line = posted(number, 900_000 + number, 1, "TEXT").to_string();
    let (before, after) = line.split_once("TEXT").unwrap();
    [before.as_bytes(), text, after.as_bytes()].concat()
}

fn registered_at(number: u64, user: u64, occurred_at: &str) -> Vec<u8> {
    let mut line = registered(number, user);
    line["event"]["occurred_at"] = occurred_at.into();
    line.to_string().into_bytes()
}

/// An event of `first` again with another text: a duplicate, since the id decides.
fn repeated(first: &str) -> Vec<u8> {
    let mut line: Value = serde_json::from_str(first).unwrap();
    line["event"]["payload"]["text"] = "another text under an old event id".into();
    line.to_string().into_bytes()
}

/// 33 lines, each wrong in its own way but for those that are not; `first` is a post that was sent before.
fn poison(first: &str) -> Vec<Vec<u8>> {
    let post = |number: u64| posted(number, 900_000 + number, 1, "a post");
    let bytes = |line: Value| line.to_string().into_bytes();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let mut extra = registered(32, 902);
    extra["event"]["payload"]["favourite_colour"] = "green".into();
    vec![
        b"this is not json".to_vec(),
        bytes(post(2))[..120].to_vec(),
        Vec::new(),
        b"[1,2,3]".to_vec(),
        without(post(5), "/event", "event_id"),
        bytes(event(6, "social.post", "post.teleported", 900_006, json!({}))),
        post_but(7, "/event/schema_version", "one".into()),
        post_but(8, "/event/payload", "hello".into()),
        post_but(9, "/event/payload/text", 42.into()),
        post_but(10, "/event/payload/hashtags", "x".into()),
        post_but(11, "/event/payload/author_id", Value::Null),
        without(followed(12, 1, 2), "/event/payload", "followee_id"),
        post_with_text(13, &b"long text ".repeat(2 * 1024 * 1024 / 10)),
        post(14).to_string().replace("\"public\"", &format!("\"public\",\"extra\":{deep}")).into_bytes(),
        post_with_text(15, b"bad bytes here: \xff\xfe\xc3( end"),
        post_with_text(16, b"lone surrogate \\ud800 end"),
        post_with_text(17, b"zero \\u0000 end"),
        registered_at(18, 918, "9999-12-31T23:59:59.999999Z"),
        registered_at(19, 901, "1970-01-01T00:00:00.000000Z"),
        post_but(20, "/event/occurred_at", "yesterday".into()),
        post_but(21, "/event/occurred_at", "2024-02-30T12:00:00.000000Z".into()),
        post_but(22, "/topic", "social.nonsense".into()),
        bytes(event(
            23,
            "social.post",
            "message.sent",
            "1-2",
            json!({"message_id": "1", "sender_id": "1", "body": "", "encrypted": false}),
        )),
        bytes(followed(24, 5, 5)),
        bytes(event(25, "social.post", "post.liked", 900_025, json!({"user_id": "3"}))),
        bytes(event(26, "social.post", "post.deleted", 900_026, json!({}))),
        bytes(event(27, "social.user", "user.followed", -5, json!({"follower_id": "-5", "followee_id": "1"}))),
        bytes(event(
            28,
            "social.user",
            "user.followed",
            1,
            json!({"follower_id": "1", "followee_id": "99999999999999999999999"}),
        )),
        bytes(event(29, "social.user", "user.followed", 7, json!({"follower_id": "8", "followee_id": "9"}))),
        post_but(30, "/event/schema_version", 999.into()),
        repeated(first),
        bytes(extra),
        bytes(registered(33, 903)),
    ]
}

/// Sends the lines in one request each, or all in one; what became of them.
fn send(server: &Server, lines: &[Vec<u8>]) -> Vec<Value> {
    let body = [lines.join(&b'\n'), b"\n".to_vec()].concat();
    let answer = server.try_post(&body, Some(&operator())).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    server.get(&format!("/v1/views/posts?limit=1&wait=30000&after={}", answer["position"].as_str().unwrap()), None).rows();
    answer["results"].as_array().unwrap().clone()
}

fn count(results: &[Value], status: &str) -> usize {
    results.iter().filter(|result| result["status"] == status).count()
}

/// All dead letters, page by page, once there are as many.
fn dead_letters(server: &Server, expected: usize) -> Vec<Value> {
    eventually("dead letters", || {
        let mut letters = Vec::new();
        let mut after = String::new();
        loop {
            let page = server.get(&format!("/v1/dead-letters?limit=10{after}"), Some(&operator())).json();
            letters.extend(page["dead_letters"].as_array().unwrap().clone());
            match page["next"].as_u64() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        (letters.len() >= expected).then_some(letters)
    })
}

fn assert_letters(server: &Server, lines: &[Vec<u8>], results: &[Value]) {
    let rejected = lines.iter().zip(results).filter(|(_, result)| result["status"] == "rejected");
    let letters = dead_letters(server, REASONS.len());
    assert_eq!(letters.iter().map(|letter| letter["reason"].as_str().unwrap()).collect::<Vec<_>>(), REASONS);
    for (place, (letter, (line, result))) in letters.iter().zip(rejected).enumerate() {
        assert_eq!((&letter["topic"], &letter["partition"]), (&json!("tidewater.dead_letters"), &json!(0)), "{letter}");
        assert_eq!(letter["offset"], place, "dead letters are kept in the order of the lines");
        for part in ["reason", "field", "detail"] {
            assert_eq!(letter[part], result[part], "the sender was told something else than the operator");
        }
        assert_eq!(letter["length"], line.len());
        let kept = STANDARD.decode(letter["base64"].as_str().unwrap()).unwrap();
        assert_eq!(kept, line[..line.len().min(KEPT_BYTES_MAX)], "the bytes of {}", letter["reason"]);
    }
}

fn assert_users(server: &Server) {
    let rows = server.get("/v1/views/profiles?user_id=in.(901,902,903,918)&select=user_id,username", None).rows();
    let users: Vec<&str> = rows.iter().map(|row| row["username"].as_str().unwrap()).collect();
    assert_eq!(users, ["user901", "user902", "user903"]);
}

fn assert_no_trace(server: &Server) {
    assert_eq!(server.get("/v1/views/posts?post_id=gte.900000", None).rows(), [], "posts of poison");
    assert_eq!(server.get("/v1/dead-letters", Some(&operator())).json()["row_errors_total"], 0);
}

#[test]
fn fault_18_poison_is_quarantined_and_nothing_else_changes() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &EVENT_CLOCK);
    let world = world(11, 60, 120);
    server.ingest(&world);
    let first = world.iter().find(|line| line.contains("post.created")).unwrap();
    let lines = poison(first);
    assert_eq!(lines.len(), 33);
    let results = send(&server, &lines);
    assert_eq!(["accepted", "duplicate", "empty", "rejected"].map(|status| count(&results, status)), [6, 1, 1, 25]);
    assert_eq!(results[30]["status"], "duplicate");
    assert_letters(&server, &lines, &results);
    assert_users(&server);
    assert_no_trace(&server);
    let state = Oracle::of(world.iter().map(String::as_str)).state();
    let answers = Answers { views: &server.client };
    for (file, rows) in PLAIN_VIEWS.into_iter().filter(|(file, _)| *file != "conversations") {
        assert_same(file, parse_rows(rows(&state)), answers.rows(file, 0, 1));
    }
}

#[test]
fn dead_letters_survive_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::run(data.path(), &EVENT_CLOCK);
    let first = posted(1, 1, 1, "the first").to_string();
    server.ingest(&[&first]);
    let lines = poison(&first);
    let results = send(&server, &lines);
    server.process.kill();
    let server = Server::run(data.path(), &EVENT_CLOCK);
    assert_letters(&server, &lines, &results);
    assert_users(&server);
}

#[test]
fn the_file_of_poison_leaves_the_small_world_as_it_is() {
    let Some(folder) = data_folder() else {
        eprintln!("TIDEWATER_DATA is not set: the file of poison is not read");
        return;
    };
    let folder = folder.join("social");
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &EVENT_CLOCK);
    let small = read_text(&folder.join("small.jsonl"));
    server.ingest(&small.lines().collect::<Vec<_>>());
    let poison = std::fs::read(folder.join("poison.jsonl")).unwrap();
    let lines: Vec<Vec<u8>> =
        poison.strip_suffix(b"\n").unwrap_or(&poison).split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let results = send(&server, &lines);
    assert_letters(&server, &lines, &results);
    assert_users(&server);
    assert_no_trace(&server);
    let end = Oracle::of(small.lines()).end();
    assert_files(&server.client, &folder.join("small_expected"), end, 4, &["conversations"]);
}
