//! From the syntax of queries and merges to a graph of nodes that needs no further analysis.

pub mod aggregate;
pub mod functions;
pub mod graph;
pub mod join;
pub mod lower;
pub mod merge;
pub mod policy;
pub mod rewrite;
pub mod scalar;
pub mod sql;
pub mod temporal;
