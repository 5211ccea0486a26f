//! Report on a data directory or a server: its condition, and what is wrong with it.
//!
//! Facts and findings enter, each problem with what to do; lines or JSON leave.

use serde::Serialize;
use serde_json::{Value, json};

/// Findings of the doctor.
#[derive(Debug, Default, Serialize)]
pub struct DoctorReport {
    /// findings, by name
    pub facts: Vec<(&'static str, Value)>,
    /// findings that stop progress
    pub problems: Vec<Finding>,
    /// findings worth knowing
    pub notes: Vec<Finding>,
}

/// Something to do something about.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// the finding
    pub found: String,
    /// advice to the operator
    pub action: String,
}

impl DoctorReport {
    /// Adds a fact.
    pub fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.push((name, value.into()));
    }

    /// Adds a problem.
    pub fn problem(&mut self, found: impl Into<String>, action: impl Into<String>) {
        self.problems.push(Finding { found: found.into(), action: action.into() });
    }

    /// Adds a note.
    pub fn note(&mut self, found: impl Into<String>, action: impl Into<String>) {
        self.notes.push(Finding { found: found.into(), action: action.into() });
    }

    /// The report for programs.
    pub fn json(&self) -> Value {
        let facts: serde_json::Map<String, Value> =
            self.facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        json!({ "facts": facts, "problems": self.problems, "notes": self.notes })
    }

    /// The report for people, line by line.
    pub fn text(&self) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_list_has_a_line_and_problems_come_last() {
        let mut report = DoctorReport::default();
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
