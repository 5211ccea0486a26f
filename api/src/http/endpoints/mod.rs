//! The endpoints, one file each below a folder for its subject: extract, read, convert.
//!
//! Owns the table of routes. A new endpoint is a file, named in the `mod.rs` of its folder, and a line of [`routes`].

mod console;
mod dead_letters;
mod deployments;
mod events;
mod fallback;
mod invalidations;
mod process;
mod search;
mod topics;
mod topology;
mod views;

use axum::Router;
use axum::routing::{delete, get, post};

pub(crate) use fallback::name_options;

use crate::http::state::ApiState;

/// Every path, the methods that it answers, and the endpoints that do.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/", get(console::page))
        .route("/console/{file}", get(console::file))
        .route("/v1/events", post(events::send::events))
        .route("/v1/topics", get(topics::list::topics))
        .route("/v1/topics/{topic}", post(topics::send::events))
        .route("/v1/topics/{topic}/records", get(topics::records::records))
        .route("/v1/views", get(views::list::views))
        .route("/v1/views/{view}", get(views::page::view))
        .route("/v1/views/{view}/subscribe", get(views::subscribe::subscribe))
        .route("/v1/views/{view}/why", get(views::why::why))
        .route("/v1/search", get(search::list::searches))
        .route("/v1/search/{index}", get(search::hits::search))
        .route("/v1/search/{index}/suggest", get(search::suggestions::suggestions))
        .route("/v1/dead-letters", get(dead_letters::list::dead_letters))
        .route("/v1/dead-letters/row-errors", get(dead_letters::row_errors::row_errors))
        .route("/v1/dead-letters/{id}", delete(dead_letters::discard::discard))
        .route("/v1/dead-letters/{id}/retry", post(dead_letters::retry::retry))
        .route("/v1/topology", get(topology::topology))
        .route("/v1/invalidations/{sink}", get(invalidations::invalidations))
        .route("/v1/status", get(process::status::status))
        .route("/v1/deployments", get(deployments::deployments).post(deployments::deploy))
        .route("/v1/deployments/plan", post(deployments::plan))
        .route("/healthz", get(process::healthz::healthz))
        .route("/readyz", get(process::readyz::readyz))
        .route("/metrics", get(process::metrics::metrics))
        .fallback(fallback::unknown_path)
        .method_not_allowed_fallback(fallback::method_not_allowed)
}
