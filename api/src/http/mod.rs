//! The API over HTTP: routes, query strings, tokens, and errors as `application/problem+json`.
//!
//! A request passes `guard` (limits, metrics) and one of `endpoints`: extract (`query`, `token`), read ([`crate::read`]), convert
//! (`answer`, `problem`). `patience` closes connections that take nothing.

mod answer;
mod endpoints;
pub(crate) mod error;
mod guard;
mod metrics;
mod patience;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod server;
pub(crate) mod state;
pub(crate) mod token;
