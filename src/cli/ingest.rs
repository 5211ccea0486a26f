//! `tidewater ingest`: a file of events to a server, with a progress bar, in batches.
//!
//! Owns the summary. Answers to lines enter; counts and the first rejected lines leave, also after a failure or a signal: what was taken until
//! then is told. A rejected line does not stop the others.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::{Format, IngestArguments};
use super::failure::{Exit, Failure};
use crate::client::events_file::EventsFile;
use crate::client::ingest::send_file;
use crate::client::post_events::{Answer, Client, LineAnswer};
use crate::interrupt::stop_on_signal;
use crate::stop::StopSignal;
use crate::terminal::{grouped, print_json, print_lines};

/// The most rejected lines that are listed.
const REJECTS_LISTED_MAX: usize = 10;

/// Summary of the lines.
#[derive(Debug, Default, Serialize)]
struct Summary {
    lines: u64,
    accepted: u64,
    duplicates: u64,
    empty: u64,
    rejected: u64,
    first_rejects: Vec<Reject>,
    /// every line of the file has an answer
    complete: bool,
    /// the position of the last answer, to be given as `after=`
    position: Option<String>,
}

#[derive(Debug, Serialize)]
struct Reject {
    line: u64,
    reason: String,
    field: Option<String>,
    detail: String,
}

/// Sends the file.
pub(super) fn run(arguments: &IngestArguments) -> Result<(), Failure> {
    let client = Client::over(arguments.remote.connection()?);
    let bar = bar();
    let counted = bar.clone();
    let file = EventsFile::open(&arguments.file, move |bytes| counted.inc(bytes))?;
    if let Some(length) = file.length() {
        bar.set_length(length);
    }
    let stop = StopSignal::default();
    stop_on_signal(&stop, Exit::Stopped as u8).map_err(|source| Failure::Signals { source })?;
    let mut summary = Summary::default();
    let sent = send_file(&client, file, &stop, |first_line, answer| {
        summary.count_all(first_line, answer);
        bar.set_message(format!("{} lines, {} rejected", grouped(summary.lines), grouped(summary.rejected)));
    });
    bar.finish_and_clear();
    summary.complete = sent.is_ok();
    summary.print(arguments.remote.format);
    sent?;
    match summary.rejected {
        0 => Ok(()),
        rejected => Err(Failure::EventsRejected { rejected, lines: summary.lines }),
    }
}

fn bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    let template = "{wide_bar} {bytes}/{total_bytes} {eta}  {msg}";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

impl Summary {
    fn count_all(&mut self, first_line: u64, answer: Answer) {
        for (line, answer) in (first_line..).zip(answer.results) {
            self.count(line, answer);
        }
        self.position = answer.position.or(self.position.take());
    }

    fn count(&mut self, line: u64, answer: LineAnswer) {
        self.lines += 1;
        match answer {
            LineAnswer::Accepted => self.accepted += 1,
            LineAnswer::Duplicate => self.duplicates += 1,
            LineAnswer::Empty => self.empty += 1,
            LineAnswer::Rejected { reason, field, detail } => {
                self.rejected += 1;
                if self.first_rejects.len() < REJECTS_LISTED_MAX {
                    self.first_rejects.push(Reject { line, reason, field, detail });
                }
            }
        }
    }

    fn print(&self, format: Format) {
        match format {
            Format::Json => print_json(&serde_json::json!(self)),
            Format::Text => print_lines(self.text()),
        }
    }

    fn text(&self) -> Vec<String> {
        let counts = [
            ("lines", self.lines),
            ("accepted", self.accepted),
            ("duplicates", self.duplicates),
            ("empty", self.empty),
            ("rejected", self.rejected),
        ];
        let mut text: Vec<String> = counts.iter().map(|(name, count)| format!("{name:<10} {:>12}", grouped(*count))).collect();
        text.extend(self.position.as_ref().map(|position| format!("{:<10} {position}", "position")));
        for reject in &self.first_rejects {
            let field = reject.field.as_ref().map_or_else(String::new, |field| format!(" (field '{field}')"));
            text.push(format!("  line {}: {}: {}{field}", reject.line, reject.reason, reject.detail));
        }
        let unlisted = self.rejected - self.first_rejects.len() as u64;
        if unlisted > 0 {
            text.push(format!("  and {} more", grouped(unlisted)));
        }
        if !self.complete {
            let next = grouped(self.lines + 1);
            text.push(format!(
                "not complete: line {next} and the lines after it have no answer; sent again, no event counts twice"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rejects_are_listed_and_the_others_counted() {
        let mut summary = Summary { complete: true, ..Summary::default() };
        summary.count(1, LineAnswer::Accepted);
        summary.count(2, LineAnswer::Duplicate);
        for line in 3..15 {
            let rejected =
                LineAnswer::Rejected { reason: "bad_id".into(), field: Some("actor_id".into()), detail: "no digits".into() };
            summary.count(line, rejected);
        }
        let text = summary.text();
        assert_eq!(text[0], "lines                14");
        assert_eq!(text[5], "  line 3: bad_id: no digits (field 'actor_id')");
        assert_eq!(text.len(), 5 + REJECTS_LISTED_MAX + 1);
        assert_eq!(text.last().unwrap(), "  and 2 more");
    }

    #[test]
    fn a_file_that_was_not_sent_to_its_end_is_told_with_the_line() {
        let mut summary = Summary::default();
        let answer = |position: Option<&str>, lines| Answer {
            results: vec![LineAnswer::Accepted; lines],
            position: position.map(ToOwned::to_owned),
        };
        summary.count_all(1, answer(Some("t:0:1"), 1_999));
        summary.count_all(2_000, answer(None, 0));
        assert_eq!((summary.lines, summary.accepted, summary.position.as_deref()), (1_999, 1_999, Some("t:0:1")));
        let text = summary.text();
        assert_eq!(text[5], "position   t:0:1", "it is given as after= to read one's own events");
        assert!(text.last().unwrap().starts_with("not complete: line 2,000 and the lines after it"), "{text:?}");
    }
}
