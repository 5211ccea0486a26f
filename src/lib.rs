//! Tidewater's front door as a library: what the command line is made of, for tests and benchmarks to start in one process.

pub mod admission;
pub mod auth;
pub mod backup;
pub mod cli;
mod demo_key;
pub mod deployments;
pub mod derived;
pub mod error;
pub mod ingest;
pub mod lag;
pub mod memory;
pub mod recent_ids;
pub mod server;
pub mod why;
pub mod world;
