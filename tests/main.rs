//! End to end tests, all in one program: what a user of Tidewater relies on, from events in to views out.

#![allow(clippy::unwrap_used, missing_docs)]

mod command_line;
mod harness;
mod oracle;
mod social_views;
