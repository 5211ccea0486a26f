//! The language of topologies: statements in, a plan out. No dataflow, no thread, no I/O but the reading of a folder.
//!
//! [`load::load`] turns a folder of statements into a [`topology::Topology`], whose [`plan::graph`] is what the engine renders;
//! [`explain::explain`] shows how a view is computed; [`expression`] evaluates a plan's expressions over columns.

pub mod builder;
pub mod diagnostic;
pub mod diagram;
pub mod explain;
pub mod expression;
pub mod lineage;
pub mod load;
pub mod order;
mod panics;
pub mod parse;
pub mod plan;
mod stack;
pub mod topology;
