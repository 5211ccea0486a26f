//! The endpoints, one file each below a folder for its subject: extract, read, convert.
//!
//! Owns the table of routes. A new endpoint is a file, named in the `mod.rs` of its folder, and a line of [`table`], which names its description.

mod console;
mod dead_letters;
mod deployments;
mod events;
mod fallback;
mod invalidations;
mod openapi;
mod page_tokens;
mod process;
mod rest;
mod search;
mod shapes;
mod tickets;
mod topics;
mod topology;
mod views;

use axum::Router;
use axum::routing::{MethodRouter, any, delete, get, post};

pub(crate) use fallback::name_options;

use crate::http::openapi::operation::DescribedPath;
use crate::http::openapi::paths;
use crate::http::state::{ApiConfig, ApiState};

/// Every path by its description, the methods that it answers, and the endpoints that do.
fn table() -> Vec<(&'static DescribedPath, MethodRouter<ApiState>)> {
    vec![
        (&paths::CONSOLE, get(console::page)),
        (&paths::CONSOLE_FILE, get(console::file)),
        (&paths::DOCS, get(console::docs)),
        (&paths::OPENAPI, get(openapi::openapi)),
        (&paths::EVENTS, post(events::send::events)),
        (&paths::TOPICS, get(topics::list::topics)),
        (&paths::TOPIC, post(topics::send::events)),
        (&paths::RECORDS, get(topics::records::records)),
        (&paths::VIEWS, get(views::list::views)),
        (&paths::VIEW, get(views::page::view)),
        (&paths::REST_ROWS, get(rest::rows).fallback(rest::write)),
        (&paths::REST_FUNCTION, any(rest::function)),
        (&paths::SUBSCRIBE, get(views::subscribe::subscribe)),
        (&paths::WHY, get(views::why::why)),
        (&paths::SHAPE, get(shapes::shape)),
        (&paths::SEARCHES, get(search::list::searches)),
        (&paths::SEARCH, get(search::hits::search)),
        (&paths::SUGGESTIONS, get(search::suggestions::suggestions)),
        (&paths::DEAD_LETTERS, get(dead_letters::list::dead_letters)),
        (&paths::ROW_ERRORS, get(dead_letters::row_errors::row_errors)),
        (&paths::DEAD_LETTER, delete(dead_letters::discard::discard)),
        (&paths::RETRY, post(dead_letters::retry::retry)),
        (&paths::TICKETS, post(tickets::tickets)),
        (&paths::TOPOLOGY, get(topology::topology)),
        (&paths::INVALIDATIONS, get(invalidations::invalidations)),
        (&paths::STATUS, get(process::status::status)),
        (&paths::DEPLOYMENTS, get(deployments::deployments).post(deployments::deploy)),
        (&paths::DEPLOYMENT_PLAN, post(deployments::plan)),
        (&paths::HEALTHZ, get(process::healthz::healthz)),
        (&paths::READYZ, get(process::readyz::readyz)),
        (&paths::METRICS, get(process::metrics::metrics)),
    ]
}

/// The routes of the table, and those of the process.
pub(crate) fn routes(config: &ApiConfig) -> Router<ApiState> {
    let of_process = page_tokens::add_issuer(Router::new(), config.token_issuer.as_ref());
    let router = config.pages.iter().fold(of_process, console::add_page);
    let add = |router: Router<ApiState>, (described, endpoints): (&DescribedPath, MethodRouter<ApiState>)| {
        router.route(described.path(), endpoints)
    };
    let router = table().into_iter().fold(router, add);
    router.fallback(fallback::unknown_path).method_not_allowed_fallback(fallback::method_not_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_is_described_and_every_description_has_endpoints() {
        let table = table();
        let routed: Vec<&str> = table.iter().map(|(described, _)| described.path()).collect();
        let described: Vec<&str> = paths::ALL.iter().map(|described| described.path()).collect();
        assert!(routed.iter().all(|path| described.contains(path)), "{routed:?}");
        assert!(described.iter().all(|path| routed.contains(path)), "{described:?}");
        assert_eq!(routed.len(), described.len());
    }
}
