//! A file of events on its way to a server, batch by batch.
//!
//! Owns the loop of `tidewater ingest`. A file enters and the answers to its lines leave, in order; after a failure or a request to stop as
//! many as there were.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::error::ClientError;
use super::events_file::{Batch, EventsFile};
use super::post_events::{Answer, Client};
use crate::file_error::FileError;
use crate::stop::StopSignal;

/// Batches that are read before the server has answered the one before.
const BATCHES_AHEAD: usize = 1;
/// Interval at which a request to stop is looked for while a file has no more lines yet, as a pipe may.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Sends the lines of a file until its end or a request to stop. `answered` gets the number of the first line of each part and the answer
/// to the lines from there on; what is not passed to it has no answer.
///
/// # Errors
/// The file, the server, or a request to stop. Lines behind the last answer may have been taken: events have ids, so the file can be sent
/// again.
pub fn send_file(
    client: &Client,
    file: EventsFile,
    stop: &StopSignal,
    mut answered: impl FnMut(u64, Answer),
) -> Result<(), ClientError> {
    let (batches, reader) = read_ahead(file);
    loop {
        if stop.is_requested() {
            return Err(ClientError::Stopped);
        }
        let batch = match batches.recv_timeout(LOOK_INTERVAL) {
            Ok(batch) => batch?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return reader.join().map_err(|panic| resume_unwind(panic)),
        };
        let (answer, outcome) = match client.post(&batch.lines, stop) {
            Ok(answer) => (answer, Ok(())),
            Err(error) => (error.taken, Err(error.cause)),
        };
        answered(batch.first_line, answer);
        outcome?;
    }
}

/// Reads a file on a thread of its own: reading a pipe may take for ever, and can't be broken off.
fn read_ahead(mut file: EventsFile) -> (Receiver<Result<Batch, FileError>>, JoinHandle<()>) {
    let (give, batches) = sync_channel(BATCHES_AHEAD);
    let read = move || {
        while let Some(batch) = file.batch().transpose() {
            let is_last = batch.is_err();
            // Nobody takes it any more once sending has failed.
            if give.send(batch).is_err() || is_last {
                break;
            }
        }
    };
    (batches, std::thread::spawn(read))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::super::canned::{CannedServer, canned};
    use super::super::events_file::BATCH_LINES_MAX;
    use super::super::post_events::LineAnswer;
    use super::*;

    /// Sends so many lines to a server with these answers: the parts that were answered, and the outcome.
    fn send(lines: usize, answers: Vec<(&'static str, serde_json::Value)>) -> (Vec<(u64, usize)>, Result<(), ClientError>) {
        let server = CannedServer::start(answers.into_iter().map(|(status, body)| canned(status, body)).collect());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        (0..lines).for_each(|line| writeln!(file, "{line}").unwrap());
        let client = Client::new(&server.url, None).unwrap();
        let mut parts = Vec::new();
        let file = EventsFile::open(file.path(), |_| {}).unwrap();
        let answered = |first, answer: Answer| parts.push((first, answer.results.len()));
        let outcome = send_file(&client, file, &StopSignal::default(), answered);
        (parts, outcome)
    }

    fn results(statuses: &[(&str, usize)]) -> serde_json::Value {
        let results = statuses.iter().flat_map(|(status, count)| vec![json!({ "status": status, "detail": "" }); *count]);
        json!({ "results": results.collect::<Vec<_>>(), "position": null })
    }

    #[test]
    fn after_a_failure_what_was_taken_is_known() {
        let answers = vec![
            ("200 OK", results(&[("accepted", BATCH_LINES_MAX)])),
            ("200 OK", results(&[("accepted", 5), ("refused", 95)])),
            ("403 Forbidden", json!({ "detail": "the token may not" })),
        ];
        let (parts, outcome) = send(BATCH_LINES_MAX + 100, answers);
        assert_eq!(parts, [(1, BATCH_LINES_MAX), (BATCH_LINES_MAX as u64 + 1, 5)]);
        assert!(matches!(outcome, Err(ClientError::Refused { status: 403, .. })), "{outcome:?}");
    }

    #[test]
    fn a_request_to_stop_ends_a_wait_and_what_was_taken_is_known() {
        let mut refused = canned("200 OK", results(&[("accepted", 1), ("refused", 1)]));
        refused.headers = "retry-after: 3600\r\n";
        let server = CannedServer::start(vec![refused]);
        let (client, stop) = (Client::new(&server.url, None).unwrap(), StopSignal::default());
        let sending = std::thread::spawn({
            let stop = stop.clone();
            move || client.post(&[b"1".to_vec(), b"2".to_vec()], &stop)
        });
        server.requests();
        stop.request();
        let error = sending.join().unwrap().unwrap_err();
        assert_eq!(error.taken.results, [LineAnswer::Accepted]);
        assert!(matches!(error.cause, ClientError::Stopped));
    }
}
