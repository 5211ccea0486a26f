//! Clients that ask for more than their part, at a server on a socket.

use serde_json::json;

use crate::lines::{posted, registered};
use crate::process::{Server, operator, shell, token};

#[test]
fn a_client_that_asks_too_often_waits_and_others_do_not() {
    let data = tempfile::tempdir().unwrap();
    let options = ["--client-requests-per-hour", "20", "--view-limit", "profiles=1/h"];
    let server = Server::run(data.path(), &options);
    let posts = "/v1/views/posts?limit=1";
    let reader = token(7, "");
    let refused = (0..30).map(|_| server.get(posts, Some(&reader))).find(|answer| answer.status != 200).expect("a limit");
    assert_eq!(
        (refused.status, &refused.json()["type"]),
        (429, &json!("urn:tidewater:problem:too_many_requests")),
        "{}",
        refused.text
    );
    assert!(refused.retry_after.is_some_and(|seconds| seconds > 60), "{refused:?}");
    let other = token(8, "");
    assert_eq!(server.get(posts, Some(&other)).status, 200);
    assert_eq!(server.get("/v1/views/profiles", Some(&other)).status, 200);
    assert_eq!(server.get("/v1/views/profiles", Some(&other)).json()["field"], "view");
    assert_eq!(server.get("/healthz", None).status, 200);
}

#[test]
fn a_command_that_sends_events_waits_when_it_is_told_to() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &["--client-requests-per-second", "1"]);
    let (token_file, events) = (data.path().join("token"), data.path().join("events.jsonl"));
    std::fs::write(&token_file, operator()).unwrap();
    let lines: String = (1..4).map(|number| format!("{}\n", registered(number, number))).collect();
    std::fs::write(&events, lines).unwrap();
    let (url, token_file, events) = (server.url(""), token_file.to_str().unwrap(), events.to_str().unwrap());
    // The command shares what its subject has used up.
    let is_refused = || server.get("/v1/topics", Some(&operator())).status == 429;
    assert!((0..1_000).any(|_| is_refused()), "no limit");
    let ingest = format!("ingest {events} --server {url} --token-file {token_file} --format json");
    let sent = shell(&format!("{} {ingest}", env!("CARGO_BIN_EXE_tidewater")));
    let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(sent["accepted"], 3, "{sent}");
}

#[test]
fn events_come_compressed_and_bombs_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let (plain, bomb) = (data.path().join("events.jsonl"), data.path().join("bomb"));
    std::fs::write(&plain, format!("{}\n", posted(1, 1, 1, "compressed"))).unwrap();
    std::fs::write(&bomb, vec![b'x'; 64 << 20]).unwrap();
    let (plain, bomb, url, token) = (plain.to_str().unwrap(), bomb.to_str().unwrap(), server.url("/v1/events"), operator());
    let post = |file: &str, encoding: &str, command: &str| {
        shell(&format!(
            "{command} -c {file} | curl -sS -o /dev/null -w '%{{http_code}}' --data-binary @- -H 'Content-Type: application/x-ndjson' \
             -H 'Content-Encoding: {encoding}' -H 'Authorization: Bearer {token}' {url}"
        ))
    };
    assert_eq!(post(plain, "gzip", "gzip"), "200");
    assert_eq!(post(bomb, "gzip", "gzip"), "413");
    assert_eq!(post(plain, "br", "gzip"), "415");
    assert_eq!(post(plain, "gzip, gzip", "gzip"), "415");
    assert_eq!(post(plain, "zstd", "gzip"), "400", "it is not what it says");
}
