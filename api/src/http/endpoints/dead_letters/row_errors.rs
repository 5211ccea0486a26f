//! `GET /v1/dead-letters/row-errors?limit=&after=`: rows on which an expression fails now, each with its relation, the expression and the row.
//!
//! For operators, as rows may hold anything. `after` is the id of the last error seen; `next` is that id when there may be more. Ids are those of
//! this process: after a restart the list begins again. An error goes away with its cause.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::json;

use super::described::describe_row_error;
use crate::http::answer::json_response;
use crate::http::limits::{DEAD_LETTERS_DEFAULT, DEAD_LETTERS_MAX, ROW_ERRORS_BYTES_MAX};
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// A page of errors of rows.
pub(crate) async fn row_errors(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().operator.check("reading errors of rows", claims.as_ref())?;
    let query = QueryString::parse(uri.query())?;
    query.only(&["limit", "after"])?;
    let limit = query.number("limit", DEAD_LETTERS_DEFAULT, 1, DEAD_LETTERS_MAX)?;
    let after = query.number("after", 0, 0, usize::MAX)?;
    let snapshot = state.views().snapshot();
    let page = snapshot.row_errors_page(after as u64, limit, ROW_ERRORS_BYTES_MAX);
    let last = page.last().map_or(after as u64, |(id, ..)| *id);
    let has_more = !snapshot.row_errors_page(last, 1, 0).is_empty();
    let position = snapshot.position().to_string();
    let answer = json!({
        "row_errors": page.iter().map(|(id, error, count)| describe_row_error(*id, error, *count)).collect::<Vec<_>>(),
        "row_errors_total": snapshot.row_error_count(),
        "next": has_more.then_some(last),
        "position": position,
    });
    drop(snapshot);
    Ok(json_response(answer.to_string(), Some(&position)))
}
