//! From the syntax of queries and merges to a graph of nodes that needs no further analysis.

pub mod aggregate;
pub mod count_join;
pub mod functions;
pub mod graph;
pub mod identity;
pub mod join;
pub mod kept;
pub mod key_template;
pub mod lint;
pub mod lower;
pub mod merge;
pub mod policy;
pub mod ranking;
pub mod rewrite;
pub mod scalar;
pub mod search;
pub mod signed;
pub mod sink;
pub mod sql;
pub mod temporal;
pub mod unique;
pub mod wording;
