//! State of a running server as it reports it.
//!
//! The answers of `/v1/status` and `/v1/dead-letters` enter, a report leaves.

use std::path::Path;

use serde_json::{Value, json};

use super::report::DoctorReport;
use crate::client::connection::Connection;
use crate::client::error::ClientError;

/// Asks the server, which the authorities in a file are trusted to know.
pub fn report(server: &str, token_file: Option<&Path>, ca_cert: Option<&Path>) -> Result<DoctorReport, ClientError> {
    let connection = Connection::trusting(server, token_file, ca_cert)?;
    let status = connection.get("/v1/status")?;
    let letters = connection.get("/v1/dead-letters?limit=1")?;
    Ok(judge(&status, &letters))
}

fn judge(status: &Value, letters: &Value) -> DoctorReport {
    let mut report = DoctorReport::default();
    for name in ["timeline", "epoch", "incarnation", "readiness", "checkpoint"] {
        report.fact(name, status[name].clone());
    }
    add_lag(&mut report, status);
    add_trouble(&mut report, status);
    add_disk(&mut report, status);
    add_views(&mut report, status);
    add_sinks(&mut report, status);
    add_letters(&mut report, letters);
    report
}

fn add_lag(report: &mut DoctorReport, status: &Value) {
    // A server of another version may not send the list.
    let partitions = status["partitions"].as_array().cloned().unwrap_or_default();
    report.fact("lag", status["lag"].clone());
    report.fact("lag_max", status["lag_max"].clone());
    report.fact("partition", partitions);
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    for unit in ["records", "bytes", "seconds"] {
        let (lag, max) = (number(&status["lag"][unit]), number(&status["lag_max"][unit]));
        if max > 0.0 && lag >= max {
            let action = "events are refused until the views have caught up; producers slow down, or the server needs more workers \
                          (--workers) or a larger --ingest-lag-* limit";
            report.problem(format!("the views are {lag} {unit} behind the log, and {max} are allowed"), action);
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

fn add_trouble(report: &mut DoctorReport, status: &Value) {
    for halted in status["halted"].as_array().into_iter().flatten() {
        report.problem(format!("{} is halted: {}", text(&halted["source"]), text(&halted["reason"])), text(&halted["action"]));
    }
    if let Some(reason) = status["stalled"].as_str() {
        let action = "the server tries again by itself; if the disk is full, free space on it";
        report.problem(format!("nothing new becomes visible for now: {reason}"), action);
    }
    let held = status["clock_held_seconds"].as_f64().unwrap_or(0.0);
    report.fact("clock_held", json!({ "seconds": held }));
    if held > 0.0 {
        let action = "check the machine's clock: if it is right, restart the server; if it is wrong, set it right";
        report.problem(format!("the machine's clock is {held:.0} s ahead of the views' after a jump that is held"), action);
    }
}

fn add_disk(report: &mut DoctorReport, status: &Value) {
    // A server of another version, or a log on no disk of the server's, does not say.
    let disk = &status["disk"];
    if disk.is_null() {
        return;
    }
    report.fact("disk", disk.clone());
    if disk["full"] == true {
        let found = format!(
            "the disk is full: {} bytes are free, and {} have to be before events are taken; readers are served",
            disk["free_bytes"], disk["reserve_bytes"]
        );
        report.problem(found, "free space on it; events are taken again by themselves, and no restart is needed");
    }
}

fn add_views(report: &mut DoctorReport, status: &Value) {
    let views = status["views"].as_array().into_iter().flatten();
    let filling: Vec<&str> = views.filter(|view| view["state"] == "hydrating").map(|view| text(&view["name"])).collect();
    if !filling.is_empty() {
        report
            .note(format!("views are still being filled: {}", filling.join(", ")), "wait; GET /v1/status tells how far they are");
    } else if status["readiness"] == "catching_up" {
        report.note("the views are catching up with the log", "wait; GET /readyz tells how far they are");
    }
}

fn add_sinks(report: &mut DoctorReport, status: &Value) {
    // A server of another version may not send the list.
    let sinks = status["sinks"].as_array().cloned().unwrap_or_default();
    for sink in &sinks {
        let (name, target, reason) = (text(&sink["name"]), text(&sink["target"]), sink["reason"].as_str());
        match (sink["state"].as_str(), reason) {
            (Some("halted"), reason) => report.problem(
                format!("the sink '{name}' writes nothing any more: {}", reason.unwrap_or("unknown")),
                "give it another topic in its CREATE SINK, and start again or deploy; readers of the topic begin with the new one",
            ),
            (Some("attached"), None) => {}
            (state, Some(reason)) => report.problem(
                format!("the sink '{name}' ({target}) does not go on for now: {reason}"),
                if state == Some("detached") { "look at its system; it is rebuilt when it answers" } else { "look at its system; it is tried again" },
            ),
            (Some(state), None) => report.note(format!("the sink '{name}' ({target}) is {state}"), "wait; GET /v1/status tells how far it is"),
            (None, None) => {}
        }
    }
    report.fact("sink", sinks);
}

fn add_letters(report: &mut DoctorReport, letters: &Value) {
    let count = |name: &str| letters[name].as_u64().unwrap_or(0);
    let (total, errors) = (count("dead_letters_total"), count("row_errors_total"));
    let (retried, discarded) = (count("dead_letters_retried"), count("dead_letters_discarded"));
    report.fact("dead_letters", json!({ "total": total, "retried": retried, "discarded": discarded }));
    report.fact("row_errors", errors);
    let open = total.saturating_sub(retried + discarded);
    if open > 0 {
        report.note(
            format!("{open} events were refused"),
            "see 'tidewater dead-letters list': send them again with 'retry' when they can be read or are corrected, or 'discard' them",
        );
    }
    if errors > 0 {
        report.note(
            format!("an expression fails on {errors} rows"),
            "see 'tidewater dead-letters row-errors', and correct the expression or the data",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Value {
        json!({
            "timeline": "2a", "epoch": 9, "incarnation": 2, "readiness": "ready", "checkpoint": { "epoch": 7, "age_epochs": 2 },
            "partitions": [{ "topic": "t", "partition": 0, "visible": 1, "end": 4, "lag": 3 }], "views": [], "halted": [],
            "stalled": null, "clock_held_seconds": 0.0, "lag": { "records": 3, "bytes": 90, "seconds": 0.5 },
            "lag_max": { "records": 10, "bytes": 100, "seconds": 30.0 },
        })
    }

    fn letters(total: u64, errors: u64) -> Value {
        json!({ "dead_letters_total": total, "dead_letters_retried": 1, "row_errors_total": errors })
    }

    #[test]
    fn a_server_that_is_well_has_no_problem() {
        let report = judge(&status(), &letters(1, 0));
        assert!(report.problems.is_empty() && report.notes.is_empty(), "{report:?}");
        assert!(report.text().contains(&"lag          bytes 90, records 3, seconds 0.5".to_owned()), "{:?}", report.text());
    }

    #[test]
    fn each_trouble_is_a_problem_and_refused_events_are_noted() {
        let mut status = status();
        status["halted"] = json!([{ "source": "posts", "reason": "RETENTION_GAP", "action": "restore the log" }]);
        status["stalled"] = "no space is left".into();
        status["clock_held_seconds"] = 3_600.0.into();
        status["views"] = json!([{ "name": "v", "state": "hydrating" }]);
        status["lag"]["bytes"] = 100.into();
        status["disk"] = json!({ "free_bytes": 7, "reserve_bytes": 64, "full": true });
        let report = judge(&status, &letters(3, 5));
        let problems: Vec<&str> = report.problems.iter().map(|problem| problem.found.as_str()).collect();
        assert!(problems.contains(&"the views are 100 bytes behind the log, and 100 are allowed"), "{problems:?}");
        assert_eq!(report.problems.len(), 5, "{report:?}");
        let is_full = |problem: &&str| problem.starts_with("the disk is full: 7 bytes are free, and 64 have to be");
        assert!(problems.iter().any(is_full), "{problems:?}");
        let action = |found: &str| {
            report.problems.iter().find(|problem| problem.found.contains(found)).map(|problem| problem.action.as_str())
        };
        assert_eq!((action("RETENTION_GAP"), report.notes.len()), (Some("restore the log"), 3));
    }
}
