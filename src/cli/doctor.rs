//! `tidewater doctor`: what there is to know of a data directory or of a server, and what is wrong with it.
//!
//! Owns the report and how it is printed. Facts and findings enter, each problem with what to do; text or JSON leaves.

mod offline;
mod online;

use serde::Serialize;
use serde_json::{Value, json};

use super::output::print_line;
use super::{DoctorArguments, Format};
use crate::error::Failure;

/// Findings of the doctor.
#[derive(Debug, Default, Serialize)]
struct Report {
    facts: Vec<(&'static str, Value)>,
    /// findings that stop progress
    problems: Vec<Finding>,
    /// findings worth knowing
    notes: Vec<Finding>,
}

/// Something to do something about.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    found: String,
    action: String,
}

impl Report {
    fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.push((name, value.into()));
    }

    fn problem(&mut self, found: impl Into<String>, action: impl Into<String>) {
        self.problems.push(Finding { found: found.into(), action: action.into() });
    }

    fn note(&mut self, found: impl Into<String>, action: impl Into<String>) {
        self.notes.push(Finding { found: found.into(), action: action.into() });
    }

    fn print(&self, format: Format) {
        match format {
            Format::Json => {
                let facts: serde_json::Map<String, Value> =
                    self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                print_line(&json!({ "facts": facts, "problems": self.problems, "notes": self.notes }).to_string());
            }
            Format::Text => self.text().iter().for_each(|line| print_line(line)),
        }
    }

    fn text(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, value) in &self.facts {
            match value {
                Value::Array(values) => lines.extend(values.iter().map(|value| fact_line(name, value))),
                value => lines.push(fact_line(name, value)),
            }
        }
        lines.extend(self.notes.iter().map(|finding| format!("note: {}: {}", finding.found, finding.action)));
        lines.extend(self.problems.iter().map(|finding| format!("problem: {}: {}", finding.found, finding.action)));
        lines
    }
}

fn fact_line(name: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let part = |(name, value): (&String, &Value)| {
                format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned))
            };
            parts.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    };
    format!("{name:<12} {text}")
}

/// Looks, and fails when there is a problem.
pub(super) fn run(arguments: &DoctorArguments) -> Result<(), Failure> {
    let report = match (&arguments.data, &arguments.server) {
        (Some(data), _) => offline::report(data)?,
        (None, server) => online::report(server.as_deref().unwrap_or(super::SERVER_DEFAULT), arguments.token_file.as_deref())?,
    };
    report.print(arguments.format);
    match report.problems.len() {
        0 => Ok(()),
        problems => Err(Failure::Unhealthy { problems }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_list_has_a_line_and_problems_come_last() {
        let mut report = Report::default();
        report.fact("epoch", 7);
        report.fact("topic", json!([{ "name": "a", "records": 1 }, { "name": "b", "records": 2 }]));
        report.problem("the disk is full", "free space on it");
        report.note("1 dead letter", "look at it");
        let expected = [
            "epoch        7",
            "topic        name a, records 1",
            "topic        name b, records 2",
            "note: 1 dead letter: look at it",
            "problem: the disk is full: free space on it",
        ];
        assert_eq!(report.text(), expected);
    }
}
