//! `deploy`, `rollback`, `replay`, `drop` and `status`: what a running server derives, changed while it goes on.
//!
//! Statements or names enter and are sent to the server; how the deployment goes leaves on standard error, how it ended on standard
//! output and as the exit code.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::StatusCode;

use super::check::declare_or_report;
use super::connection::Connection;
use super::output::print_line;
use super::{DeployArguments, Format, RemoteArguments, RollbackArguments, ViewArguments};
use crate::deployments::Declared;
use crate::error::Failure;

/// How often the server is asked how far it is.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Sends a directory of statements and waits until they have taken over.
pub(super) fn deploy(arguments: &DeployArguments) -> Result<(), Failure> {
    let declared = declare_or_report(&arguments.directory, arguments.remote.format)?;
    let mut request = request_of(&declared);
    request["verify"] = json!(match (arguments.verify, arguments.accept_differences) {
        (false, _) => "none",
        (true, false) => "refuse",
        (true, true) => "report",
    });
    begin(&request, &arguments.remote)
}

/// Has an earlier generation take over.
pub(super) fn rollback(arguments: &RollbackArguments) -> Result<(), Failure> {
    begin(&json!({ "action": "rollback", "to": arguments.to }), &arguments.remote)
}

/// Has the state behind a view computed once more.
pub(super) fn replay(arguments: &ViewArguments) -> Result<(), Failure> {
    begin(&json!({ "action": "replay", "view": arguments.view }), &arguments.remote)
}

/// Takes a view away.
pub(super) fn drop(arguments: &ViewArguments) -> Result<(), Failure> {
    begin(&json!({ "action": "drop", "view": arguments.view }), &arguments.remote)
}

/// What deploying these statements would change.
pub(super) fn plan(declared: &Declared, remote: &RemoteArguments) -> Result<Value, Failure> {
    post(&connect(remote)?, "/v1/deployments/plan", &request_of(declared))
}

/// Prints what is in force.
pub(super) fn status(remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let (status, deployments) = (connection.get("/v1/status")?, connection.get("/v1/deployments")?);
    if remote.format == Format::Json {
        print_line(&json!({ "status": status, "deployments": deployments }).to_string());
        return Ok(());
    }
    let lag: u64 = status["partitions"].as_array().into_iter().flatten().filter_map(|partition| partition["lag"].as_u64()).sum();
    print_line(&format!("{} at epoch {}, {lag} records behind", text(&status["readiness"]), status["epoch"]));
    for generation in deployments["generations"].as_array().into_iter().flatten() {
        let mark = if generation["in_force"] == true { "*" } else { " " };
        let (number, origin) = (generation["generation"].to_string(), text(&generation["origin"]));
        print_line(&format!("{mark} generation {number:<4} {origin}, {} files", generation["files"]));
    }
    if !deployments["last"].is_null() {
        print_line(&progress(&deployments["last"]));
        outcome_lines(&deployments["last"]).iter().for_each(|line| print_line(line));
    }
    Ok(())
}

fn connect(remote: &RemoteArguments) -> Result<Connection, Failure> {
    Connection::new(&remote.server, remote.token_file.as_deref())
}

fn request_of(declared: &Declared) -> Value {
    let files = declared.files.iter().map(|file| json!({ "path": file.path.as_ref(), "text": file.text.as_ref() }));
    json!({ "action": "deploy", "files": files.collect::<Vec<_>>() })
}

fn post(connection: &Connection, path: &str, request: &Value) -> Result<Value, Failure> {
    let response = connection.post(path, "application/json", request.to_string().as_bytes())?;
    let answer = serde_json::from_str(&response.text).ok();
    let is_good = matches!(response.status, StatusCode::OK | StatusCode::ACCEPTED);
    answer.filter(|_| is_good).ok_or_else(|| connection.refused(&response))
}

/// Begins a deployment and shows it until it is over.
fn begin(request: &Value, remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let generation = post(&connection, "/v1/deployments", request)?["generation"].as_u64().unwrap_or(0);
    let mut shown = String::new();
    let last = loop {
        let mut report = connection.get("/v1/deployments")?;
        let last = report["last"].take();
        if last["generation"] == generation && last["phase"] == "finished" {
            break last;
        }
        let line = progress(&last);
        if remote.format == Format::Text && line != shown {
            eprintln!("{line}");
            shown = line;
        }
        std::thread::sleep(POLL_INTERVAL);
    };
    match remote.format {
        Format::Json => print_line(&last.to_string()),
        Format::Text => outcome_lines(&last).iter().for_each(|line| print_line(line)),
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

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
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
    lines.push(format!("  = {} views are the same", names("kept").len()));
    last["differences"].as_array().into_iter().flatten().for_each(|difference| lines.extend(difference_lines(difference)));
    if last["outcome"] == "switched" {
        lines.push(format!("generation {} took over at epoch {}", last["generation"], last["epoch"]));
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
            // Control characters of a stranger must not reach the terminal.
            let line: String = values.join(" | ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            lines.push(format!("  {sign} {line}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_row_by_row() {
        let difference = json!({ "view": "v", "rows_equal": 3, "rows_gone": 1, "rows_new": 1, "gone": [["1", "a\u{1b}[2J"]], "new": [["1", "b"]] });
        let lines = difference_lines(&difference);
        assert_eq!(lines[0], "view v: 3 rows are the same, 1 would go, 1 would come");
        assert!(lines.len() == 3 && !lines[1].contains('\u{1b}') && lines[2] == "  + 1 | b", "{lines:?}");
    }
}
