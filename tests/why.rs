//! Provenance of a row, asked of the program itself: over HTTP and on the command line, after a restart too.

use serde_json::{Value, json};

use crate::lines::{followed, posted, registered, world};
use crate::process::{Server, operator, tidewater, token};

/// The event ids of a row's events, in the order of their places.
fn ids(answer: &Value) -> Vec<&str> {
    let events = answer["rows"][0]["events"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let mut ids: Vec<&str> = events.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn id(event: &Value) -> &str {
    event["event"]["event_id"].as_str().unwrap()
}

#[test]
fn an_operator_learns_which_events_made_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::run(&data, &[]);
    let mut lines = world(3, 20, 60);
    let (author, reader, follow, post) = (
        registered(900_001, 9_001),
        registered(900_002, 9_002),
        followed(900_003, 9_002, 9_001),
        posted(900_004, 77_001, 9_001, "tide"),
    );
    lines.extend([&author, &reader, &follow, &post].map(Value::to_string));
    let after = server.ingest(&lines);
    // A token of a user who is an operator too: the feed is his own.
    let both = token(9_002, "operator");
    let path = format!("/v1/views/following_feed/why?user_id=eq.9002&post_id=eq.77001&after={after}&wait=30000");
    let answer = server.get(&path, Some(&both)).json();
    assert_eq!((&answer["complete"], &answer["reason"]), (&json!(true), &Value::Null), "{answer}");
    let mut expected = vec![id(&follow), id(&post)];
    expected.sort_unstable();
    assert_eq!(ids(&answer), expected, "{answer}");
    let named = answer["rows"][0]["events"].as_array().unwrap().iter().find(|event| event["event_id"] == id(&post)).unwrap();
    assert_eq!((&named["event"], &named["topic"]), (&post["event"], &json!("social.post")), "the event is told as it was sent");
    assert_eq!(server.get(&path, None).status, 401);
    assert_eq!(server.get(&path, Some(&token(9_002, ""))).status, 403);
    assert_eq!(server.get("/v1/views/nothing/why?a=eq.1", Some(&operator())).status, 404);
    assert_eq!(server.get("/v1/views/post_cards/why", Some(&operator())).status, 400);

    // The log is all that is needed: another process answers the same.
    drop(server);
    let server = Server::run_ready(&crate::process::Launch { data: &data, ..Default::default() });
    let again = server.get(&path.replace(&format!("&after={after}&wait=30000"), ""), Some(&both)).json();
    assert_eq!(again["rows"], answer["rows"]);

    let file = folder.path().join("token");
    std::fs::write(&file, operator()).unwrap();
    let ask = |arguments: &[&str]| {
        let url = server.url("");
        let mut all = vec!["why"];
        all.extend(arguments);
        all.extend(["--server", &url, "--token-file", file.to_str().unwrap()]);
        let output = tidewater(&all).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, printed, complaint) = ask(&["post_cards", "post_id=77001", "--format", "json"]);
    assert_eq!(code, Some(0), "{complaint}");
    let card: Value = serde_json::from_str(&printed).unwrap();
    assert!(ids(&card).contains(&id(&post)) && card["complete"] == true, "{card}");
    let (_, printed, _) = ask(&["post_cards", "post_id=77001"]);
    assert!(
        printed.contains("post.created") && printed.contains(id(&post)) && printed.contains("records of the log were read"),
        "{printed}"
    );
    let (_, printed, _) = ask(&["post_cards", "post_id=1234567"]);
    assert!(printed.starts_with("there is no such row"), "{printed}");
    let (code, _, complaint) = ask(&["post_crads", "post_id=1"]);
    assert!(code != Some(0) && complaint.contains("did you mean 'post_cards'?"), "{complaint}");
}
