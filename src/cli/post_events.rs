//! The client's half of `POST /v1/events`.
//!
//! Owns the policy of trying again: every event has an id, so sending one twice changes nothing. Lines
//! enter, one answer per line leaves.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::StatusCode;

use super::connection::{Connection, NoResponse};
use crate::error::Failure;

/// How often a request is tried.
const ATTEMPTS_MAX: u32 = 6;
/// The wait before the second attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A server that events are sent to.
pub struct Client(Connection);

/// What the server said to a batch.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// per line, in order
    pub results: Vec<LineAnswer>,
    /// what `after` takes to wait until the batch is visible
    pub position: Option<String>,
}

/// What the server said to a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LineAnswer {
    /// in the log
    Accepted,
    /// was there before
    Duplicate,
    /// nothing in it
    Empty,
    /// not an event
    Rejected {
        /// stable name of the kind of fault
        reason: String,
        /// the path of the field it lies in
        #[serde(default)]
        field: Option<String>,
        /// what is wrong, in words
        #[serde(default)]
        detail: String,
    },
}

/// One attempt's outcome.
enum Attempt {
    Done(Answer),
    Again(Failure),
}

impl Client {
    /// A client of `server`; the token is read from a file.
    pub fn new(server: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self(Connection::new(server, token_file)?))
    }

    /// Sends lines; tries again while the server is away or busy.
    pub fn post(&self, lines: &[Vec<u8>]) -> Result<Answer, Failure> {
        if lines.iter().all(|line| line.trim_ascii().is_empty()) {
            return Ok(Answer { results: vec![LineAnswer::Empty; lines.len()], position: None });
        }
        // A line break after the last line too, so that an empty last line is one.
        let mut body = lines.join(&b'\n');
        body.push(b'\n');
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match self.attempt(&body, lines.len())? {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::Again(failure) if attempt == ATTEMPTS_MAX => return Err(failure),
                Attempt::Again(failure) => {
                    tracing::warn!(attempt, wait_ms = wait.as_millis() as u64, %failure, "sending events again")
                }
            }
            thread::sleep(wait);
            wait *= 2;
            attempt += 1;
        }
    }

    fn attempt(&self, body: &[u8], lines: usize) -> Result<Attempt, Failure> {
        let response = match self.0.post("/v1/events", "application/x-ndjson", body) {
            Ok(response) => response,
            Err(NoResponse::Passing(failure)) => return Ok(Attempt::Again(failure)),
            Err(NoResponse::Lasting(failure)) => return Err(failure),
        };
        if let Some(answer) = answer(&response.text, lines) {
            return Ok(Attempt::Done(answer));
        }
        let refused = self.0.refused(&response);
        if response.status == StatusCode::SERVICE_UNAVAILABLE { Ok(Attempt::Again(refused)) } else { Err(refused) }
    }
}

/// The answer to so many lines; also a rejected single line is one, whatever the status.
fn answer(text: &str, lines: usize) -> Option<Answer> {
    serde_json::from_str(text).ok().filter(|answer: &Answer| answer.results.len() == lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_result_for_each_line() {
        let text = r#"{"results":[{"status":"accepted","position":"social.post:0:1"},{"status":"duplicate","position":null},{"status":"empty"},
            {"status":"rejected","reason":"bad_id","field":"event.aggregate_id","detail":"no digits"}],"accepted":1,"position":"social.post:0:1"}"#;
        let rejected = LineAnswer::Rejected {
            reason: "bad_id".into(),
            field: Some("event.aggregate_id".into()),
            detail: "no digits".into(),
        };
        let expected = [LineAnswer::Accepted, LineAnswer::Duplicate, LineAnswer::Empty, rejected];
        assert_eq!(answer(text, 4).unwrap().results, expected);
        assert_eq!(answer(text, 3), None, "an answer to another number of lines was taken");
    }
}
