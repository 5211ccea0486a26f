//! Tickets that are stolen, guessed, used twice or in other places, and origins that would let everybody in.

use std::io::{BufRead as _, BufReader};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::lines::{followed, posted, registered};
use crate::process::{Client, SECRET, Server, operator, tidewater, token};

const FEED: &str = "/v1/views/following_feed";
const STREAM: &str = "/v1/views/following_feed/subscribe?limit=5";

fn ticket(client: &Client, token: &str, body: &Value) -> String {
    let answer = client.post_json("/v1/tickets", body, Some(token));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

/// The status of a request, and the kind of its problem.
fn refused(client: &Client, path: &str) -> (u16, String) {
    let answer = client.get(path, None);
    assert_ne!(answer.status, 200, "{path}: {}", answer.text);
    let kind = answer.json()["type"].as_str().unwrap().trim_start_matches("urn:tidewater:problem:").to_owned();
    (answer.status, kind)
}

/// Returns true if a stream begins with this row.
fn shows(client: &Client, path: &str, row: &str) -> bool {
    let lines = BufReader::new(client.stream(path, &[])).lines().map_while(Result::ok);
    lines.take_while(|line| line != "event: progress").any(|line| line.contains(row))
}

#[test]
fn a_ticket_opens_one_stream_and_is_good_for_nothing_else_and_in_no_log() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut server = Server::run(data.path(), &["--log", "info,tidewater=trace,api=trace"]);
    let events = [registered(1, 7), registered(2, 8), followed(3, 7, 8), posted(4, 40, 8, "news")];
    server.ingest(&events.map(|line| line.to_string()));
    let bad_ticket = (401, "bad_ticket".to_owned());
    let (mine, bound) = (token(7, ""), json!({ "view": "following_feed" }));

    let used = ticket(&server, &mine, &bound);
    assert!(shows(&server, &format!("{STREAM}&ticket={used}"), "\"post_id\":40"));
    assert_eq!(refused(&server, &format!("{STREAM}&ticket={used}")), bad_ticket, "used twice");
    let mut guess = ticket(&server, &mine, &json!({}));
    let last = guess.pop();
    guess.push(if last == Some('A') { 'E' } else { 'A' });
    assert_eq!(refused(&server, &format!("{STREAM}&ticket={guess}")), bad_ticket, "guessed");
    assert_eq!(refused(&server, &format!("/v1/views/posts/subscribe?ticket={}", ticket(&server, &mine, &bound))), bad_ticket);

    // Nobody makes a ticket of a token that has expired, of a ticket, or of nothing.
    let expired = json!({ "sub": "7", "exp": 1 });
    let expired = jsonwebtoken::encode(&Header::default(), &expired, &EncodingKey::from_secret(SECRET)).unwrap();
    let spare = ticket(&server, &operator(), &json!({}));
    for (path, token) in
        [("/v1/tickets", Some(expired.as_str())), ("/v1/tickets", None), (&format!("/v1/tickets?ticket={spare}"), None)]
    {
        assert_eq!(server.post_json(path, &json!({}), token).status, 401, "{path}");
    }
    // An operator's ticket is no operator's token.
    for path in ["/v1/status", "/v1/dead-letters", "/v1/deployments", FEED, "/v1/views/posts/why"] {
        assert_eq!(refused(&server, &format!("{path}?ticket={spare}")), (401, "token_needed".to_owned()), "{path}");
    }
    let events = server.post_json(&format!("/v1/events?ticket={spare}"), &posted(9, 90, 8, "forged"), None);
    assert_eq!(events.status, 401, "{}", events.text);
    // It is known where it was given out, and as the caller that it was given to.
    let stranger = Server::run(other.path(), &[]);
    assert_eq!(refused(&stranger, &format!("{STREAM}&ticket={spare}")), bad_ticket, "another server");
    assert!(!shows(&server, &format!("{STREAM}&ticket={spare}"), "\"post_id\":40"), "user 1 follows nobody");

    server.process.terminate();
    let log = server.process.complaint();
    let signature = mine.rsplit_once('.').unwrap().1;
    assert!([used.as_str(), &guess, &spare, signature].iter().all(|secret| !log.contains(*secret)), "{log}");
}

#[test]
fn a_server_without_keys_is_not_opened_to_the_pages_of_every_site() {
    let data = tempfile::tempdir().unwrap();
    let start = |origin: &str| {
        let data = data.path().to_str().unwrap();
        let arguments = ["run", "--topologies", "topologies/social", "--listen", "127.0.0.1:0", "--data", data];
        let output = tidewater(&arguments).args(["--cors-origin", origin]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = start("*");
    assert!(code == Some(2) && said.contains("refusing --cors-origin '*' without a key"), "{code:?}: {said}");
    for text in ["null", "https://app.example/", "https://*.example", "app.example"] {
        let (code, said) = start(text);
        assert!(code == Some(2) && said.contains("is not an origin"), "{text}: {code:?}: {said}");
    }
}
