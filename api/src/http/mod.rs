//! The API over HTTP: routes, query strings, tokens, and errors as `application/problem+json`.
//!
//! A request passes `guard` (limits, metrics) and one of `endpoints`: extract (`token`, `query`), read ([`crate::read`],
//! [`crate::subscriptions`]), convert (`answer`, `event_text`, `problem`). `connections` accepts and limits connections; `patience` closes
//! those that take nothing. Pages of browsers have `cors`, and `credentials` with `tickets`.

mod answer;
mod body;
mod caller;
mod clients;
mod cloud_events;
mod compression;
pub(crate) mod connections;
pub(crate) mod cors;
mod credentials;
mod encoding;
mod endpoints;
mod entity_tag;
mod error;
mod event_text;
mod freshness;
mod guard;
pub(crate) mod limits;
mod metrics;
mod openapi;
mod origin;
mod patience;
pub(crate) mod peer;
mod places;
mod postgrest;
mod prefer;
mod problem;
mod protection;
pub(crate) mod query;
mod rates;
mod request_log;
pub(crate) mod server;
pub(crate) mod state;
mod tickets;
pub(crate) mod token;
mod trace;
mod untaken;
