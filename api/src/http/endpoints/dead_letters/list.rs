//! `GET /v1/dead-letters?limit=&after=&reason=&topic=&since=&until=`: events that were quarantined, oldest first, and the first rows on which an
//! expression fails now.
//!
//! For operators: bodies of events may hold anything. `after` is the id of the last letter seen; `next` is that id when there may
//! be more, also where letters with many bytes made the answer shorter. Conditions choose letters before they are counted for `limit`. Letters
//! that were sent again or discarded are counted and no longer listed.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::described::{describe, describe_row_error};
use super::filter::LetterFilter;
use crate::http::answer::json_response;
use crate::http::limits::{DEAD_LETTERS_DEFAULT, DEAD_LETTERS_MAX, ROW_ERRORS_BYTES_MAX};
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// A page of dead letters.
pub(crate) async fn dead_letters(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().operator.check("reading dead letters", claims.as_ref())?;
    let query = QueryString::parse(uri.query())?;
    query.only(&["limit", "after", "reason", "topic", "since", "until"])?;
    let limit = query.number("limit", DEAD_LETTERS_DEFAULT, 1, DEAD_LETTERS_MAX)?;
    let after = query.number("after", 0, 0, usize::MAX)?;
    let filter = LetterFilter::parse(&query)?;
    let snapshot = state.views().snapshot();
    let letters = snapshot.dead_letters_where(Some(after as u64), limit, |letter| filter.matches(letter));
    let row_errors = snapshot.row_errors_page(0, limit, ROW_ERRORS_BYTES_MAX);
    let position = snapshot.position().to_string();
    let bytes_max = state.config().limits.page_bytes_max;
    let listed = within(bytes_max, letters.iter().map(|(id, letter)| describe(*id, letter)));
    let last = listed.len().checked_sub(1).and_then(|last| letters.get(last));
    let has_more = listed.len() == limit || listed.len() < letters.len();
    let answer = json!({
        "dead_letters": listed,
        "dead_letters_total": snapshot.dead_letter_count(),
        "dead_letters_retried": snapshot.retried_count(),
        "dead_letters_discarded": snapshot.discarded_count(),
        "row_errors": row_errors.iter().map(|(id, error, count)| describe_row_error(*id, error, *count)).collect::<Vec<_>>(),
        "row_errors_total": snapshot.row_error_count(),
        "next": last.filter(|_| has_more).map(|(id, _)| *id),
        "position": position,
    });
    drop(snapshot);
    Ok(json_response(answer.to_string(), Some(&position)))
}

/// The first of them that have no more bytes than an answer may have; at least one, if there is one.
fn within(bytes_max: usize, described: impl Iterator<Item = Value>) -> Vec<Value> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    for value in described {
        bytes += value.to_string().len();
        if bytes > bytes_max && !taken.is_empty() {
            break;
        }
        taken.push(value);
    }
    taken
}
