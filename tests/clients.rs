//! Clients of others against a server: PostgREST's in JavaScript and in Python read the social views.

use std::process::Command;

use serde_json::{Value, json};
use testkit::packages::{node_modules, python, scripts};

use crate::lines::{event, followed, registered};
use crate::process::{Server, token};

/// Calls of each script, at least: one that stops in between and says nothing fails.
const CALLS_MIN: usize = 50;

/// A post with what the scripts ask for.
fn post(number: u64, author: u64, text: &str, hashtags: &[&str], mentions: &[&str], reply_to: Option<&str>) -> Value {
    let payload = json!({
        "author_id": author.to_string(), "text": text, "hashtags": hashtags, "mentions": mentions, "media_ids": [],
        "video_id": null, "visibility": "public", "reply_to": reply_to,
    });
    event(100 + number, "social.post", "post.created", number, payload)
}

/// Five posts of three users, of whom user 7 follows the first.
fn social() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(folder.path(), &[]);
    let mut lines: Vec<Value> = [1, 2, 3, 7].into_iter().map(|user| registered(user, user)).collect();
    lines.push(followed(50, 7, 1));
    lines.extend([
        post(1, 1, "Hello World", &["a", "b"], &["2"], None),
        post(2, 1, "hello again", &[], &[], Some("1")),
        post(3, 2, r#"{"kind":"note","size":3,"tags":["x","y"]}"#, &["b"], &["2", "3"], None),
        post(4, 2, "100% sure, really", &["c"], &[], None),
        post(5, 3, "last", &["a"], &[], None),
    ]);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let position = server.ingest(&lines);
    assert_eq!(server.get(&format!("/v1/views/posts?after={position}&wait=30000"), None).rows().len(), 5);
    (folder, server)
}

/// Runs a script, which compares what it gets with what it expects and prints the number of its calls.
fn run(command: &mut Command, script: &str, server: &Server) {
    let output = command.arg(scripts().join(script)).args([server.url(""), token(7, "")]).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{printed}{complaint}", output.status);
    let calls = printed.trim().strip_suffix(" calls").and_then(|calls| calls.parse().ok());
    assert!(calls.is_some_and(|calls: usize| calls >= CALLS_MIN), "{script} ended early: {printed}{complaint}");
}

#[test]
fn the_client_of_postgrest_for_javascript_reads_views() {
    let (_folder, server) = social();
    run(Command::new("node").env("CLIENT_MODULES", node_modules()), "postgrest.mjs", &server);
}

#[test]
fn the_client_of_postgrest_for_python_reads_views() {
    let (_folder, server) = social();
    run(&mut Command::new(python()), "postgrest_client.py", &server);
}
