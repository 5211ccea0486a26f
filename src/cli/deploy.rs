//! `deploy`, `rollback`, `replay`, `drop` and `status`: what a running server derives, changed while it goes on.
//!
//! Statements or names enter and are sent to the server; how the deployment goes leaves on standard error, how it ended on standard
//! output and as the exit code.

use serde_json::{Value, json};
use ureq::http::StatusCode;

use super::arguments::{DeployArguments, DropArguments, Format, RemoteArguments, RollbackArguments, ViewArguments};
use super::changes::{reader_lines, sink_lines};
use super::check::declare_or_report;
use super::failure::Failure;
use crate::client::answer::text;
use crate::client::connection::Connection;
use crate::client::deployments::follow_deployment;
use crate::process::deployments::declared::Declared;
use crate::terminal::{print_error_text, print_json, print_line, print_lines, print_text};

/// Most characters of a reason in a list.
const REASON_CHARACTERS_MAX: usize = 120;

/// Problem of a topology of which readers would see more than before.
const WIDER_ACCESS: &str = "urn:tidewater:problem:wider_access";

/// Sends a directory of statements and waits until they have taken over.
pub(super) fn deploy(arguments: &DeployArguments) -> Result<(), Failure> {
    let declared = declare_or_report(&arguments.directory, arguments.remote.format)?;
    let mut request = request_of(&declared);
    request["verify"] = json!(match (arguments.verify, arguments.accept_differences) {
        (false, _) => "none",
        (true, false) => "refuse",
        (true, true) => "report",
    });
    request["accept_missing_history"] = json!(arguments.accept_missing_history);
    request["accept_wider_access"] = json!(arguments.accept_wider_access);
    begin(&request, &arguments.remote)
}

/// Has an earlier generation take over.
pub(super) fn rollback(arguments: &RollbackArguments) -> Result<(), Failure> {
    let request = json!({
        "action": "rollback",
        "to": arguments.to,
        "accept_missing_history": arguments.accept_missing_history,
        "accept_wider_access": arguments.accept_wider_access,
    });
    begin(&request, &arguments.remote)
}

/// Has the state behind a view computed once more.
pub(super) fn replay(arguments: &ViewArguments) -> Result<(), Failure> {
    begin(&json!({ "action": "replay", "view": arguments.view }), &arguments.remote)
}

/// Takes a view or a sink away.
pub(super) fn drop(arguments: &DropArguments) -> Result<(), Failure> {
    let request = match (&arguments.sink, &arguments.name) {
        (Some(sink), _) => json!({ "action": "drop", "sink": sink }),
        (None, name) => json!({ "action": "drop", "name": name }),
    };
    begin(&request, &arguments.remote)
}

/// Returns the changes that deploying these statements would make.
pub(super) fn plan(declared: &Declared, remote: &RemoteArguments) -> Result<Value, Failure> {
    post(&connect(remote)?, "/v1/deployments/plan", &request_of(declared))
}

/// Prints what is in force.
pub(super) fn status(remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let (status, deployments) = (connection.get("/v1/status")?, connection.get("/v1/deployments")?);
    if remote.format == Format::Json {
        print_json(&json!({ "status": status, "deployments": deployments }));
        return Ok(());
    }
    print_line(&format!("{} at epoch {}, {} records behind", text(&status["readiness"]), status["epoch"], lag_text(&status)));
    print_lines(deployments["generations"].as_array().into_iter().flatten().map(generation_line));
    for epoch in deployments["retained_epochs"].as_array().into_iter().flatten() {
        print_line(&format!("  states of an earlier generation are kept as of epoch {epoch}: going back to it loses no row"));
    }
    if !deployments["last"].is_null() {
        print_text(&progress(&deployments["last"]));
        print_lines(outcome_lines(&deployments["last"]));
    }
    Ok(())
}

/// Returns the records that no view shows, with "at least" when the server does not know that of each partition.
fn lag_text(status: &Value) -> String {
    let lags: Vec<Option<u64>> =
        status["partitions"].as_array().into_iter().flatten().map(|partition| partition["lag"].as_u64()).collect();
    let known: u64 = lags.iter().flatten().sum();
    if lags.contains(&None) { format!("at least {known}") } else { known.to_string() }
}

/// Describes a generation: its state, since when, who began it, and why it ended.
fn generation_line(generation: &Value) -> String {
    let mark = if generation["in_force"] == true { "*" } else { " " };
    let (number, origin) = (generation["generation"].to_string(), text(&generation["origin"]));
    let state = text(&generation["state"]).replace('_', " ");
    let mut line = format!("{mark} generation {number:<4} {origin}, {} files, {state}", generation["files"]);
    if let Some(reason) = generation["reason"].as_str() {
        line.push_str(&format!(" ({})", shortened(reason)));
    }
    if let (Some(at), Some(by)) = (generation["begun_at"].as_str(), generation["by"].as_str()) {
        line.push_str(&format!("; begun {at} by {by}"));
    }
    if let Some(at) = generation["ended_at"].as_str() {
        line.push_str(&format!("; ended {at}"));
    }
    line
}

/// The beginning of a reason: one line of a list is not the place for all of it.
fn shortened(reason: &str) -> String {
    match reason.char_indices().nth(REASON_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &reason[..end]),
        None => reason.to_owned(),
    }
}

fn connect(remote: &RemoteArguments) -> Result<Connection, Failure> {
    Ok(remote.connection()?)
}

fn request_of(declared: &Declared) -> Value {
    let files = declared.files.iter().map(|file| json!({ "path": file.path.as_ref(), "text": file.text.as_ref() }));
    json!({ "action": "deploy", "files": files.collect::<Vec<_>>() })
}

fn post(connection: &Connection, path: &str, request: &Value) -> Result<Value, Failure> {
    let response = connection.post_patiently(path, "application/json", request.to_string().as_bytes())?;
    let answer = serde_json::from_str::<Value>(&response.text).ok();
    let is_good = matches!(response.status, StatusCode::OK | StatusCode::ACCEPTED);
    if let Some(problem) = answer.as_ref().filter(|answer| answer["type"] == WIDER_ACCESS) {
        return Err(Failure::WiderAccess { reason: text(&problem["detail"]).to_owned() });
    }
    answer.filter(|_| is_good).ok_or_else(|| connection.refused(&response).into())
}

/// Begins a deployment and prints its progress until it is over.
fn begin(request: &Value, remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let begun = post(&connection, "/v1/deployments", request)?["generation"].as_u64();
    let generation = begun.ok_or_else(|| connection.unexpected("it began a deployment and named no generation"))?;
    let mut printed = String::new();
    let last = follow_deployment(&connection, generation, |last| {
        let line = progress(last);
        if remote.format == Format::Text && line != printed {
            print_error_text(&line);
            printed = line;
        }
    })?;
    match remote.format {
        Format::Json => print_json(&last),
        Format::Text => print_lines(outcome_lines(&last)),
    }
    match last["outcome"].as_str() {
        Some("switched") => Ok(()),
        Some("differs") => Err(Failure::NotDeployed {
            generation,
            reason: "rows differ; '--accept-differences' takes over all the same".to_owned(),
        }),
        _ => Err(Failure::NotDeployed { generation, reason: text(&last["reason"]).to_owned() }),
    }
}

fn progress(last: &Value) -> String {
    let (generation, phase) = (&last["generation"], text(&last["phase"]).replace('_', " "));
    match text(&last["phase"]) {
        "backfilling" => {
            format!(
                "generation {generation}: {phase}, {} of {} records",
                last["backfill_records"], last["backfill_records_total"]
            )
        }
        "catching_up" => {
            format!("generation {generation}: {phase}, {} rows computed, {} epochs behind", last["rows"], last["behind_epochs"])
        }
        "finished" => match (text(&last["outcome"]), last["reason"].as_str()) {
            ("switched", _) => format!("generation {generation}: took over"),
            ("differs", _) => format!("generation {generation}: refused, rows differ"),
            (outcome, reason) => {
                format!("generation {generation}: {outcome}, {}", reason.unwrap_or("the server gives no reason"))
            }
        },
        _ => format!("generation {generation}: {phase}"),
    }
}

fn outcome_lines(last: &Value) -> Vec<String> {
    let names = |kind: &str| {
        last[kind].as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let mut lines = Vec::new();
    for (sign, kind) in [("+", "added"), ("~", "changed"), ("-", "removed")] {
        lines.extend(names(kind).iter().map(|name| format!("  {sign} view {name}")));
    }
    // A deployment of which only the end is known has no lists.
    if last["kept"].is_array() {
        lines.push(format!("  = {} views are the same", names("kept").len()));
    }
    lines.extend(sink_lines(&last["sinks"]));
    lines.extend(reader_lines(&last["access"]));
    last["differences"].as_array().into_iter().flatten().for_each(|difference| lines.extend(difference_lines(difference)));
    match (last["outcome"] == "switched", last["epoch"].as_u64()) {
        (true, Some(epoch)) => lines.push(format!("generation {} took over at epoch {epoch}", last["generation"])),
        (true, None) => lines.push(format!("generation {} took over", last["generation"])),
        (false, _) => {}
    }
    lines
}

fn difference_lines(difference: &Value) -> Vec<String> {
    if let Some(reason) = difference["incomparable"].as_str() {
        return vec![reason.to_owned()];
    }
    let (equal, gone, new) = (&difference["rows_equal"], &difference["rows_gone"], &difference["rows_new"]);
    let mut lines =
        vec![format!("view {}: {equal} rows are the same, {gone} would go, {new} would come", text(&difference["view"]))];
    for (sign, kind) in [("-", "gone"), ("+", "new")] {
        for row in difference[kind].as_array().into_iter().flatten() {
            let values: Vec<&str> = row.as_array().into_iter().flatten().map(text).collect();
            lines.push(format!("  {sign} {}", values.join(" | ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_generation_is_told() {
        let generation = json!({
            "generation": 2, "origin": "deploy", "files": 1, "in_force": false, "state": "refused", "reason": "rows differ",
            "begun_at": "2024-01-01T00:00:00.000000Z", "by": "olga", "ended_at": "2024-01-01T00:00:01.000000Z",
        });
        let line = generation_line(&generation);
        assert_eq!(
            line,
            "  generation 2    deploy, 1 files, refused (rows differ); begun 2024-01-01T00:00:00.000000Z by olga; \
             ended 2024-01-01T00:00:01.000000Z"
        );
        let failed = json!({ "generation": 2, "phase": "finished", "outcome": "failed", "reason": "no disk" });
        assert_eq!(progress(&failed), "generation 2: failed, no disk");
        let differs = json!({ "generation": 2, "phase": "finished", "outcome": "differs", "reason": null });
        assert_eq!(progress(&differs), "generation 2: refused, rows differ");
        let known_by_its_end = json!({ "generation": 2, "phase": "finished", "outcome": "switched", "reason": null });
        assert_eq!(outcome_lines(&known_by_its_end), ["generation 2 took over"]);
    }

    #[test]
    fn a_difference_is_told_row_by_row() {
        let difference =
            json!({ "view": "v", "rows_equal": 3, "rows_gone": 1, "rows_new": 1, "gone": [["1", "a"]], "new": [["1", "b"]] });
        let lines = difference_lines(&difference);
        assert_eq!(lines[0], "view v: 3 rows are the same, 1 would go, 1 would come");
        assert_eq!(lines[1..], ["  - 1 | a", "  + 1 | b"]);
    }
}
