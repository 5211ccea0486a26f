//! The client's half of `POST /v1/events`.
//!
//! Owns the connection, the token and the policy of trying again: every event has an id, so sending one twice changes nothing. Lines
//! enter, one answer per line leaves.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::StatusCode;

use crate::error::Failure;

/// How often a request is tried.
const ATTEMPTS_MAX: u32 = 6;
/// The wait before the second attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most characters of an answer that is not understood which are repeated to the user.
const UNKNOWN_ANSWER_CHARACTERS: usize = 200;

/// A server and how to talk to it.
pub struct Client {
    agent: Agent,
    server: String,
    authorization: Option<String>,
}

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
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .build()
            .new_agent();
        let authorization = match token_file {
            None => None,
            Some(path) => Some(authorization(&fs::read_to_string(path).map_err(Failure::read(path))?)),
        };
        Ok(Self { agent, server: server.trim_end_matches('/').to_owned(), authorization })
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
        let mut request = self.agent.post(format!("{}/v1/events", self.server)).header("content-type", "application/x-ndjson");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(ureq::Error::BadUri(detail)) => return Err(self.unreachable(&format!("'{detail}' is no address"))),
            Err(error) => return Ok(Attempt::Again(self.unreachable(&error.to_string()))),
        };
        let status = response.status();
        let text = match response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string() {
            Ok(text) => text,
            Err(error) => return Ok(Attempt::Again(self.unreachable(&error.to_string()))),
        };
        if let Some(answer) = answer(&text, lines) {
            return Ok(Attempt::Done(answer));
        }
        let refused = Failure::Refused { server: self.server.clone(), status: status.as_u16(), detail: problem(&text) };
        if status == StatusCode::SERVICE_UNAVAILABLE { Ok(Attempt::Again(refused)) } else { Err(refused) }
    }

    fn unreachable(&self, detail: &str) -> Failure {
        Failure::Unreachable { server: self.server.clone(), detail: detail.to_owned() }
    }
}

/// The header of a token file, which holds a token or the header itself.
fn authorization(text: &str) -> String {
    let text = text.trim();
    let token = text.strip_prefix("Authorization:").unwrap_or(text).trim();
    format!("Bearer {}", token.strip_prefix("Bearer ").unwrap_or(token))
}

/// The answer to so many lines; also a rejected single line is one, whatever the status.
fn answer(text: &str, lines: usize) -> Option<Answer> {
    serde_json::from_str(text).ok().filter(|answer: &Answer| answer.results.len() == lines)
}

/// The words of a problem, or the beginning of whatever it is.
fn problem(text: &str) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    match serde_json::from_str::<Problem>(text) {
        Ok(problem) => problem.detail,
        Err(_) => text.chars().take(UNKNOWN_ANSWER_CHARACTERS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_holds_a_token_or_the_header() {
        for text in ["abc.def\n", "Bearer abc.def", "Authorization: Bearer abc.def\n"] {
            assert_eq!(authorization(text), "Bearer abc.def", "{text:?}");
        }
    }

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

    #[test]
    fn problems_are_repeated_in_their_own_words() {
        assert_eq!(
            problem(r#"{"type":"urn:x","detail":"sending events needs a bearer token"}"#),
            "sending events needs a bearer token"
        );
        assert_eq!(problem("<html>bad gateway</html>"), "<html>bad gateway</html>");
    }
}
