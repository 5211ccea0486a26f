//! The client's half of `POST /v1/events`.
//!
//! Owns the policy of trying again: every event has an id, so sending one twice changes nothing. A server that is behind refuses lines
//! for the moment; those are sent again when it says so, for as long as it takes some. Lines enter, one answer per line leaves.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use schemas::position::{LogPosition, Offset, Partition, Token, Topic};
use serde::Deserialize;
use ureq::http::StatusCode;

use super::connection::{Connection, NoResponse, problem};
use super::error::ClientError;
use crate::stop::StopSignal;

/// Most attempts of a request.
const ATTEMPTS_MAX: u32 = 6;
/// The wait before the second attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Most times in a row that a server may refuse every line before it is given up: more than ten minutes.
const REFUSALS_MAX: u32 = 600;
/// The wait after a refusal that does not say how long.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);

/// A server that events are sent to.
pub struct Client(Connection);

/// Answer of the server to a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// per line, in order
    pub results: Vec<LineAnswer>,
    /// value for `after` to wait until the batch is visible
    pub position: Option<String>,
}

/// Reason why only a part of a batch has an answer.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct PostError {
    /// the answer to the first lines; the others have none, and may have been taken or not
    pub taken: Answer,
    /// the reason
    pub cause: ClientError,
}

/// The answers to a batch so far.
#[derive(Default)]
struct TakenLines {
    results: Vec<LineAnswer>,
    positions: Vec<String>,
}

impl TakenLines {
    fn answer(self) -> Answer {
        Answer { results: self.results, position: joined(self.positions) }
    }
}

/// Answer of the server to a line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum LineAnswer {
    /// in the log
    Accepted,
    /// was there before
    Duplicate,
    /// nothing in it
    Empty,
    /// not an event, or one that the token may not send
    #[serde(alias = "forbidden")]
    Rejected {
        /// stable name of the kind of fault
        reason: String,
        /// the path of the field it lies in
        #[serde(default)]
        field: Option<String>,
        /// the fault, in words
        #[serde(default)]
        detail: String,
    },
}

/// One answer as it is read.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct RawAnswer {
    results: Vec<RawLine>,
    position: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum RawLine {
    LookedAt(LineAnswer),
    Refused(RefusedLine),
}

/// A line that the server did not look at.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "status")]
enum RefusedLine {
    #[serde(rename = "refused")]
    Refused {
        #[serde(default)]
        detail: String,
    },
}

/// The answer to some lines, of which the last ones may be refused.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    looked_at: Vec<LineAnswer>,
    position: Option<String>,
    /// reason why the lines behind those are refused, in words
    refused: Option<String>,
}

/// One attempt's outcome.
enum Attempt {
    /// an answer, and when refused lines may come again
    Done(Part, Option<Duration>),
    Again(ClientError),
}

impl Client {
    /// A client of `server`; the token is read from a file.
    pub fn new(server: &str, token_file: Option<&Path>) -> Result<Self, ClientError> {
        Ok(Self::over(Connection::new(server, token_file)?))
    }

    /// A client of the server at the end of a connection.
    pub fn over(connection: Connection) -> Self {
        Self(connection)
    }

    /// Sends lines; tries again while the server is away or busy, and sends those again that it refuses for the moment. A request to stop
    /// ends that; what is under way then is waited for.
    pub fn post(&self, lines: &[Vec<u8>], stop: &StopSignal) -> Result<Answer, PostError> {
        let mut taken = TakenLines::default();
        match self.post_all(lines, stop, &mut taken) {
            Ok(()) => Ok(taken.answer()),
            Err(cause) => Err(PostError { taken: taken.answer(), cause }),
        }
    }

    fn post_all(&self, lines: &[Vec<u8>], stop: &StopSignal, taken: &mut TakenLines) -> Result<(), ClientError> {
        let mut refusals = 0;
        while taken.results.len() < lines.len() {
            let (part, retry_after) = self.post_part(&lines[taken.results.len()..], stop)?;
            refusals = if part.looked_at.is_empty() { refusals + 1 } else { 0 };
            taken.results.extend(part.looked_at);
            taken.positions.extend(part.position);
            let Some(detail) = part.refused else { continue };
            if refusals == REFUSALS_MAX {
                return Err(self.0.refused_for_long(detail));
            }
            let wait = retry_after.unwrap_or(REFUSAL_WAIT);
            tracing::info!(wait_ms = wait.as_millis() as u64, detail, "the server takes no more events for the moment");
            if stop.wait(wait) {
                return Err(ClientError::Stopped);
            }
        }
        Ok(())
    }

    /// Sends lines until there is an answer, and when those that are refused may come again.
    fn post_part(&self, lines: &[Vec<u8>], stop: &StopSignal) -> Result<(Part, Option<Duration>), ClientError> {
        if lines.iter().all(|line| line.trim_ascii().is_empty()) {
            return Ok((Part { looked_at: vec![LineAnswer::Empty; lines.len()], position: None, refused: None }, None));
        }
        // A line break after the last line too, so that an empty last line is one.
        let mut body = lines.join(&b'\n');
        body.push(b'\n');
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match self.attempt(&body, lines.len())? {
                Attempt::Done(part, retry_after) => return Ok((part, retry_after)),
                Attempt::Again(failure) if attempt == ATTEMPTS_MAX => return Err(failure),
                Attempt::Again(failure) => {
                    tracing::warn!(attempt, wait_ms = wait.as_millis() as u64, %failure, "sending events again")
                }
            }
            if stop.wait(wait) {
                return Err(ClientError::Stopped);
            }
            wait *= 2;
            attempt += 1;
        }
    }

    fn attempt(&self, body: &[u8], lines: usize) -> Result<Attempt, ClientError> {
        let response = match self.0.post("/v1/events", "application/x-ndjson", body) {
            Ok(response) => response,
            Err(NoResponse::Passing(failure)) => return Ok(Attempt::Again(failure)),
            Err(NoResponse::Lasting(failure)) => return Err(failure),
        };
        if let Some(part) = part(&response.text, lines) {
            return Ok(Attempt::Done(part, response.retry_after));
        }
        if response.status == StatusCode::TOO_MANY_REQUESTS {
            // Nothing was looked at: this client asked too often.
            let part = Part { looked_at: Vec::new(), position: None, refused: Some(problem(&response.text)) };
            return Ok(Attempt::Done(part, response.retry_after));
        }
        let refused = self.0.refused(&response);
        if response.status == StatusCode::SERVICE_UNAVAILABLE { Ok(Attempt::Again(refused)) } else { Err(refused) }
    }
}

/// The answer to so many lines, whatever the status; also one to a single line that is rejected, and one that refuses all, read or not.
fn part(text: &str, lines: usize) -> Option<Part> {
    let answer: RawAnswer = serde_json::from_str(text).ok()?;
    if answer.results.is_empty() {
        // The server had no memory for the body: no line was looked at.
        return Some(Part { looked_at: Vec::new(), position: None, refused: Some(problem(text)) });
    }
    if answer.results.len() != lines {
        return None;
    }
    let (mut looked_at, mut refused) = (Vec::with_capacity(lines), None);
    for line in answer.results {
        match line {
            RawLine::LookedAt(line) => looked_at.push(line),
            RawLine::Refused(RefusedLine::Refused { detail }) => {
                // Whatever follows is sent again with it, so that the order of lines is kept.
                refused = Some(detail);
                break;
            }
        }
    }
    Some(Part { looked_at, position: answer.position, refused })
}

/// The position that covers all of these: the last offset in each partition.
fn joined(positions: Vec<String>) -> Option<String> {
    if positions.len() < 2 {
        return positions.into_iter().next();
    }
    let mut last: BTreeMap<(Topic, Partition), Offset> = BTreeMap::new();
    for position in &positions {
        // What is no list of records stands for everything before it; a server does not answer that here.
        let Ok(Token::Records(records)) = position.parse() else { return positions.into_iter().next_back() };
        for LogPosition { topic, partition, offset } in records {
            let known = last.entry((topic, partition)).or_insert(offset);
            *known = offset.max(*known);
        }
    }
    let records = last.into_iter().map(|((topic, partition), offset)| LogPosition { topic, partition, offset });
    Some(Token::Records(records.collect()).to_string())
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
        let found = part(text, 4).unwrap();
        assert_eq!((found.looked_at.as_slice(), found.refused), (&expected[..], None));
        assert_eq!(part(text, 3), None, "an answer to another number of lines was taken");
    }

    #[test]
    fn lines_from_the_first_refused_one_on_are_to_be_sent_again() {
        let text = r#"{"type":"urn:tidewater:problem:views_behind","results":[{"status":"accepted","position":"social.post:0:1"},
            {"status":"refused","reason":"lag_records","detail":"the views are behind"},{"status":"empty"}],"position":"social.post:0:1"}"#;
        let expected = Part {
            looked_at: vec![LineAnswer::Accepted],
            position: Some("social.post:0:1".into()),
            refused: Some("the views are behind".into()),
        };
        assert_eq!(part(text, 3), Some(expected));
        assert_eq!(part(r#"{"results":[{"status":"puzzled","detail":"?"}]}"#, 1), None);
        let unread = Part { looked_at: Vec::new(), position: None, refused: Some("no memory".into()) };
        let text = r#"{"type":"urn:tidewater:problem:memory_full","detail":"no memory","results":[],"position":null}"#;
        assert_eq!(part(text, 3), Some(unread));
    }

    #[test]
    fn the_position_of_parts_covers_all_of_them() {
        let parts = ["social.post:0:7,social.post:1:2", "social.post:1:9,social.user:0:1", "social.post:1:4"];
        let joined = |parts: &[&str]| joined(parts.iter().map(|part| (*part).to_owned()).collect());
        assert_eq!(joined(&parts).as_deref(), Some("social.post:0:7,social.post:1:9,social.user:0:1"));
        assert_eq!(joined(&parts[..1]).as_deref(), Some(parts[0]));
        assert_eq!(joined(&[]), None);
    }
}
