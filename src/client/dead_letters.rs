//! Dead letters and errors of rows of a server, read page by page, and letters that are sent again or discarded.
//!
//! Conditions and ids enter; letters and outcomes leave, as the server describes them.

use serde_json::{Value, json};
use ureq::http::StatusCode;

use super::connection::{Connection, Response, encoded};
use super::error::ClientError;

/// Letters of one request: as many as the API gives.
const PAGE: usize = 100;

/// Passes all letters that meet the conditions, each a name and a value, to `seen`, and returns the last page.
pub fn read_letters(
    connection: &Connection,
    conditions: &[(&str, &str)],
    seen: impl FnMut(&Value),
) -> Result<Value, ClientError> {
    let conditions: String = conditions.iter().map(|(name, value)| format!("&{name}={}", encoded(value))).collect();
    read_pages(connection, "/v1/dead-letters", "dead_letters", &conditions, seen)
}

/// Passes all rows on which an expression fails to `seen`, and returns the last page.
pub fn read_row_errors(connection: &Connection, seen: impl FnMut(&Value)) -> Result<Value, ClientError> {
    read_pages(connection, "/v1/dead-letters/row-errors", "row_errors", "", seen)
}

fn read_pages(
    connection: &Connection,
    path: &str,
    items: &str,
    conditions: &str,
    mut seen: impl FnMut(&Value),
) -> Result<Value, ClientError> {
    let mut after = String::new();
    loop {
        let page = connection.get(&format!("{path}?limit={PAGE}{after}{conditions}"))?;
        page[items].as_array().into_iter().flatten().for_each(&mut seen);
        // Letters go on behind an id, errors of rows behind a text.
        let next = match &page["next"] {
            Value::Number(id) => format!("&after={id}"),
            Value::String(text) => format!("&after={}", encoded(text)),
            _ => return Ok(page),
        };
        // A page that ends where it began would be read for ever.
        if next == after {
            return Ok(page);
        }
        after = next;
    }
}

/// Reads one letter; an error when it is not on the list.
pub fn read_letter(connection: &Connection, id: u64) -> Result<Value, ClientError> {
    let mut page = connection.get(&format!("/v1/dead-letters?limit=1&after={}", id.saturating_sub(1)))?;
    let letter = page["dead_letters"].get_mut(0).map(Value::take);
    letter.filter(|letter| letter["id"] == id).ok_or_else(|| {
        let detail = format!("there is no dead letter {id} on the list: it was sent again or discarded before, or never was");
        connection.not_found(detail)
    })
}

/// Sends a letter again, as it was or with a line in its place, as soon as the server takes events. Returns the outcome, which may be that
/// it was rejected.
pub fn retry_letter(connection: &Connection, id: u64, replacement: Option<&[u8]>) -> Result<Value, ClientError> {
    let path = format!("/v1/dead-letters/{id}/retry");
    let response = connection.post_patiently(&path, "application/json", replacement.unwrap_or_default())?;
    outcome(connection, id, &response)
}

/// Takes a letter off the list for good. Returns the outcome, which may be that it was rejected.
pub fn discard_letter(connection: &Connection, id: u64) -> Result<Value, ClientError> {
    let response = connection.delete(&format!("/v1/dead-letters/{id}"))?;
    outcome(connection, id, &response)
}

/// The outcome for one letter; an answer of another kind is an error.
fn outcome(connection: &Connection, id: u64, response: &Response) -> Result<Value, ClientError> {
    // What is no JSON is no answer of a server of ours: it is reported as it is below.
    let answer: Value = serde_json::from_str(&response.text).unwrap_or(Value::Null);
    match response.status {
        StatusCode::OK if answer.is_object() => Ok(answer),
        // A letter that is forbidden is of another actor than its sender. Who may not ask gets no reason.
        StatusCode::FORBIDDEN if !answer["reason"].is_string() => Err(connection.refused(response)),
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND | StatusCode::FORBIDDEN if answer["detail"].is_string() => {
            Ok(json!({ "id": id, "status": "rejected", "reason": answer["reason"], "detail": answer["detail"] }))
        }
        _ => Err(connection.refused(response)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::canned::{CannedServer, canned};
    use super::*;

    #[test]
    fn conditions_go_with_every_page() {
        let page = |ids: &[u64], next: Option<u64>| {
            canned(
                "200 OK",
                json!({ "dead_letters": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(), "next": next }),
            )
        };
        let server = CannedServer::start(vec![page(&[3, 5], Some(5)), page(&[8], None)]);
        let connection = Connection::new(&server.url, None).unwrap();
        let mut ids = Vec::new();
        let conditions = [("reason", "not_json"), ("since", "2026-01-01T00:00:00+01:00")];
        read_letters(&connection, &conditions, |letter| ids.extend(letter["id"].as_u64())).unwrap();
        assert_eq!(ids, [3, 5, 8]);
        let all = "reason=not_json&since=2026-01-01T00%3A00%3A00%2B01%3A00";
        let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
        assert_eq!(lines, ["", "&after=5"].map(|after| format!("GET /v1/dead-letters?limit=100{after}&{all}")));
    }

    #[test]
    fn errors_of_rows_are_read_page_by_page_to_the_last() {
        let page = |id: u64, next: Value| canned("200 OK", json!({ "row_errors": [{ "id": id }], "next": next }));
        let server = CannedServer::start(vec![page(3, json!("7-3")), page(4, json!(null))]);
        let connection = Connection::new(&server.url, None).unwrap();
        let mut ids = Vec::new();
        read_row_errors(&connection, |error| ids.extend(error["id"].as_u64())).unwrap();
        assert_eq!(ids, [3, 4]);
        let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
        assert_eq!(lines, ["", "&after=7-3"].map(|after| format!("GET /v1/dead-letters/row-errors?limit=100{after}")));
    }

    #[test]
    fn a_letter_of_another_actor_is_rejected_and_a_token_without_the_scope_is_an_error() {
        let letter = canned("403 Forbidden", json!({ "detail": "the event is of actor 4", "reason": "other_actor" }));
        let scope = canned("403 Forbidden", json!({ "detail": "the token does not grant 'operator'" }));
        let server = CannedServer::start(vec![letter, scope]);
        let connection = Connection::new(&server.url, None).unwrap();
        assert_eq!(retry_letter(&connection, 4, None).unwrap()["status"], "rejected");
        assert!(retry_letter(&connection, 4, None).is_err());
    }

    #[test]
    fn a_letter_is_sent_with_the_line_in_its_place_until_the_server_takes_events() {
        let mut behind = canned("429 Too Many Requests", json!({ "detail": "the views are behind" }));
        behind.headers = "retry-after: 0\r\n";
        let server = CannedServer::start(vec![behind, canned("200 OK", json!({ "id": 4, "status": "accepted" }))]);
        let connection = Connection::new(&server.url, None).unwrap();
        assert_eq!(retry_letter(&connection, 4, Some(b"{}")).unwrap()["status"], "accepted");
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests.iter().all(|request| request.line == "POST /v1/dead-letters/4/retry" && request.body == "{}"));
    }
}
