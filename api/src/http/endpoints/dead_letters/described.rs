//! Dead letters and errors of rows as JSON, and a dead letter by the id in a path.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::time::timestamp_text;
use serde_json::{Value, json};

use crate::http::error::resource::ResourceError;
use crate::http::query::error::QueryStringError;
use crate::http::state::ApiState;

/// A letter; its bytes as text for people, and as they are.
pub(super) fn describe(id: u64, letter: &DeadLetter) -> Value {
    json!({
        "id": id,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "arrived": letter.arrived.map(timestamp_text),
        "sent_to": letter.sent_to,
        "sender_actor": letter.sender_actor,
        "relation": letter.relation,
        "reason": letter.fault.reason.as_str(),
        "field": letter.fault.field,
        "detail": letter.fault.detail,
        "length": letter.length,
        "text": String::from_utf8_lossy(&letter.bytes),
        "base64": STANDARD.encode(&letter.bytes),
    })
}

/// An error of a row and how often it is there.
pub(super) fn describe_row_error(id: u64, error: &RowError, count: i64) -> Value {
    let RowError { relation, expression, detail, row } = error;
    json!({ "id": id, "relation": relation, "expression": expression, "detail": detail, "row": row, "count": count })
}

/// Reads an id of a path.
pub(super) fn read_id(id: String) -> Result<u64, QueryStringError> {
    let expected = "the id of a dead letter, a number from 1 on".to_owned();
    id.parse().map_err(|_| QueryStringError::BadParameter { name: "id", value: id, expected })
}

/// The letter of an id, while it is on the list.
pub(super) fn letter(state: &ApiState, id: u64) -> Result<DeadLetter, ResourceError> {
    let found = state.views().snapshot().dead_letters(Some(id.saturating_sub(1)), 1).into_iter().next();
    found.filter(|(found, _)| *found == id).map(|(_, letter)| letter).ok_or(ResourceError::UnknownDeadLetter { id })
}
