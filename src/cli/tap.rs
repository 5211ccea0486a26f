//! `tidewater tap`: the records of a derived topic, or the changes of a view, a line each.
//!
//! A name enters: a topic is asked for first, then a view, which is a subscription.

use std::ops::ControlFlow;

use serde_json::Value;
use ureq::http::StatusCode;

use super::arguments::{Format, TapArguments};
use super::failure::Failure;
use crate::client::answer::text;
use crate::client::connection::Connection;
use crate::client::error::ClientError;
use crate::client::topic_records::{FirstRecord, read_topic};
use crate::client::view_changes::{Selection, ViewChanges};
use crate::terminal::{print_json, print_line};

/// Rows that are left to print.
struct Printer {
    format: Format,
    left: u64,
}

impl Printer {
    /// Prints a line; breaks off when it was the last one.
    fn print(&mut self, value: &Value, line: impl Fn(&Value) -> String) -> ControlFlow<()> {
        self.left -= 1;
        match self.format {
            Format::Json => print_json(value),
            Format::Text => print_line(&line(value)),
        }
        if self.left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Prints until the limit or the end is reached, or for ever.
pub(super) fn run(arguments: &TapArguments) -> Result<(), Failure> {
    let connection = arguments.remote.connection()?;
    let mut printer = Printer { format: arguments.remote.format, left: arguments.limit.unwrap_or(u64::MAX) };
    if printer.left == 0 {
        return Ok(());
    }
    let print = |record: &Value| printer.print(record, record_line);
    match read_topic(&connection, &arguments.name, arguments.from, !arguments.no_follow, print) {
        // It is no topic, or none of the caller's: it may be a view.
        Err(refused) if is_unknown(&refused) => changes(&connection, arguments, &mut printer, refused),
        outcome => Ok(outcome?),
    }
}

fn is_unknown(error: &ClientError) -> bool {
    let unknown = [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].map(|status| status.as_u16());
    matches!(error, ClientError::Refused { status, .. } if unknown.contains(status))
}

/// Prints the rows of a view and their changes; `refused` is why there is no topic of the name.
fn changes(
    connection: &Connection,
    arguments: &TapArguments,
    printer: &mut Printer,
    refused: ClientError,
) -> Result<(), Failure> {
    let is_missing =
        |error: &ClientError| matches!(error, ClientError::Refused { status, .. } if *status == StatusCode::NOT_FOUND);
    let changes = match ViewChanges::open(connection, &arguments.name) {
        // There is no such view, and there may be a topic that a token opens.
        Err(missing) if is_missing(&missing) && !is_missing(&refused) => return Err(refused.into()),
        opened => opened?,
    };
    if let FirstRecord::Offset(offset) = arguments.from {
        return Err(Failure::OffsetOfView { offset, view: arguments.name.clone() });
    }
    let selection = Selection { rows: arguments.from == FirstRecord::Earliest, changes: !arguments.no_follow };
    let mut is_news = true;
    Ok(changes.read(selection, |message| {
        let event = text(&message["event"]);
        let was_news = std::mem::replace(&mut is_news, event != "progress");
        if event == "upsert" || event == "delete" {
            return printer.print(message, change_line);
        }
        if printer.format == Format::Json {
            print_json(message);
        } else if event != "progress" || was_news {
            // What lies between two positions belongs together; people need not read that nothing does.
            print_line(&change_line(message));
        }
        ControlFlow::Continue(())
    })?)
}

/// A record on one line: offset, position, what happened, key, and the rest.
fn record_line(record: &Value) -> String {
    let (value, headers) = (&record["value"], &record["value"]["headers"]);
    let (operation, key) = (text(&headers["op"]), text(&record["key"]));
    let body = match operation {
        "commit" => "-- the epoch is complete".to_owned(),
        "part" => "-- the epoch goes on".to_owned(),
        "reset" => "-- forget what was before".to_owned(),
        "insert" | "delete" if value["diff"].is_i64() => format!("{:+}  {}", value["diff"].as_i64().unwrap_or(0), value["row"]),
        "upsert" => value["row"].to_string(),
        _ => String::new(),
    };
    let line = format!("{:>8}  {:<18} {operation:<10} {key}  {body}", record["offset"].to_string(), text(&headers["position"]));
    line.trim_end().to_owned()
}

/// A change on one line.
fn change_line(message: &Value) -> String {
    let (event, data) = (text(&message["event"]), &message["data"]);
    match (event, data["count"].as_i64()) {
        ("upsert", Some(count)) => format!("+{count}  {}", data["row"]),
        ("upsert", None) => format!("+  {}", data["row"]),
        ("delete", Some(count)) => format!("-{count}  {}", data["row"]),
        ("delete", None) => format!("-  {}", if data["row"].is_null() { &data["key"] } else { &data["row"] }),
        ("reset", _) => format!("-- everything from here on, at {} ({})", text(&data["position"]), text(&data["reason"])),
        ("progress", _) => format!("-- complete at {}", text(&data["position"])),
        _ => format!("-- {event} {data}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_a_line_with_its_offset_position_and_operation() {
        let headers = |operation: &str| json!({ "op": operation, "position": "2a:17", "sink": "s" });
        let upsert =
            json!({ "offset": 3, "key": "{\"id\":7}", "value": { "headers": headers("upsert"), "row": { "id": 7, "t": "ab" } } });
        assert_eq!(record_line(&upsert), "       3  2a:17              upsert     {\"id\":7}  {\"id\":7,\"t\":\"ab\"}");
        let delete = json!({ "offset": 4, "key": "", "value": { "headers": headers("delete"), "diff": -2, "row": { "id": 7 } } });
        assert_eq!(record_line(&delete), "       4  2a:17              delete       -2  {\"id\":7}");
        let stale = json!({ "offset": 5, "key": "feed:7", "value": { "headers": headers("invalidate") } });
        assert_eq!(record_line(&stale), "       5  2a:17              invalidate feed:7");
    }

    #[test]
    fn a_change_is_a_line_with_the_row_and_how_often() {
        let line = |event: &str, data: Value| change_line(&json!({ "event": event, "data": data }));
        assert_eq!(line("upsert", json!({ "row": { "id": 7 } })), "+  {\"id\":7}");
        assert_eq!(line("delete", json!({ "row": { "id": 7 }, "count": 2 })), "-2  {\"id\":7}");
        assert_eq!(line("delete", json!({ "key": { "id": 7 } })), "-  {\"id\":7}");
        assert_eq!(
            line("reset", json!({ "reason": "start", "position": "2a:5" })),
            "-- everything from here on, at 2a:5 (start)"
        );
        assert_eq!(line("progress", json!({ "position": "2a:6" })), "-- complete at 2a:6");
        assert_eq!(line("goodbye", json!({ "why": "a" })), "-- goodbye {\"why\":\"a\"}");
    }
}
