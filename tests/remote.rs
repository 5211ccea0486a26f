//! Commands at a server whose answers the test writes: texts that would steer a terminal, and failures in the middle.

use serde_json::{Value, json};

use crate::canned::{CannedAnswer, CannedServer, canned};
use crate::operate::{Outcome, run};

/// A text of somebody who is not to be trusted: it clears the screen, and gives the window a title.
const STEERING: &str = "st\u{1b}[2Je\u{9b}2Je\u{1b}]0;x\u{7}r\u{8}\u{7f}";

/// Runs a command at a server that gives these answers.
fn ask(answers: Vec<CannedAnswer>, arguments: &[&str]) -> (Outcome, Vec<String>) {
    let server = CannedServer::start(answers);
    let url = server.url.clone();
    let outcome = run(&[arguments, &["--server", &url]].concat());
    (outcome, server.requests().into_iter().map(|request| request.line + &request.body).collect())
}

/// Answers to a command, its arguments, and its exit code.
type Case = (Vec<CannedAnswer>, &'static [&'static str], i32);

fn case(answers: Vec<CannedAnswer>, arguments: &'static [&'static str], code: i32) -> Case {
    (answers, arguments, code)
}

fn ok(body: Value) -> CannedAnswer {
    canned("200 OK", body)
}

fn letter() -> Value {
    json!({ "id": 7, "reason": STEERING, "field": STEERING, "detail": STEERING, "sent_to": STEERING, "arrived": STEERING, "text": STEERING })
}

/// A status, and deployments of which the last one failed.
fn statuses() -> Vec<CannedAnswer> {
    let generation = json!({
        "generation": 1, "origin": STEERING, "files": 1, "state": STEERING, "reason": STEERING, "by": STEERING, "begun_at": STEERING,
        "ended_at": STEERING,
    });
    let last = json!({
        "generation": 2, "phase": "finished", "outcome": STEERING, "reason": STEERING, "added": [STEERING], "kept": [],
        "sinks": { "added": [STEERING] }, "access": [{ "kind": STEERING, "name": STEERING, "before": STEERING, "after": STEERING }],
        "differences": [{ "incomparable": STEERING }, { "view": STEERING, "gone": [[STEERING]], "new": [[STEERING]] }],
    });
    vec![ok(json!({ "readiness": STEERING, "epoch": 1 })), ok(json!({ "generations": [generation], "last": last }))]
}

fn letters_cases() -> Vec<Case> {
    let listed = json!({ "dead_letters": [letter()], "dead_letters_total": STEERING });
    let row_error = json!({ "relation": STEERING, "expression": STEERING, "detail": STEERING, "row": STEERING });
    vec![
        case(vec![ok(listed.clone())], &["dead-letters", "list"], 0),
        case(vec![ok(listed)], &["dead-letters", "show", "7"], 0),
        case(vec![ok(json!({ "row_errors": [row_error] }))], &["dead-letters", "row-errors"], 0),
        case(vec![canned("422 Unprocessable Entity", letter())], &["dead-letters", "retry", "7"], 5),
        case(vec![canned("403 Forbidden", json!({ "detail": STEERING }))], &["dead-letters", "discard", "7"], 4),
    ]
}

fn other_cases() -> Vec<Case> {
    let record = json!({ "offset": 1, "key": STEERING, "value": { "headers": { "op": STEERING, "position": STEERING } } });
    let why = json!({ "rows": [{ "row": { "a": STEERING }, "events": [{ "topic": STEERING }] }], "reason": STEERING, "position": STEERING });
    let wider = json!({ "type": "urn:tidewater:problem:wider_access", "detail": STEERING });
    vec![
        case(statuses(), &["status"], 0),
        case(vec![ok(json!({ "records": [record], "next": 2, "end": 2 }))], &["tap", "t", "--no-follow"], 0),
        case(vec![ok(why)], &["why", "v", "a=1"], 0),
        case(vec![canned("409 Conflict", wider)], &["rollback"], 9),
        case(vec![canned("400 Bad Request", STEERING)], &["replay", "v"], 4),
    ]
}

fn steers(text: &str) -> bool {
    text.chars().any(|character| character.is_control() && character != '\n')
}

#[test]
fn what_a_stranger_wrote_steers_no_terminal_in_any_form_of_any_command() {
    for (answers, arguments, code) in letters_cases().into_iter().chain(other_cases()) {
        let (outcome, _) = ask(answers, arguments);
        let Outcome { code: found, printed, complaint } = &outcome;
        assert_eq!(*found, Some(code), "{arguments:?}: {printed}{complaint}");
        let all = format!("{printed}{complaint}");
        assert!(all.contains("st\u{fffd}[2Je\u{fffd}2Je") && !steers(&all), "{arguments:?}: {all:?}");
    }
    for (answers, arguments, _) in letters_cases().into_iter().chain(other_cases()).filter(|(.., code)| *code == 0) {
        let (outcome, _) = ask(answers, &[arguments, &["--format", "json"]].concat());
        assert!(!steers(&outcome.printed), "{arguments:?}: {:?}", outcome.printed);
        assert!(outcome.json().to_string().contains('\u{9b}'), "a program reads what was written: {}", outcome.printed);
    }
}

#[test]
fn the_first_rejected_lines_of_a_file_steer_no_terminal() {
    let events = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(events.path(), "{}\n").unwrap();
    let rejected = json!({ "status": "rejected", "reason": STEERING, "field": STEERING, "detail": STEERING });
    let answer = || vec![ok(json!({ "results": [rejected], "position": null }))];
    let path = events.path().to_str().unwrap();
    let (text, _) = ask(answer(), &["ingest", path]);
    assert!(
        text.code == Some(5) && text.printed.contains("line 1: st\u{fffd}[2J") && !steers(&text.printed),
        "{:?}",
        text.printed
    );
    let (program, _) = ask(answer(), &["ingest", path, "--format", "json"]);
    assert!(!steers(&program.printed), "{:?}", program.printed);
    assert_eq!(program.json()["first_rejects"][0]["detail"], STEERING);
}

#[test]
fn letters_that_were_done_before_a_failure_are_told() {
    let answers = || {
        vec![ok(json!({ "id": 1, "status": "discarded" })), canned("500 Internal Server Error", json!({ "detail": "no disk" }))]
    };
    let discard = ["dead-letters", "discard", "1", "2", "3"];
    let (outcome, requests) = ask(answers(), &[&discard[..], &["--format", "json"]].concat());
    assert_eq!(requests, ["DELETE /v1/dead-letters/1", "DELETE /v1/dead-letters/2"]);
    assert_eq!(outcome.code, Some(4), "{}", outcome.complaint);
    assert!(outcome.complaint.contains("no disk"), "{}", outcome.complaint);
    assert_eq!(outcome.json(), json!({ "results": [{ "id": 1, "status": "discarded" }], "rejected": 0, "complete": false }));
    let (outcome, _) = ask(answers(), &discard);
    assert_eq!(outcome.printed, "       1  discarded\nnot complete: 1 of 3 dead letters have an answer\n");
}

#[test]
fn a_deployment_that_another_one_followed_ends_as_the_list_of_generations_says() {
    let begun = || canned("202 Accepted", json!({ "generation": 7 }));
    let state = |state: &str| {
        ok(json!({ "last": { "generation": 8 }, "generations": [{ "generation": 7, "state": state, "reason": "no disk" }] }))
    };
    let (outcome, _) = ask(vec![begun(), state("replaced")], &["replay", "v"]);
    assert_eq!((outcome.code, outcome.printed.as_str()), (Some(0), "generation 7 took over\n"), "{}", outcome.complaint);
    let (outcome, _) = ask(vec![begun(), state("failed")], &["replay", "v"]);
    assert_eq!(outcome.code, Some(9), "{}", outcome.complaint);
    assert!(outcome.complaint.contains("no disk"), "{}", outcome.complaint);
    let (outcome, _) = ask(vec![canned("202 Accepted", json!({}))], &["replay", "v"]);
    assert_eq!(outcome.code, Some(4), "an answer without a generation: {}", outcome.complaint);
}
