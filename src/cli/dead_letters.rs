//! `tidewater dead-letters`: events that a server refused, listed, printed, sent again and discarded; and rows on which an expression fails.
//!
//! Ids and conditions enter; a line for each letter leaves, or a JSON object.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Value, json};

use super::arguments::{ChosenLetters, DeadLettersArguments, Format, LettersAction, RemoteArguments};
use super::failure::Failure;
use crate::client::connection::Connection;
use crate::client::dead_letters::{discard_letter, read_letter, read_letters, read_row_errors, retry_letter};
use crate::client::error::ClientError;
use crate::file_error::FileError;
use crate::terminal::{print_json, print_line, print_lines};

/// The most characters of a letter's text, or of the reason of a table, that a line shows.
const PREVIEW_CHARACTERS: usize = 60;
/// Name of standard input.
const STANDARD_INPUT: &str = "-";

/// Does what was asked for.
pub(super) fn run(arguments: &DeadLettersArguments) -> Result<(), Failure> {
    match &arguments.action {
        LettersAction::List { filter, remote } => list(&filter.conditions(), remote),
        LettersAction::Show { id, remote } => show(*id, remote),
        LettersAction::Retry { chosen, with: None, remote } => {
            for_each_chosen(chosen, remote, |connection, id| retry_letter(connection, id, None))
        }
        LettersAction::Retry { chosen, with: Some(file), remote } => {
            if chosen.ids.len() != 1 {
                return Err(Failure::ReplacedLetters { letters: chosen.ids.len() });
            }
            let line = read_line(file)?;
            for_each_chosen(chosen, remote, |connection, id| retry_letter(connection, id, Some(&line)))
        }
        LettersAction::Discard { chosen, remote } => for_each_chosen(chosen, remote, discard_letter),
        LettersAction::RowErrors(remote) => row_errors(remote),
    }
}

fn connect(remote: &RemoteArguments) -> Result<Connection, Failure> {
    Ok(remote.connection()?)
}

/// Reads an event that replaces a letter.
fn read_line(path: &Path) -> Result<Vec<u8>, FileError> {
    let read = if path == Path::new(STANDARD_INPUT) {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    let bytes = read.map_err(FileError::read(path))?;
    if bytes.trim_ascii().is_empty() {
        // The server would take a request without a body as one to send the letter as it is.
        return Err(FileError::read(path)(io::Error::new(io::ErrorKind::InvalidData, "it holds no event")));
    }
    Ok(bytes)
}

fn list(conditions: &[(&str, &str)], remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let is_text = remote.format == Format::Text;
    let mut letters = Vec::new();
    let page = read_letters(&connection, conditions, |letter| match is_text {
        true => print_line(&line(letter)),
        false => letters.push(letter.clone()),
    })?;
    let totals = ["dead_letters_total", "dead_letters_retried", "dead_letters_discarded", "row_errors_total"];
    let totals = totals.map(|name| (name, page[name].clone()));
    if is_text {
        let [total, retried, discarded, errors] = totals.map(|(_, total)| total);
        print_line(&format!(
            "{total} in all, {retried} of them sent again, {discarded} discarded; {errors} rows with an error of an expression"
        ));
    } else {
        let mut answer = json!({ "dead_letters": letters });
        totals.into_iter().for_each(|(name, total)| answer[name] = total);
        print_json(&answer);
    }
    Ok(())
}

fn row_errors(remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let is_text = remote.format == Format::Text;
    let mut errors = Vec::new();
    let page = read_row_errors(&connection, |error| match is_text {
        true => print_line(&row_error_line(error)),
        false => errors.push(error.clone()),
    })?;
    let total = page["row_errors_total"].clone();
    match remote.format {
        Format::Text => print_line(&format!("{total} rows with an error of an expression")),
        Format::Json => print_json(&json!({ "row_errors": errors, "row_errors_total": total })),
    }
    Ok(())
}

/// An error on one line: the relation, how often, the expression, the failure, the row.
fn row_error_line(error: &Value) -> String {
    let [relation, expression, detail, row] = ["relation", "expression", "detail", "row"].map(|name| text(&error[name]));
    let count = error["count"].as_i64().filter(|count| *count != 1).map_or_else(String::new, |count| format!(" ({count} times)"));
    format!("{relation}{count}: {expression}: {detail}; row {row}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// A letter on one line. One that a table has refused ends with the table and its reason, which say more than the bytes of an event that is whole.
fn line(letter: &Value) -> String {
    let preview = |text: &str| text.chars().take(PREVIEW_CHARACTERS).collect::<String>();
    let preview = match letter["relation"].as_str() {
        Some(relation) => format!("{relation}: {}", preview(text(&letter["detail"]))),
        None => preview(text(&letter["text"])),
    };
    let (reason, sent_to) = (text(&letter["reason"]), text(&letter["sent_to"]));
    let arrived = text(&letter["arrived"]);
    format!("{:>8}  {arrived:<27}  {reason:<22} {sent_to:<20} {preview}", letter["id"].to_string())
}

fn show(id: u64, remote: &RemoteArguments) -> Result<(), Failure> {
    let letter = read_letter(&connect(remote)?, id)?;
    match remote.format {
        Format::Json => print_json(&letter),
        Format::Text => print_lines(description(&letter)),
    }
    Ok(())
}

/// A line for each member, and then the text with its own lines.
fn description(letter: &Value) -> Vec<String> {
    let members = [
        "id", "reason", "field", "detail", "relation", "sent_to", "sender_actor", "topic", "partition", "offset", "arrived", "length",
    ];
    let member = |name: &str| {
        let value = letter[name].as_str().map_or_else(|| letter[name].to_string(), ToOwned::to_owned);
        format!("{name:<12} {value}")
    };
    let mut lines = members.map(member).to_vec();
    lines.push(String::new());
    lines.extend(text(&letter["text"]).lines().map(ToOwned::to_owned));
    lines
}

/// Does something with each of the letters. One that is rejected does not stop the others; an error does, and what was done before is told.
fn for_each_chosen(
    chosen: &ChosenLetters,
    remote: &RemoteArguments,
    act: impl Fn(&Connection, u64) -> Result<Value, ClientError>,
) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let mut ids = chosen.ids.clone();
    if ids.is_empty() {
        read_letters(&connection, &chosen.filter.conditions(), |letter| ids.extend(letter["id"].as_u64()))?;
    }
    let mut outcomes = Vec::new();
    let mut act_on_all = || {
        for id in &ids {
            let outcome = act(&connection, *id)?;
            if remote.format == Format::Text {
                print_line(&outcome_line(*id, &outcome));
            }
            outcomes.push(outcome);
        }
        Ok::<(), ClientError>(())
    };
    let acted = act_on_all();
    let rejected = outcomes.iter().filter(|outcome| outcome["status"] == "rejected").count() as u64;
    if remote.format == Format::Json {
        print_json(&json!({ "results": outcomes, "rejected": rejected, "complete": acted.is_ok() }));
    } else if acted.is_err() {
        print_line(&format!("not complete: {} of {} dead letters have an answer", outcomes.len(), ids.len()));
    }
    acted?;
    match rejected {
        0 => Ok(()),
        rejected => Err(Failure::LettersRejected { rejected, letters: ids.len() as u64 }),
    }
}

fn outcome_line(id: u64, outcome: &Value) -> String {
    let detail = outcome["detail"].as_str().or(outcome["position"].as_str()).unwrap_or("");
    format!("{id:>8}  {:<10} {detail}", text(&outcome["status"])).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_errors_of_rows_are_a_line_each() {
        let letter = json!({ "id": 7, "reason": "not_json", "sent_to": null, "text": "a\nb", "length": 3 });
        assert_eq!(line(&letter), "       7  -                            not_json               -                    a\nb");
        let raised = json!({ "id": 8, "reason": "raised", "sent_to": "t", "relation": "orders", "detail": "it is PAID", "text": "{}" });
        assert_eq!(line(&raised), "       8  -                            raised                 t                    orders: it is PAID");
        let error =
            json!({ "relation": "r", "expression": "1 / a", "detail": "division by zero", "row": "{\"a\":\"b\"}", "count": 2 });
        assert_eq!(row_error_line(&error), "r (2 times): 1 / a: division by zero; row {\"a\":\"b\"}");
        let description = description(&letter);
        assert_eq!(description[0], "id           7");
        assert_eq!(description[12..], ["", "a", "b"]);
        assert_eq!(outcome_line(7, &json!({ "status": "discarded" })), "       7  discarded");
    }
}
