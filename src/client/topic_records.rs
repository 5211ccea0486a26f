//! The records of a derived topic, read page by page.
//!
//! Owns [`FirstRecord`]. The name of a topic enters; its records leave one after the other, up to its end or for ever.

use std::ops::ControlFlow;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use super::connection::{Connection, encoded};
use super::error::ClientError;

/// Records of one request: as many as the API gives.
const PAGE: u64 = 1_000;
/// Interval at which the end of a topic is read.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// First position in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRecord {
    /// with what is kept
    Earliest,
    /// behind what is there
    Latest,
    /// here
    Offset(u64),
}

impl FromStr for FirstRecord {
    type Err = BadFirstRecord;

    fn from_str(text: &str) -> Result<Self, BadFirstRecord> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            other => other.parse().map(Self::Offset).map_err(|_| BadFirstRecord),
        }
    }
}

/// A text that is no position in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write earliest, latest or an offset")]
pub struct BadFirstRecord;

/// Passes each record from a position on to `seen`, until that breaks off; unless it follows, also until the end of the topic.
pub fn read_topic(
    connection: &Connection,
    topic: &str,
    first: FirstRecord,
    follow: bool,
    mut seen: impl FnMut(&Value) -> ControlFlow<()>,
) -> Result<(), ClientError> {
    let path = |limit: u64| format!("/v1/topics/{}/records?limit={limit}", encoded(topic));
    let mut from = match first {
        FirstRecord::Earliest => None,
        FirstRecord::Offset(offset) => Some(offset),
        FirstRecord::Latest => connection.get(&path(1))?["end"].as_u64(),
    };
    loop {
        let page = connection.get(&from.map_or_else(|| path(PAGE), |from| format!("{}&offset={from}", path(PAGE))))?;
        if records(&page).iter().any(|record| seen(record).is_break()) {
            return Ok(());
        }
        from = page["next"].as_u64().or(from);
        if is_end(&page) {
            if !follow {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

fn records(page: &Value) -> &[Value] {
    page["records"].as_array().map_or(&[], Vec::as_slice)
}

/// Returns true if nothing follows this page for now. Offsets may have gaps, also before the end: a page without records is the last one,
/// wherever it says that the next one begins.
fn is_end(page: &Value) -> bool {
    page["next"] == page["end"] || records(page).is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canned::{CannedServer, canned};
    use super::*;

    #[test]
    fn where_to_begin_is_a_word_or_an_offset() {
        let read = |text: &str| text.parse::<FirstRecord>();
        assert_eq!(
            (read("latest"), read("earliest"), read("17")),
            (Ok(FirstRecord::Latest), Ok(FirstRecord::Earliest), Ok(FirstRecord::Offset(17)))
        );
        assert!(read("-1").is_err() && read("").is_err());
    }

    /// The offsets that are read of these pages, and the requests.
    fn read(first: FirstRecord, pages: Vec<Value>) -> (Vec<u64>, Vec<String>) {
        let server = CannedServer::start(pages.into_iter().map(|page| canned("200 OK", page)).collect());
        let connection = Connection::new(&server.url, None).unwrap();
        let mut offsets = Vec::new();
        let seen = |record: &Value| {
            offsets.extend(record["offset"].as_u64());
            ControlFlow::Continue(())
        };
        read_topic(&connection, "t", first, false, seen).unwrap();
        (offsets, server.requests().into_iter().map(|request| request.line).collect())
    }

    #[test]
    fn a_topic_ends_behind_a_gap_that_nothing_follows() {
        let pages = vec![
            json!({ "records": [{ "offset": 3 }, { "offset": 7 }], "next": 8, "end": 11 }),
            // The last three offsets have no record, and this server does not say that the next one is behind them.
            json!({ "records": [], "next": 8, "end": 11 }),
        ];
        let (offsets, requests) = read(FirstRecord::Earliest, pages);
        assert_eq!(offsets, [3, 7]);
        assert_eq!(requests, ["GET /v1/topics/t/records?limit=1000", "GET /v1/topics/t/records?limit=1000&offset=8"]);
    }

    #[test]
    fn the_latest_record_is_behind_those_that_are_there() {
        let pages =
            vec![json!({ "records": [{ "offset": 3 }], "next": 4, "end": 11 }), json!({ "records": [], "next": 11, "end": 11 })];
        let (offsets, requests) = read(FirstRecord::Latest, pages);
        assert_eq!(offsets, [0_u64; 0]);
        assert_eq!(requests[1], "GET /v1/topics/t/records?limit=1000&offset=11");
    }
}
