//! The epoch protocol: which records make up an epoch, what is durable when, how a run goes on after a crash.
//!
//! Owns the protocol and no I/O: the log, the disk, the clock and the sinks are traits, so that production and the seeded simulation
//! run the same code. Records of a log enter; epochs to compute, units to apply and checkpoints to keep leave.

pub mod backfill;
pub mod binding;
pub mod bindings;
pub mod checkpoint;
pub mod clock;
pub mod coordinator;
pub mod crash_point;
pub mod disk;
pub mod error;
pub mod identity;
pub mod lost_history;
mod merged;
pub mod reader;
