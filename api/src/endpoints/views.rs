//! `GET /v1/views`: the views that the caller may read, with columns and indexes.
//!
//! How many rows there are is told of public views only: of others it would tell about rows the caller may not see.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::serving::{Access, Index, IndexColumn, View};
use serde_json::{Value, json};
use sinks::views::{ServedView, Snapshot};

use super::json_response;
use crate::error::ApiError;
use crate::query::Query;
use crate::state::ApiState;

/// The views by name.
pub(crate) async fn views(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let claims = state.claims(&headers)?;
    Query::parse(uri.query())?.only(&[])?;
    let snapshot = state.views().snapshot();
    let views: Vec<Value> = state.readable(claims.as_ref()).map(|served| describe(served, &snapshot)).collect();
    let position = snapshot.position().to_string();
    Ok(json_response(json!({ "views": views, "position": position }).to_string(), Some(&position)))
}

fn describe(served: &ServedView, snapshot: &Snapshot<'_>) -> Value {
    let view = &served.view;
    let is_public = view.access == Access::Public;
    let rows = served.indexes.first().filter(|_| is_public).map(|(id, _)| snapshot.rows(*id));
    let columns = view.columns.iter().map(|column| json!({ "name": column.name, "type": column.kind.sql_name() }));
    json!({
        "name": view.name,
        "access": if is_public { "public" } else { "policy" },
        "columns": columns.collect::<Vec<_>>(),
        "indexes": view.indexes.iter().map(|index| describe_index(view, index)).collect::<Vec<_>>(),
        "rows": rows,
    })
}

fn describe_index(view: &View, index: &Index) -> Value {
    let column = |column: &IndexColumn| json!({ "column": view.columns[column.column].name, "descending": column.descending });
    json!({ "name": index.name, "columns": index.columns.iter().map(column).collect::<Vec<_>>(), "limit": index.limit })
}
