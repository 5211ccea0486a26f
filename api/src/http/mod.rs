//! The API over HTTP: routes, query strings, tokens, and errors as `application/problem+json`.
//!
//! A request passes `guard` (limits, metrics) and one of `endpoints`: extract (`token`, `query`), read ([`crate::read`],
//! [`crate::subscriptions`]), convert (`answer`, `event_text`, `problem`). `patience` closes connections that take nothing.

mod answer;
mod endpoints;
mod error;
mod event_text;
mod guard;
pub(crate) mod limits;
mod metrics;
mod patience;
mod problem;
pub(crate) mod query;
mod request_log;
pub(crate) mod server;
pub(crate) mod state;
pub(crate) mod token;
mod trace;
