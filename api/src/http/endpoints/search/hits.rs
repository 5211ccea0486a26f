//! `GET /v1/search/{index}`: the rows of a view that match a query, best first.
//!
//! - `q`: words, all of which are wanted; `"phrases"`, `beginnings*`, `OR`, `-not`, parentheses, `column:word`. Without it every row is a hit.
//! - `column=eq.v` and the other conditions of views, on included columns.
//! - `order=relevance`, or one included column as `created_at.desc`; hits that are equal in it come by their key.
//! - `select`, `limit`, `offset`: the next page begins at `next_offset`, also where hits with many bytes made this one shorter.
//! - `highlight=a,b`: searched columns of which the part that matches is returned; `facets=a,b`: included columns
//!   whose values are counted over all hits.
//! - `after`, `wait`: the position that must be visible, which the index then serves at once, and for how many milliseconds it is waited for.
//!
//! The policies of the view hold: what they hide is neither found nor counted. Scores are no part of the answer: they are not stable.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::field::json_string;
use schemas::serving::View;
use sinks::search::{Answer, Hit, Search};

use super::shared::{finish, until_searchable};
use crate::http::prefer::BigintPreference;
use crate::http::problem::answer::Problem;
use crate::http::query::path::name_in_path;
use crate::http::query::search::{filter, search as parse_search};
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::limits::DEPTH_MAX;
use crate::read::projection::{BigintForm, Projection, write_value};
use crate::read::rows::RowReader;
use crate::read::search::HitView;
use crate::read::search_error::SearchError;

/// The parameters that are not conditions.
const PARAMETERS: &[&str] = &["q", "select", "order", "limit", "offset", "highlight", "facets", "after", "wait"];

/// The hits of a query.
pub(crate) async fn search(
    State(state): State<ApiState>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = name_in_path(name, &uri)?;
    let claims = state.claims(&headers)?;
    let query = QueryString::parse(uri.query())?;
    // Read before the wait, so that what is wrong with the request is said at once.
    let (reader, rule) = state.catalog().searchable(&name, claims.as_ref())?;
    let hits = HitView::new(&reader);
    parse_search(&hits, &query, hits.visible(&rule), filter(&hits, &query, PARAMETERS)?)?;
    until_searchable(&state, &query, &reader).await?;
    // What the reader may see is what holds after the wait.
    let (reader, rule) = state.catalog().searchable(&name, claims.as_ref())?;
    state.catalog().check_whole(&reader.index().view)?;
    let hits = HitView::new(&reader);
    let (search, projection) = parse_search(&hits, &query, hits.visible(&rule), filter(&hits, &query, PARAMETERS)?)?;
    let asked = search.clone();
    let answer = state.catalog().run_search("q", move || reader.search(&asked)).await?;
    let answer = answer.ok_or(SearchError::IndexBuilding { index: name })?;
    let preference = BigintPreference::of(&headers, state.config().bigint);
    let form = HitForm { projection: projection.with_bigints(preference.form), bigints: preference.form };
    let text = hits_text(&hits, &answer, &search, (&form, state.config().limits.page_bytes_max));
    let mut response = finish(&state, answer.epoch, text);
    preference.note(&mut response);
    Ok(response)
}

/// Form of the values of hits.
struct HitForm {
    projection: Projection,
    bigints: BigintForm,
}

/// The answer as JSON, without the position that ends it. Hits that would have too many bytes are left to the next page, but for the first.
fn hits_text(hits: &HitView, answer: &Answer, search: &Search, (form, bytes_max): (&HitForm, usize)) -> String {
    let reader = RowReader::new(hits.layout());
    let mut json = String::from("{\"hits\":[");
    let mut listed = 0;
    for (number, hit) in answer.hits.iter().enumerate() {
        let end = json.len();
        json.push_str(if number == 0 { "{\"row\":" } else { ",{\"row\":" });
        form.projection.write(&reader, &reader.load(hit.row.as_bytes()), &mut json);
        write_highlights(hits.view(), hit, &mut json);
        json.push('}');
        if number > 0 && json.len() > bytes_max {
            json.truncate(end);
            break;
        }
        listed = number + 1;
    }
    json.push_str("],\"total\":");
    json.push_str(&answer.total.to_string());
    json.push_str(",\"next_offset\":");
    match next_offset(search.offset + listed, answer.total) {
        Some(next) => json.push_str(&next.to_string()),
        None => json.push_str("null"),
    }
    write_facets(hits.view(), answer, form.bigints, &mut json);
    json
}

/// Returns the offset of the next page behind so many hits; `None` when there are no more, or no more that may be asked for.
fn next_offset(behind: usize, total: u64) -> Option<usize> {
    ((behind as u64) < total && behind <= DEPTH_MAX).then_some(behind)
}

fn write_highlights(view: &View, hit: &Hit, json: &mut String) {
    json.push_str(",\"highlights\":{");
    for (number, (place, html)) in hit.highlights.iter().enumerate() {
        json.push_str(if number == 0 { "" } else { "," });
        json_string(&view.columns[*place].name, json);
        json.push(':');
        json_string(html, json);
    }
    json.push('}');
}

fn write_facets(view: &View, answer: &Answer, bigints: BigintForm, json: &mut String) {
    json.push_str(",\"facets\":{");
    for (number, facet) in answer.facets.iter().enumerate() {
        json.push_str(if number == 0 { "" } else { "," });
        let column = &view.columns[facet.column];
        json_string(&column.name, json);
        json.push_str(":[");
        for (number, (field, count)) in facet.values.iter().enumerate() {
            json.push_str(if number == 0 { "{\"value\":" } else { ",{\"value\":" });
            write_value(&column.kind, &column.kind.read(field.as_bytes(), 0), bigints, json);
            json.push_str(&format!(",\"count\":{count}}}"));
        }
        json.push(']');
    }
    json.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_page_is_named_while_there_are_hits_that_may_be_asked_for() {
        let more = DEPTH_MAX as u64 + 10;
        assert_eq!((next_offset(3, 4), next_offset(4, 4), next_offset(0, 0)), (Some(3), None, None));
        assert_eq!((next_offset(DEPTH_MAX, more), next_offset(DEPTH_MAX + 1, more)), (Some(DEPTH_MAX), None));
    }
}
