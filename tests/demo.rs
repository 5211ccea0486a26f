//! `tidewater demo` and `tidewater ingest` as a person uses them: the lines that are printed work as they stand.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::lines::{posted, registered};
use crate::process::{Process, Server, eventually, operator, shell, tidewater};

/// A demo of few people, for as long as the test needs it.
fn demo(data: &Path) -> Process {
    let data = data.to_str().unwrap();
    Process::start(&["demo", "--data", data, "--listen", "127.0.0.1:0", "--users", "100", "--rate", "50", "--seconds", "600"])
}

/// Reads up to the third line that a person copies; returns the lines.
fn read_examples(demo: &mut Process) -> (Vec<String>, Vec<String>) {
    let mut printed = Vec::new();
    let mut examples = Vec::new();
    while examples.len() < 3 {
        let Some(line) = demo.line() else { panic!("the demo ended: {} {}", printed.join("\n"), demo.complaint()) };
        if line.starts_with("  ") && line.contains("curl ") {
            examples.push(line.trim().to_owned());
        }
        printed.push(line);
    }
    (printed, examples)
}

fn rows(answer: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    answer["rows"].as_array().unwrap_or_else(|| panic!("no rows in {answer}")).clone()
}

#[test]
fn the_lines_that_the_demo_prints_work_while_events_keep_coming() {
    let folder = tempfile::tempdir().unwrap();
    // What a shell reads differently must be quoted.
    let data = folder.path().join("my demo's data");
    let mut process = demo(&data);
    let (printed, examples) = read_examples(&mut process);
    let feed = rows(&shell(&examples[0]));
    assert_eq!(feed.len(), 5, "{feed:?}");
    assert!(feed.iter().all(|row| row["user_id"] == 42), "{feed:?}");
    assert_eq!(rows(&shell(&examples[1])).len(), 5);
    let written = rows(&shell(&examples[2]));
    assert_eq!(written.len(), 1, "the post that was written is not there");
    assert_eq!(written[0]["text"], "hello from curl");

    let secret = std::fs::read_to_string(data.join("secret")).unwrap();
    let header = std::fs::read_to_string(data.join("authorization")).unwrap();
    let token = header.trim().rsplit(' ').next().unwrap();
    let page = printed.join("\n");
    assert!(!page.contains(secret.trim()) && !page.contains(token), "the demo shows its secret: {page}");

    let metrics = format!("curl -sS http://{}/metrics", address(&examples[1]));
    let events = || -> f64 {
        let text = shell(&metrics);
        let line = text.lines().find_map(|line| line.strip_prefix("tidewater_events_ingested_total ")).unwrap();
        line.parse().unwrap()
    };
    let before = events();
    eventually("more events", || (events() > before).then_some(()));
    assert_eq!(process.terminate().code(), Some(0));
    let (printed, _) = read_examples(&mut demo(&data));
    assert!(printed.iter().any(|line| line.contains("going on with the")), "{printed:?}");
}

#[test]
fn the_lines_that_the_demo_of_each_other_domain_prints_work() {
    for domain in ["commerce", "tasks", "agents"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let arguments = ["demo", domain, "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0", "--seconds", "600"];
        let mut process = Process::start(&arguments);
        let (printed, examples) = read_examples(&mut process);
        assert!(!printed.iter().any(|line| line.contains("/social")), "the social client is not for {domain}");
        for example in &examples[..2] {
            assert!(!rows(&shell(example)).is_empty(), "{example}");
        }
        let written = rows(&shell(&examples[2]));
        assert_eq!(written.len(), 1, "{domain}: what was written is not there");
        assert_eq!(process.terminate().code(), Some(0), "{domain}");
    }
}

fn address(example: &str) -> &str {
    let (_, rest) = example.split_once("http://").unwrap();
    rest.split('/').next().unwrap()
}

#[test]
fn the_demo_ends_by_itself_when_it_was_told_to() {
    let data = tempfile::tempdir().unwrap();
    let arguments =
        ["demo", "--listen", "127.0.0.1:0", "--users", "20", "--seconds", "1", "--data", data.path().to_str().unwrap()];
    let output = tidewater(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let last = printed.lines().last().unwrap();
    assert!(last.contains("stopped") && last.contains(data.path().to_str().unwrap()), "{printed}");
}

/// Sends a file, or what standard input holds.
fn ingest(server: &Server, file: &str, input: &str, more: &[&str]) -> Output {
    let url = server.url("");
    let arguments = [["ingest", file, "--server", &url].as_slice(), more].concat();
    let mut child = tidewater(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn ingest_says_what_became_of_the_lines() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::run(data.path(), &[]);
    let token = data.path().join("token");
    std::fs::write(&token, operator()).unwrap();
    let token = ["--token-file", token.to_str().unwrap()];
    let good = format!("{}\n{}\n{}\n", registered(1, 1), registered(1, 1), posted(2, 2, 1, "two"));
    let file = data.path().join("events.jsonl");
    std::fs::write(&file, format!("{good}\nnonsense\n")).unwrap();

    let output = ingest(&server, "-", &good, &token);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let words = |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(words(&text)[..5], ["lines 3", "accepted 2", "duplicates 1", "empty 0", "rejected 0"]);

    let output = ingest(&server, file.to_str().unwrap(), "", &token);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert_eq!(words(&text)[..5], ["lines 5", "accepted 0", "duplicates 3", "empty 1", "rejected 1"]);
    assert!(words(&text).iter().any(|line| line.starts_with("line 5: not_json: ")), "{text}");

    let json = ingest(&server, file.to_str().unwrap(), "", &[token.as_slice(), &["--format", "json"]].concat());
    let summary: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&summary["duplicates"], &summary["first_rejects"][0]["line"]), (&3.into(), &5.into()));
    let position = summary["position"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/views/posts?after={position}"), None).rows().len(), 1);

    let refused = ingest(&server, "-", &good, &[]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{text}");
    assert!(text.contains("token") && text.contains("--token-file"), "{text}");
}
