//! `tidewater dead-letters`: events that a server refused, listed, printed and sent again.
//!
//! Ids enter; a line for each letter leaves, or a JSON object.

use std::fmt::Write as _;
use std::thread;

use serde_json::{Value, json};
use ureq::http::StatusCode;

use super::arguments::{DeadLettersArguments, Format, LettersAction, RemoteArguments};
use super::failure::Failure;
use crate::client::connection::Connection;
use crate::client::error::ClientError;
use crate::terminal::print_line;

/// Letters of one request: as many as the API gives.
const PAGE: usize = 100;
/// Most times that a server that is behind may put a letter off before it is given up.
const REFUSALS_MAX: u32 = 60;
/// The most characters of a letter's text that a line shows.
const PREVIEW_CHARACTERS: usize = 60;

/// Does what was asked for.
pub(super) fn run(arguments: &DeadLettersArguments) -> Result<(), Failure> {
    match &arguments.action {
        LettersAction::List(remote) => list(remote),
        LettersAction::Show { id, remote } => show(*id, remote),
        LettersAction::Retry { ids, remote, .. } => retry(ids, remote),
    }
}

fn connect(remote: &RemoteArguments) -> Result<Connection, Failure> {
    Ok(Connection::new(&remote.server, remote.token_file.as_deref())?)
}

/// Goes through all letters, page by page, and returns the last page.
fn for_each_letter(connection: &Connection, mut seen: impl FnMut(&Value)) -> Result<Value, Failure> {
    let mut after = 0;
    loop {
        let page = connection.get(&format!("/v1/dead-letters?limit={PAGE}&after={after}"))?;
        page["dead_letters"].as_array().into_iter().flatten().for_each(&mut seen);
        match page["next"].as_u64() {
            Some(next) if next > after => after = next,
            _ => return Ok(page),
        }
    }
}

fn list(remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let is_text = remote.format == Format::Text;
    let mut letters = Vec::new();
    let page = for_each_letter(&connection, |letter| match is_text {
        true => print_line(&line(letter)),
        false => letters.push(letter.clone()),
    })?;
    let totals = ["dead_letters_total", "dead_letters_retried", "row_errors_total"].map(|name| (name, page[name].clone()));
    if is_text {
        let [total, retried, errors] = totals.map(|(_, total)| total);
        print_line(&format!("{total} in all, {retried} of them sent again; {errors} rows with an error of an expression"));
    } else {
        let mut answer = json!({ "dead_letters": letters });
        totals.into_iter().for_each(|(name, total)| answer[name] = total);
        print_line(&answer.to_string());
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn line(letter: &Value) -> String {
    let preview: String =
        text(&letter["text"]).chars().map(|c| if c.is_control() { ' ' } else { c }).take(PREVIEW_CHARACTERS).collect();
    let (reason, sent_to) = (text(&letter["reason"]), text(&letter["sent_to"]));
    format!("{:>8}  {reason:<22} {sent_to:<20} {preview}", letter["id"].to_string())
}

fn show(id: u64, remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let page = connection.get(&format!("/v1/dead-letters?limit=1&after={}", id.saturating_sub(1)))?;
    let Some(letter) = page["dead_letters"].get(0).filter(|letter| letter["id"] == id) else {
        let detail = format!("there is no dead letter {id} on the list: it was sent again before, or never was");
        return Err(ClientError::Refused { server: remote.server.clone(), status: StatusCode::NOT_FOUND.as_u16(), detail }.into());
    };
    match remote.format {
        Format::Json => print_line(&letter.to_string()),
        Format::Text => print_line(&description(letter)),
    }
    Ok(())
}

fn description(letter: &Value) -> String {
    let mut lines = String::new();
    for name in ["id", "reason", "field", "detail", "sent_to", "topic", "partition", "offset", "length"] {
        let value = &letter[name];
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let _ = writeln!(lines, "{name:<10} {value}");
    }
    // Control characters of a stranger must not reach the terminal.
    let bytes: String = text(&letter["text"]).chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
    lines + "\n" + &bytes
}

/// Sends letters again, all when no ids are given. One that is rejected does not stop the others.
fn retry(ids: &[u64], remote: &RemoteArguments) -> Result<(), Failure> {
    let connection = connect(remote)?;
    let mut ids = ids.to_vec();
    if ids.is_empty() {
        for_each_letter(&connection, |letter| ids.extend(letter["id"].as_u64()))?;
    }
    let mut outcomes = Vec::new();
    for id in &ids {
        let outcome = retry_one(&connection, *id)?;
        if remote.format == Format::Text {
            let detail = outcome["detail"].as_str().or(outcome["position"].as_str()).unwrap_or("");
            print_line(&format!("{id:>8}  {:<10} {detail}", text(&outcome["status"])));
        }
        outcomes.push(outcome);
    }
    let rejected = outcomes.iter().filter(|outcome| outcome["status"] == "rejected").count() as u64;
    if remote.format == Format::Json {
        print_line(&json!({ "results": outcomes, "rejected": rejected }).to_string());
    }
    match rejected {
        0 => Ok(()),
        rejected => Err(Failure::LettersRejected { rejected, letters: ids.len() as u64 }),
    }
}

/// Sends one again, as soon as the server takes events.
fn retry_one(connection: &Connection, id: u64) -> Result<Value, Failure> {
    let mut refusals = 0;
    let response = loop {
        let response = connection.post(&format!("/v1/dead-letters/{id}/retry"), "application/json", &[])?;
        match response.retry_after {
            Some(wait) if response.status == StatusCode::TOO_MANY_REQUESTS && refusals < REFUSALS_MAX => thread::sleep(wait),
            _ => break response,
        }
        refusals += 1;
    };
    // What is no JSON is no answer of a server of ours: it is reported as it is below.
    let answer: Value = serde_json::from_str(&response.text).unwrap_or(Value::Null);
    match response.status {
        StatusCode::OK if answer.is_object() => Ok(answer),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND if answer["detail"].is_string() => {
            Ok(json!({ "id": id, "status": "rejected", "reason": answer["reason"], "detail": answer["detail"] }))
        }
        _ => Err(connection.refused(&response).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_sent_can_t_steer_the_terminal() {
        let letter = json!({ "id": 7, "reason": "not_json", "sent_to": null, "text": "a\u{1b}[2Jb\nc", "length": 8 });
        assert_eq!(line(&letter), "       7  not_json               -                    a [2Jb c");
        assert!(description(&letter).ends_with("\n\na\u{fffd}[2Jb\nc"), "{}", description(&letter));
    }
}
