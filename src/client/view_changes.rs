//! The rows of a view and their changes, as a subscription sends them.
//!
//! Owns the reading of server-sent events. The name of a view enters; messages of `event` and `data` leave, up to the end of the rows or for
//! ever.

use std::io::{BufRead, BufReader, Lines, Read};
use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::answer::text;
use super::connection::{Connection, encoded};
use super::error::ClientError;

/// Events that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// the rows that the view has at first
    pub rows: bool,
    /// the changes after those
    pub changes: bool,
}

/// A subscription of a view.
pub struct ViewChanges<'c> {
    connection: &'c Connection,
    lines: Lines<BufReader<Box<dyn Read>>>,
}

impl<'c> ViewChanges<'c> {
    /// Subscribes to a view; an error when there is none that the caller may read.
    pub fn open(connection: &'c Connection, view: &str) -> Result<Self, ClientError> {
        let body: Box<dyn Read> = Box::new(connection.stream(&format!("/v1/views/{}/subscribe", encoded(view)))?);
        Ok(Self { connection, lines: BufReader::new(body).lines() })
    }

    /// Passes the messages that are selected to `seen`, until that breaks off. The message that says that the first rows are whole is always
    /// among them, and the last one when no changes are selected.
    pub fn read(mut self, selection: Selection, mut seen: impl FnMut(&Value) -> ControlFlow<()>) -> Result<(), ClientError> {
        let mut is_whole = false;
        while let Some(message) = self.next()? {
            match text(&message["event"]) {
                "error" => return Err(self.connection.refused_in_stream(&message["data"])),
                "progress" => is_whole = true,
                _ => {}
            }
            if (is_whole || selection.rows) && seen(&message).is_break() {
                return Ok(());
            }
            if is_whole && !selection.changes {
                return Ok(());
            }
        }
        if is_whole { Ok(()) } else { Err(self.connection.unreachable("the answer ended before the rows were whole")) }
    }

    fn next(&mut self) -> Result<Option<Value>, ClientError> {
        let mut event = String::new();
        for line in self.lines.by_ref() {
            let line = line.map_err(|error| self.connection.unreachable(&error.to_string()))?;
            if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut event);
            } else if let Some(data) = line.strip_prefix("data:") {
                let data: Value = serde_json::from_str(data.trim()).unwrap_or_else(|_| json!(data.trim()));
                return Ok(Some(json!({ "event": event, "data": data })));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::canned::{CannedAnswer, CannedServer};
    use super::*;

    const ROWS: &str =
        "event: reset\nid: 1\ndata: {\"reason\":\"start\"}\n\nevent: upsert\ndata: {\"row\":{\"id\":1}}\n\n: heartbeat\n\n";
    const WHOLE: &str = "event: progress\ndata: {\"position\":\"2a:1\"}\n\n";
    const LATER: &str = "event: delete\ndata: {\"row\":{\"id\":1}}\n\nevent: progress\ndata: {\"position\":\"2a:2\"}\n\n";

    /// The names of the events that are seen, and the outcome.
    fn read(selection: Selection, sent: &[&str]) -> (Vec<String>, Result<(), String>) {
        let server = CannedServer::start(vec![CannedAnswer { status: "200 OK", headers: "", body: sent.concat() }]);
        let connection = Connection::new(&server.url, None).unwrap();
        let mut events = Vec::new();
        let outcome = ViewChanges::open(&connection, "posts").unwrap().read(selection, |message| {
            events.push(text(&message["event"]).to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(server.requests()[0].line, "GET /v1/views/posts/subscribe");
        (events, outcome.map_err(|error| error.to_string()))
    }

    #[test]
    fn rows_and_changes_are_selected_and_the_rows_end_where_they_are_whole() {
        let all = [ROWS, WHOLE, LATER];
        let (events, outcome) = read(Selection { rows: true, changes: true }, &all);
        assert_eq!((events.join(" "), outcome), ("reset upsert progress delete progress".to_owned(), Ok(())));
        let (events, outcome) = read(Selection { rows: true, changes: false }, &all);
        assert_eq!((events.join(" "), outcome), ("reset upsert progress".to_owned(), Ok(())));
        let (events, outcome) = read(Selection { rows: false, changes: true }, &all);
        assert_eq!((events.join(" "), outcome), ("progress delete progress".to_owned(), Ok(())));
        let (events, outcome) = read(Selection { rows: false, changes: false }, &all);
        assert_eq!((events.join(" "), outcome), ("progress".to_owned(), Ok(())));
    }

    #[test]
    fn rows_that_are_cut_short_and_errors_of_the_server_are_errors() {
        let both = Selection { rows: true, changes: true };
        let (_, outcome) = read(both, &[ROWS]);
        assert!(outcome.is_err_and(|error| error.contains("ended before the rows were whole")));
        let problem = "event: error\ndata: {\"status\":401,\"detail\":\"the token has expired\"}\n\n";
        let (events, outcome) = read(both, &[ROWS, WHOLE, problem]);
        assert_eq!(events.join(" "), "reset upsert progress");
        assert!(outcome.is_err_and(|error| error.contains("answered 401: the token has expired")));
    }
}
