//! Rewrites of the syntax of a query, before it is planned, into syntax that DataFusion's planner knows.

pub mod calls;
pub mod join_parts;
pub mod relations_read;
pub mod rewrite;
pub mod tree;
pub mod using;
