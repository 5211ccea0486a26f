//! `GET /v1/views`: the views that the caller may read, with columns and indexes.
//!
//! A view that is not whole yet is `hydrating` or, when it is filled for the first time, `deploying`; it is not answered until then.
//! The number of rows is served of public views only: of others it would reveal something about rows that the caller may not see.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::serving::{Access, Index, IndexColumn, View};
use serde_json::{Value, json};
use sinks::views::{Hydration, ServedView, Snapshot, ViewReader};

use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::problem::health::progress;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::catalog::is_readable;

/// The views by name.
pub(crate) async fn views(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    QueryString::parse(uri.query())?.only(&[])?;
    let snapshot = state.views().snapshot();
    let is_new = |staged: &&Arc<ServedView>| snapshot.view(&staged.view.name).is_none();
    let readable = |served: &&Arc<ServedView>| is_readable(served, claims.as_ref());
    let served = snapshot.views().filter(readable).map(|served| describe(state.views(), served, &snapshot));
    let new = snapshot.staged().filter(is_new).filter(readable).map(|staged| describe_new(state.views(), staged));
    let views: Vec<Value> = served.chain(new).collect();
    let position = snapshot.position().to_string();
    drop(snapshot);
    Ok(json_response(json!({ "views": views, "position": position }).to_string(), Some(&position)))
}

fn describe(views: &dyn ViewReader, served: &ServedView, snapshot: &Snapshot<'_>) -> Value {
    let hydration = views.hydration(&served.view.name);
    let is_counted = served.view.access == Access::Public && hydration.is_none();
    let rows = served.indexes.first().filter(|_| is_counted).map(|(id, _)| snapshot.rows(*id));
    let state = if hydration.is_some() { "hydrating" } else { "ready" };
    describe_as(&served.view, state, hydration, rows)
}

fn describe_new(views: &dyn ViewReader, staged: &ServedView) -> Value {
    describe_as(&staged.view, "deploying", views.staged_hydration(&staged.view.name), None)
}

fn describe_as(view: &View, state: &str, hydration: Option<Hydration>, rows: Option<u64>) -> Value {
    let columns = view.columns.iter().map(|column| json!({ "name": column.name, "type": column.kind.sql_name() }));
    json!({
        "name": view.name,
        "access": if view.access == Access::Public { "public" } else { "policy" },
        "columns": columns.collect::<Vec<_>>(),
        "indexes": view.indexes.iter().map(|index| describe_index(view, index)).collect::<Vec<_>>(),
        "rows": rows,
        "state": state,
        "progress": hydration.as_ref().map(progress),
    })
}

fn describe_index(view: &View, index: &Index) -> Value {
    let column = |column: &IndexColumn| json!({ "column": view.columns[column.column].name, "descending": column.descending });
    json!({ "name": index.name, "columns": index.columns.iter().map(column).collect::<Vec<_>>(), "limit": index.limit })
}
