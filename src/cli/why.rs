//! `tidewater why`: the events that made a row, found by a server in its log.
//!
//! Conditions that name a row enter; the row and a line for each of its events leave, or the server's answer as it is.

use serde_json::Value;

use super::arguments::{Format, WhyArguments};
use super::failure::Failure;
use super::values::RowCondition;
use crate::client::connection::encoded;
use crate::terminal::{print_json, print_lines};

/// Asks, and prints what was answered.
pub(super) fn run(arguments: &WhyArguments) -> Result<(), Failure> {
    let connection = arguments.remote.connection()?;
    let answer = connection.get(&path(arguments))?;
    match arguments.remote.format {
        Format::Json => print_json(&answer),
        Format::Text => print_lines(text(&answer)),
    }
    Ok(())
}

fn path(arguments: &WhyArguments) -> String {
    let WhyArguments { view, conditions, limit, events, .. } = arguments;
    let conditions =
        conditions.iter().map(|RowCondition { column, condition }| format!("{}={}", encoded(column), encoded(condition)));
    format!("/v1/views/{}/why?{}&limit={limit}&events={events}", encoded(view), conditions.collect::<Vec<_>>().join("&"))
}

/// The rows, each followed by its events, and how far the answer goes.
fn text(answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
    for row in rows {
        lines.push(row["row"].to_string());
        lines.extend(row["events"].as_array().into_iter().flatten().map(event_line));
        if row["found"] == false {
            lines.push("  the events that made this row were not found".to_owned());
        }
    }
    if rows.is_empty() {
        lines.push("there is no such row that you may read".to_owned());
    }
    if let Some(reason) = answer["reason"].as_str() {
        lines.push(format!("not complete: {reason}"));
    }
    for gap in answer["gaps"].as_array().into_iter().flatten() {
        lines.push(format!("{} {} begins at offset {}", word(&gap["topic"]), gap["partition"], gap["earliest"]));
    }
    if answer["more"] == true {
        lines.push("more rows are like that: ask for more with --limit, or name one".to_owned());
    }
    lines.push(format!("{} records of the log were read, up to position {}", answer["records_read"], word(&answer["position"])));
    lines
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// An event on one line: where it is, when it happened, what it is.
fn event_line(event: &Value) -> String {
    let place = format!("{} {} {}", word(&event["topic"]), event["partition"], event["offset"]);
    let (occurred_at, event_type) = (word(&event["occurred_at"]), word(&event["event_type"]));
    // An event without an envelope is its own payload.
    let content = if event["event_type"].is_null() { &event["event"] } else { &event["event"]["payload"] };
    format!("  {place:<28} {occurred_at}  {event_type:<24} {}  {content}", word(&event["event_id"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_a_row_and_its_events() {
        let event = json!({
            "topic": "social.post", "partition": 0, "offset": 3, "event_id": "018c", "event_type": "post.created",
            "occurred_at": "2024-01-01T00:00:00.000000Z", "event": { "payload": { "text": "a\u{9b}b" } },
        });
        let whole = json!({
            "rows": [{ "row": { "post_id": 1 }, "found": true, "cut": false, "events": [event] }],
            "more": false, "reason": null, "gaps": [], "records_read": 9, "position": "2a:3",
        });
        assert_eq!(
            text(&whole),
            [
                "{\"post_id\":1}",
                "  social.post 0 3              2024-01-01T00:00:00.000000Z  post.created             018c  {\"text\":\"a\u{9b}b\"}",
                "9 records of the log were read, up to position 2a:3",
            ]
        );
        let gap = json!({ "topic": "social.post", "partition": 1, "earliest": 7 });
        let lost = json!({
            "rows": [{ "row": { "post_id": 1 }, "found": false, "events": [] }], "more": true, "reason": "it is gone", "gaps": [gap],
            "records_read": 0, "position": "2a:3",
        });
        assert_eq!(
            text(&lost)[1..4],
            ["  the events that made this row were not found", "not complete: it is gone", "social.post 1 begins at offset 7"]
        );
        assert_eq!(text(&json!({ "rows": [], "position": "2a:3" }))[0], "there is no such row that you may read");
    }
}
