//! The document as a whole.

use schemas::serving::View;
use serde_json::{Map, Value, json};

use super::components::components;
use super::operation::{DescribedOperation, Scopes};
use super::paths::{ALL, PAGE_TOKENS, host_page};
use super::searches::{index_paths, index_schemas};
use super::views::{view_path, view_schemas};

pub(crate) use super::searches::DescribedIndex;

const WORDS: &str = "Views that are kept current from events, and full-text indexes of them. Views and indexes that need a token are in this \
     document when it is read with one: it has what its reader may read.\n\nEvery answer that shows rows has a position. `after` with a \
     position makes an answer show at least that, so whoever sends events reads them back, and whoever has seen an answer sees no earlier \
     one.\n\nUnknown parameters are refused. `HEAD` is answered wherever `GET` is, and `OPTIONS` everywhere. What is wrong with a request is \
     said as `application/problem+json`, whose `type` stays. Under `/rest/v1` clients of PostgREST are at home.";

/// The tags, in the order of their groups.
const TAGS: [(&str, &str); 12] = [
    ("views", "Rows of views."),
    ("search", "Full-text search in views."),
    ("events", "Events on their way in."),
    ("streams", "Rows and stale keys as they change. The answers end when the client does."),
    ("shapes", "Rows and changes by the protocol of ElectricSQL."),
    ("postgrest", "Views in PostgREST's conventions."),
    ("topics", "Topics that events are sent to, and derived ones."),
    ("dead letters", "Events that were quarantined."),
    ("deployments", "Topologies that take over."),
    ("topology", "What is computed from what."),
    ("process", "The process: for load balancers, Prometheus and operators."),
    ("pages", "Pages for people, and this document."),
];

/// The part of a server that a caller may read.
#[derive(Default)]
pub(crate) struct ReadableParts<'a> {
    /// views by name
    pub(crate) views: Vec<&'a View>,
    /// full-text indexes by name
    pub(crate) indexes: &'a [DescribedIndex],
    /// scopes of senders and operators
    pub(crate) scopes: Scopes<'a>,
    /// names and titles of the pages of the process
    pub(crate) pages: Vec<(&'static str, &'static str)>,
    /// true if it gives out tokens to these pages
    pub(crate) issues_tokens: bool,
}

/// The document for a caller who may read this.
pub(crate) fn document(readable: &ReadableParts<'_>) -> Value {
    let mut paths = Map::new();
    let mut add = |path: String, operation: DescribedOperation| {
        let method = operation.method();
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation.into_json(&readable.scopes);
    };
    let tokens = readable.issues_tokens.then_some(&PAGE_TOKENS);
    for described in ALL.into_iter().chain(tokens) {
        described.operations().into_iter().for_each(|operation| add(described.path().to_owned(), operation));
    }
    for (path, operation) in readable.views.iter().map(|view| view_path(view)) {
        add(path, operation);
    }
    for (path, operation) in readable.indexes.iter().flat_map(index_paths) {
        add(path, operation);
    }
    for (path, operation) in readable.pages.iter().flat_map(|(name, title)| host_page(name, title)) {
        add(path, operation);
    }
    let schemas = readable.views.iter().flat_map(|view| view_schemas(view));
    let schemas = schemas.chain(readable.indexes.iter().flat_map(index_schemas)).collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tidewater", "version": env!("CARGO_PKG_VERSION"), "description": WORDS },
        "servers": [{ "url": "./" }],
        "tags": TAGS.map(|(name, words)| json!({ "name": name, "description": words })),
        "paths": paths,
        "components": components(schemas),
    })
}
