//! `GET /openapi.json`: the API as an OpenAPI 3.1 document, with the views and full-text indexes that the caller may read.
//!
//! Whoever has no token reads of public views alone. `If-None-Match` with the `ETag` of a document gets 304 while it is still the one.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use sinks::search::SearchReader;
use sinks::views::ServedView;

use crate::http::answer::json_response;
use crate::http::entity_tag::EntityTag;
use crate::http::openapi::document::{DescribedIndex, ReadableParts, document};
use crate::http::openapi::kept::{KeptDocument, Readable};
use crate::http::openapi::operation::Scopes;
use crate::http::problem::answer::Problem;
use crate::http::query::string::QueryString;
use crate::http::state::{ApiConfig, ApiState};
use crate::http::token::Permission;
use crate::read::catalog::{Catalog, is_readable};
use crate::read::claims::Claims;

/// A browser asks whether the document is still the one.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The document.
pub(crate) async fn openapi(State(state): State<ApiState>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let claims = state.claims(&headers)?;
    QueryString::parse(uri.query())?.only(&[])?;
    let readable = readable(state.catalog(), claims.as_ref());
    let kept = state.documents().of(readable, |readable| written(&state, readable));
    let mut response = match kept.tag.is_known(&headers) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => json_response(kept.text.clone(), None),
    };
    kept.tag.note(&mut response);
    if claims.is_none() {
        response.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    }
    Ok(response)
}

/// The views and full-text indexes that a caller may read, by name.
fn readable(catalog: &Catalog, claims: Option<&Claims>) -> Readable {
    let mut views: Vec<Arc<ServedView>> = catalog.views().views();
    views.retain(|served| is_readable(served, claims));
    views.sort_by(|left, right| left.view.name.cmp(&right.view.name));
    let mut indexes: Vec<DescribedIndex> =
        catalog.searches(claims).iter().map(|reader| described_index(catalog, reader)).collect();
    indexes.sort_by(|left, right| left.name.cmp(&right.name));
    Readable { views, indexes }
}

fn written(state: &ApiState, readable: &Readable) -> KeptDocument {
    let config = state.config();
    let parts = ReadableParts {
        views: readable.views.iter().map(|served| &served.view).collect(),
        indexes: &readable.indexes,
        scopes: scopes(config),
        pages: config.pages.iter().map(|page| (page.name, page.title)).collect(),
        issues_tokens: config.token_issuer.is_some(),
    };
    let text = document(&parts).to_string();
    KeptDocument { tag: EntityTag::weak(config.cursor_key.tag(&[b"openapi", text.as_bytes()])), text: Bytes::from(text) }
}

fn scopes(config: &ApiConfig) -> Scopes<'_> {
    Scopes { senders: scope(&config.ingest), operators: scope(&config.operator) }
}

fn scope(permission: &Permission) -> Option<&str> {
    match permission {
        Permission::Open => None,
        Permission::Scope(scope) => Some(scope),
    }
}

fn described_index(catalog: &Catalog, reader: &SearchReader) -> DescribedIndex {
    let index = reader.index();
    let places = index.columns();
    let places_of = |columns: &[usize]| (0..places.len()).filter(|place| columns.contains(&places[*place])).collect();
    DescribedIndex {
        name: index.name.clone(),
        view: index.view.clone(),
        is_public: catalog.is_public(&index.view),
        columns: reader.columns().to_vec(),
        searched: places_of(&index.searched),
        included: places_of(&index.included),
    }
}
