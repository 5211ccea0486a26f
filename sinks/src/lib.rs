//! Stores of derived rows: one folder per system, its write half and its read half side by side.
//!
//! The changes of an epoch enter, rows in the order of an index leave. [`views`] is what the API reads, in memory;
//! [`search`] finds rows by their words; [`dead_letters`] keeps what could not be processed. [`contract`] is what every sink that keeps its own
//! progress fulfils, and [`registry`] opens those that statements declare. Nothing here knows of a dataflow or of HTTP.

pub mod connector;
pub mod contract;
pub mod dead_letters;
pub mod invalidations;
pub mod redis;
pub mod registry;
pub mod rows;
pub mod search;
#[cfg(test)]
mod testing;
pub mod topic;
pub mod views;
