//! SQL topologies: parse, plan, lower, explain, render and run.
//!
//! [`topology::load`] turns a folder of statements into a [`topology::Topology`], [`run::start`] keeps its views current from a log,
//! [`slt::run`] tests it, [`explain::explain`] shows how a view is computed, [`why::explain`]
//! which events made a row of it.

pub mod builder;
pub mod diagnostic;
pub mod diagram;
pub mod explain;
pub mod lineage;
mod panics;
pub mod parse;
pub mod plan;
pub mod render;
pub mod rows;
pub mod run;
pub mod slt;
pub mod topology;
pub mod why;
