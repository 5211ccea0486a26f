//! The client's half of the API: a server that is asked, and files of events that are sent to it.
//!
//! Addresses, token files and lines enter; answers as JSON leave.

pub mod answer;
pub mod connection;
pub mod error;
pub mod events_file;
pub mod post_events;
