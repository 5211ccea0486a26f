//! End to end tests, all in one program: what a user of Tidewater relies on, from events in to views out.

#![allow(clippy::unwrap_used, missing_docs)]

mod answers;
mod attack;
mod authority;
mod browsers;
#[path = "../src/client/canned.rs"]
mod canned;
mod clients;
mod command_line;
mod commands;
mod console;
mod crash;
mod declared_events;
mod demo;
mod deploys;
mod faults;
mod harness;
mod history;
mod lines;
mod metrics;
mod openapi;
mod operate;
mod oracle;
mod poison;
mod pressure;
mod process;
mod reliability;
mod remote;
mod search;
mod security;
mod server;
mod shapes;
mod soak;
mod social_client;
mod social_views;
mod subscriptions;
mod tls;
mod traces;
mod why;
