//! Cursors and ids of events that are changed, copied to another view, reader or server, or taken apart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::lines::{followed, posted, registered};
use crate::process::{Client, Server, tidewater, token};

const FEED: &str = "/v1/views/following_feed?select=post_id&limit=2";

/// A small world: users 1 and 2 follow user 3, whose posts say something that nobody selects.
fn fill(client: &Client) {
    let mut lines = vec![registered(1, 1), registered(2, 2), registered(3, 3), followed(4, 1, 3), followed(5, 2, 3)];
    lines.extend((0..9).map(|number| posted(10 + number, 100 + number, 3, "never selected")));
    client.ingest(&lines.iter().map(ToString::to_string).collect::<Vec<_>>());
}

fn next(client: &Client, path: &str, token: Option<&str>) -> String {
    client.get(path, token).json()["next"].as_str().expect("a further page").to_owned()
}

/// Type and status of the answer to a page with a cursor.
fn asked(client: &Client, path: &str, cursor: &str, token: Option<&str>) -> (u16, String) {
    let answer = client.get(&format!("{path}&cursor={cursor}"), token);
    let kind = if answer.status == 200 { String::new() } else { answer.json()["type"].as_str().unwrap_or_default().to_owned() };
    (answer.status, kind.trim_start_matches("urn:tidewater:problem:").to_owned())
}

#[test]
fn a_cursor_is_good_for_its_query_reader_and_server_and_for_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::run(data.path(), &[]);
    fill(&server);
    let (own, other) = (token(1, ""), token(2, ""));
    let cursor = next(&server, FEED, Some(&own));
    let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
    let bad = || (400, "bad_cursor".to_owned());
    let outdated = || (409, "outdated_cursor".to_owned());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let found = asked(&server, FEED, &URL_SAFE_NO_PAD.encode(&changed), Some(&own));
        assert!(found == bad() || (at < 5 && found == outdated()), "byte {at}: {found:?}");
    }
    for cut in [0, 1, 28, 29, bytes.len() - 1] {
        assert_eq!(asked(&server, FEED, &URL_SAFE_NO_PAD.encode(&bytes[..cut]), Some(&own)), bad(), "{cut} bytes");
    }
    assert_eq!(asked(&server, FEED, &cursor, Some(&other)), bad(), "another reader");
    assert_eq!(asked(&server, FEED, &cursor, None).0, 401);
    assert_eq!(asked(&server, "/v1/views/posts?limit=2", &cursor, Some(&own)), bad(), "another view");
    assert_eq!(asked(&server, &format!("{FEED}&order=created_at.asc,post_id.asc"), &cursor, Some(&own)), bad(), "another query");
    for part in [b"never selected".as_slice(), b"never", &103_i64.to_be_bytes()] {
        assert!(!bytes.windows(part.len()).any(|window| window == part), "a value is in the cursor");
    }

    // Another server has another key; the same one has its key after a restart too.
    let elsewhere = tempfile::tempdir().unwrap();
    let second = Server::run(elsewhere.path(), &[]);
    fill(&second);
    assert_eq!(asked(&second, FEED, &cursor, Some(&own)), outdated());
    let expected = server.get(&format!("{FEED}&cursor={cursor}"), Some(&own)).rows();
    assert!(server.process.terminate().success());
    let key = data.path().join("cursor-key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let restarted = Server::run(data.path(), &[]);
    assert_eq!(restarted.get(&format!("{FEED}&cursor={cursor}"), Some(&own)).rows(), expected);
}

#[test]
fn a_backup_has_no_key_and_a_restored_server_knows_no_earlier_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| folder.path().join(name));
    let mut server = Server::run(&data, &[]);
    fill(&server);
    let own = token(1, "");
    let cursor = next(&server, FEED, Some(&own));
    assert!(server.process.terminate().success());
    let run = |arguments: &[&str]| assert!(tidewater(arguments).output().unwrap().status.success(), "{arguments:?}");
    let [data, backup, restored] = [&data, &backup, &restored].map(|path| path.to_str().unwrap());
    run(&["backup", "--data", data, "--to", backup]);
    assert!(!fs::exists(format!("{backup}/cursor-key")).unwrap() && fs::exists(format!("{data}/cursor-key")).unwrap());
    assert!(!fs::read_to_string(format!("{backup}/backup.json")).unwrap().contains("cursor-key"));
    run(&["restore", "--from", backup, "--data", restored]);
    let server = Server::run(restored.as_ref(), &[]);
    assert_eq!(asked(&server, FEED, &cursor, Some(&own)), (409, "outdated_cursor".to_owned()));
    assert_eq!(server.get(FEED, Some(&own)).rows().len(), 2);
}

#[test]
fn an_id_of_an_event_that_was_not_given_out_begins_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    fill(&server);
    let own = format!("Bearer {}", token(1, ""));
    let uri = "/v1/views/following_feed";
    let first_event = |id: Option<&str>| {
        let mut headers = vec![("authorization", own.clone()), ("accept", "text/event-stream".to_owned())];
        headers.extend(id.map(|id| ("last-event-id", id.to_owned())));
        let mut text = String::new();
        let mut stream = std::io::BufReader::new(server.stream(uri, &headers));
        while !text.contains("\n\n") || (id.is_none() && !text.contains("event: progress")) {
            assert!(std::io::BufRead::read_line(&mut stream, &mut text).unwrap() > 0, "the stream ended: {text}");
        }
        while id.is_none() && !text.ends_with("\n\n") {
            std::io::BufRead::read_line(&mut stream, &mut text).unwrap();
        }
        text
    };
    let whole = first_event(None);
    let id = whole.rsplit("id: ").next().unwrap().lines().next().unwrap().to_owned();
    let (prefix, seal) = id.rsplit_once(':').unwrap();
    let changed: String = seal.chars().rev().collect();
    for forged in [format!("{prefix}:{changed}"), format!("{prefix}:0"), id.replace(":p:", ":7:"), id.replace(":p:", ":s:")] {
        let begun = first_event(Some(&forged));
        assert!(begun.contains(&json!("unknown_id").to_string()), "{forged}: {begun}");
    }
}
