//! `GET /v1/dead-letters/row-errors?limit=&after=`: rows on which an expression fails now, each with its relation, the expression and the row.
//!
//! For operators, as rows may hold anything. `after` is the `next` of the page before, which is there when there may be more. It names the run of
//! the process and the id of the last error seen: ids are those of one run, so after a restart the list has to be read from its beginning, and
//! an earlier `next` is answered with 410. An error goes away with its cause.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::json;

use super::described::describe_row_error;
use crate::http::answer::json_response;
use crate::http::error::resource::ResourceError;
use crate::http::limits::{DEAD_LETTERS_DEFAULT, DEAD_LETTERS_MAX, ROW_ERRORS_BYTES_MAX};
use crate::http::problem::answer::Problem;
use crate::http::query::error::QueryStringError;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;

/// A page of errors of rows.
pub(crate) async fn row_errors(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    state.config().operator.check("reading errors of rows", claims.as_ref())?;
    let query = QueryString::parse(uri.query())?;
    query.only(&["limit", "after"])?;
    let limit = query.number("limit", DEAD_LETTERS_DEFAULT, 1, DEAD_LETTERS_MAX)?;
    let run = state.subscriptions().incarnation();
    let after = match query.one("after")? {
        Some(text) => seen(text, run)?,
        None => 0,
    };
    let snapshot = state.views().snapshot();
    let page = snapshot.row_errors_page(after, limit, ROW_ERRORS_BYTES_MAX);
    let last = page.last().map_or(after, |(id, ..)| *id);
    let has_more = !snapshot.row_errors_page(last, 1, 0).is_empty();
    let position = snapshot.position().to_string();
    let answer = json!({
        "row_errors": page.iter().map(|(id, error, count)| describe_row_error(*id, error, *count)).collect::<Vec<_>>(),
        "row_errors_total": snapshot.row_error_count(),
        "next": has_more.then(|| format!("{run}-{last}")),
        "position": position,
    });
    drop(snapshot);
    Ok(json_response(answer.to_string(), Some(&position)))
}

/// Returns the id of the last error seen, which `after` names together with the run of the process that gave it out.
fn seen(after: &str, run: u64) -> Result<u64, Problem> {
    let parts = after.split_once('-').and_then(|(of, id)| Some((of.parse::<u64>().ok()?, id.parse::<u64>().ok()?)));
    match parts {
        Some((of, id)) if of == run => Ok(id),
        Some(_) => Err(ResourceError::EarlierRun { after: after.to_owned() }.into()),
        None => {
            let (value, expected) = (after.to_owned(), "the 'next' of an earlier page".to_owned());
            Err(QueryStringError::BadParameter { name: "after", value, expected }.into())
        }
    }
}
