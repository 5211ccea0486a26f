//! SQL topologies: parse, plan, lower, explain, render and run.

pub mod builder;
pub mod diagnostic;
pub mod parse;
pub mod plan;
pub mod topology;
