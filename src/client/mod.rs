//! The client's half of the API: a server that is asked, and files of events that are sent to it.
//!
//! Addresses, token files and lines enter; answers as JSON leave. Whatever asks again, waits or goes on for ever is here, and gives what it
//! learns to its caller as it goes.

pub mod answer;
#[cfg(test)]
mod canned;
pub mod connection;
pub mod dead_letters;
pub mod deployments;
pub mod error;
pub mod events_file;
pub mod ingest;
pub mod post_events;
pub mod topic_records;
pub mod view_changes;
