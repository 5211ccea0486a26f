//! `GET /v1/topology`: what is computed from what, with the rows of each view and how many of them changed so far.
//!
//! Operators see everything. Whoever is none sees what `GET /v1/views` lists, with `complete` being false: relations that a reader may
//! not know of are not there, and neither are the edges that lead to them.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use schemas::lineage::{LineageKind, LineageNode};
use schemas::serving::Access;
use serde::Serialize;
use serde_json::{Value, json};
use sinks::views::{ServedView, Snapshot};

use crate::http::answer::json_response;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::ApiState;
use crate::read::catalog::is_readable;

/// A node and what is known of its rows.
#[derive(Serialize)]
struct DescribedNode<'a> {
    #[serde(flatten)]
    node: &'a LineageNode,
    /// readers who may read it; none when it is not served
    access: Option<&'static str>,
    /// true if the caller may
    readable: bool,
    rows: Option<u64>,
    row_changes: Option<u64>,
}

/// The nodes and edges that the caller may know of.
pub(crate) async fn topology(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    QueryString::parse(uri.query())?.only(&[])?;
    let complete = state.config().operator.check("reading the topology", claims.as_ref()).is_ok();
    let lineage = state.health().lineage();
    let snapshot = state.views().snapshot();
    let readable: BTreeSet<&str> =
        snapshot.views().filter(|served| is_readable(served, claims.as_ref())).map(|served| served.view.name.as_str()).collect();
    let known = lineage.only(|node| complete || relation(node).is_some_and(|relation| readable.contains(relation)));
    let nodes: Vec<Value> = known.nodes.iter().map(|node| json!(describe(node, &snapshot, &readable, complete))).collect();
    let position = snapshot.position().to_string();
    drop(snapshot);
    let answer = json!({ "complete": complete, "nodes": nodes, "edges": known.edges, "position": position });
    Ok(json_response(answer.to_string(), Some(&position)))
}

/// The relation that a node is, or is an index of. A sink may have the name of one and still is none.
fn relation(node: &LineageNode) -> Option<&str> {
    match &node.kind {
        LineageKind::Index { of, .. } | LineageKind::Search { of } => Some(of),
        LineageKind::Sink { .. } => None,
        _ => Some(&node.name),
    }
}

fn describe<'a>(node: &'a LineageNode, snapshot: &Snapshot<'_>, readable: &BTreeSet<&str>, complete: bool) -> DescribedNode<'a> {
    let name = relation(node);
    let served = name.and_then(|name| snapshot.view(name));
    let is_index = matches!(node.kind, LineageKind::Index { .. } | LineageKind::Search { .. });
    // What a policy divides among readers tells each of them something about the others when it is counted.
    let counted = served.filter(|served| !is_index && (complete || served.view.access == Access::Public));
    let index = counted.and_then(|served| served.indexes.first()).map(|(index, _)| *index);
    DescribedNode {
        node,
        access: served.map(|served| access_name(served)),
        readable: name.is_some_and(|name| readable.contains(name)),
        rows: index.map(|index| snapshot.rows(index)),
        row_changes: index.map(|index| snapshot.row_changes(index)),
    }
}

fn access_name(served: &ServedView) -> &'static str {
    match served.view.access {
        Access::Denied => "denied",
        Access::Public => "public",
        Access::Policies(_) => "policy",
    }
}
