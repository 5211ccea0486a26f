//! The engine: plans in, rows kept current from a log. No parser.
//!
//! [`run::start`] renders a [`language::topology::Topology`] and keeps its views current; [`slt::run`] tests one; [`why::explain`] finds
//! which events made a row.

pub mod render;
pub mod rows;
pub mod run;
pub mod slt;
pub mod why;
