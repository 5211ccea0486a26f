//! `tidewater tap`: the records of a derived topic, or the changes of a view, a line each.
//!
//! A name enters: a topic is asked for first, then a view. A topic is read page by page for ever; a view is a subscription.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::http::StatusCode;

use super::arguments::{Format, TapArguments};
use super::failure::Failure;
use super::values::FirstRecord;
use crate::client::answer::text;
use crate::client::connection::{Connection, encoded};
use crate::client::error::ClientError;
use crate::terminal::{print_line, printable};

/// Records of one request: as many as the API gives.
const PAGE: u64 = 1_000;
/// Interval at which the end of a topic is read.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Rows that are left to print.
struct Printer {
    format: Format,
    left: u64,
}

impl Printer {
    /// Prints a line; whether there may be more.
    fn print(&mut self, value: &Value, line: impl Fn(&Value) -> String) -> bool {
        self.left -= 1;
        match self.format {
            Format::Json => print_line(&value.to_string()),
            Format::Text => print_line(&line(value)),
        }
        self.left > 0
    }
}

/// Prints until the limit is reached, or for ever.
pub(super) fn run(arguments: &TapArguments) -> Result<(), Failure> {
    let connection = Connection::new(&arguments.remote.server, arguments.remote.token_file.as_deref())?;
    let mut printer = Printer { format: arguments.remote.format, left: arguments.limit.unwrap_or(u64::MAX) };
    if printer.left == 0 {
        return Ok(());
    }
    match records(&connection, arguments, &mut printer) {
        // It is no topic, or none of the caller's: it may be a view.
        Err(ClientError::Refused { status, .. }) if is_unknown(status) => {
            Ok(changes(&connection, &arguments.name, &mut printer)?)
        }
        outcome => Ok(outcome?),
    }
}

fn is_unknown(status: u16) -> bool {
    [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].iter().any(|known| known.as_u16() == status)
}

fn records(connection: &Connection, arguments: &TapArguments, printer: &mut Printer) -> Result<(), ClientError> {
    let path = format!("/v1/topics/{}/records?limit={PAGE}", encoded(&arguments.name));
    let mut from = match arguments.from {
        FirstRecord::Earliest => None,
        FirstRecord::Offset(offset) => Some(offset),
        FirstRecord::Latest => connection.get(&path)?["end"].as_u64(),
    };
    loop {
        let page = connection.get(&from.map_or_else(|| path.clone(), |from| format!("{path}&offset={from}")))?;
        for record in page["records"].as_array().into_iter().flatten() {
            if !printer.print(record, record_line) {
                return Ok(());
            }
        }
        from = page["next"].as_u64().or(from);
        if page["next"] == page["end"] {
            if arguments.no_follow {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
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
    printable(line.trim_end())
}

fn changes(connection: &Connection, view: &str, printer: &mut Printer) -> Result<(), ClientError> {
    let body = connection.stream(&format!("/v1/views/{}/subscribe", encoded(view)))?;
    let (mut event, mut is_news) = (String::new(), false);
    for line in BufReader::new(body).lines() {
        let line = line.map_err(|error| connection.unreachable(&error.to_string()))?;
        if let Some(name) = line.strip_prefix("event:") {
            name.trim().clone_into(&mut event);
        } else if let Some(data) = line.strip_prefix("data:") {
            let data: Value = serde_json::from_str(data.trim()).unwrap_or_else(|_| json!(data.trim()));
            let is_change = event == "upsert" || event == "delete";
            let message = json!({ "event": event, "data": data });
            if is_change {
                if !printer.print(&message, change_line) {
                    return Ok(());
                }
            } else if printer.format == Format::Json {
                print_line(&message.to_string());
            } else if event != "progress" || is_news {
                // What lies between two positions belongs together; people need not read that nothing does.
                print_line(&change_line(&message));
            }
            is_news = event != "progress";
        }
    }
    Ok(())
}

/// A change on one line.
fn change_line(message: &Value) -> String {
    let (event, data) = (text(&message["event"]), &message["data"]);
    let line = match (event, data["count"].as_i64()) {
        ("upsert", Some(count)) => format!("+{count}  {}", data["row"]),
        ("upsert", None) => format!("+  {}", data["row"]),
        ("delete", Some(count)) => format!("-{count}  {}", data["row"]),
        ("delete", None) => format!("-  {}", if data["row"].is_null() { &data["key"] } else { &data["row"] }),
        ("reset", _) => format!("-- everything from here on, at {} ({})", text(&data["position"]), text(&data["reason"])),
        ("progress", _) => format!("-- complete at {}", text(&data["position"])),
        _ => format!("-- {event} {data}"),
    };
    printable(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_line_that_steers_no_terminal() {
        let headers = |operation: &str| json!({ "op": operation, "position": "2a:17", "sink": "s" });
        let upsert = json!({ "offset": 3, "key": "{\"id\":7}", "value": { "headers": headers("upsert"), "row": { "id": 7, "t": "a\u{9b}b" } } });
        assert_eq!(record_line(&upsert), "       3  2a:17              upsert     {\"id\":7}  {\"id\":7,\"t\":\"a\u{fffd}b\"}");
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
        assert_eq!(line("goodbye", json!({ "why": "a\u{9b}" })), "-- goodbye {\"why\":\"a\u{fffd}\"}");
    }
}
