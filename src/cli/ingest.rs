//! `tidewater ingest`: a file of events to a server, with a progress bar, in batches.
//!
//! Owns the summary. Lines enter; counts and the first rejected lines leave. A rejected line does not stop the others.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::arguments::{Format, IngestArguments};
use super::failure::Failure;
use crate::client::events_file::EventsFile;
use crate::client::post_events::{Client, LineAnswer};
use crate::terminal::{grouped, print_line};

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
    let client = Client::new(&arguments.server, arguments.token_file.as_deref())?;
    let bar = bar();
    let counted = bar.clone();
    let mut file = EventsFile::open(&arguments.file, move |bytes| counted.inc(bytes))?;
    if let Some(length) = file.length() {
        bar.set_length(length);
    }
    let mut summary = Summary::default();
    while let Some(batch) = file.batch()? {
        let answer = client.post(&batch.lines)?;
        for (place, line) in answer.results.into_iter().enumerate() {
            summary.count(batch.first_line + place as u64, line);
        }
        summary.position = answer.position.or(summary.position);
        bar.set_message(format!("{} lines, {} rejected", grouped(summary.lines), grouped(summary.rejected)));
    }
    bar.finish_and_clear();
    summary.print(arguments.format);
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
            Format::Json => print_line(&serde_json::json!(self).to_string()),
            Format::Text => self.text().iter().for_each(|line| print_line(line)),
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
        for reject in &self.first_rejects {
            let field = reject.field.as_ref().map_or_else(String::new, |field| format!(" (field '{field}')"));
            text.push(format!("  line {}: {}: {}{field}", reject.line, reject.reason, reject.detail));
        }
        let unlisted = self.rejected - self.first_rejects.len() as u64;
        if unlisted > 0 {
            text.push(format!("  and {} more", grouped(unlisted)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rejects_are_listed_and_the_others_counted() {
        let mut summary = Summary::default();
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
}
