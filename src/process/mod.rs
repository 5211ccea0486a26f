//! One process: the log, the engine and the API, put together, and what can be done with its data directory while it is stopped.
//!
//! Option structs enter, which know nothing of a command line; running parts, reports and typed errors leave.

pub mod admission;
pub mod auth;
pub mod backup;
pub mod certificates;
pub mod clock;
mod cursor_key;
pub mod data_directory;
pub mod deployments;
pub mod derived;
pub mod descriptors;
pub mod disk;
pub mod error;
mod health;
pub mod ingest;
pub mod ingest_topics;
pub mod key_reading;
pub mod key_set;
pub mod lag;
pub mod lineage;
pub mod listen;
pub mod memory;
pub mod options;
pub mod recent_ids;
pub mod server;
mod start;
pub mod waiting;
