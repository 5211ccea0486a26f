//! The engine: plans in, rows kept current from a log. No parser.
//!
//! [`run::start`] renders a [`language::topology::Topology`] and keeps its views current; [`lineage::LineageQuery`] finds which events made
//! a row. [`slt::run`] tests the topology of a folder: it alone names the language's planner, because the queries of a test are statements.

mod compute;
mod deploy;
mod drive;
mod epoch_clock;
pub mod event_limits;
pub mod follow;
mod limits;
pub mod lineage;
mod nodes;
mod options;
mod provenance;
mod render;
mod rows;
pub mod run;
pub mod slt;
mod start_error;
mod state;
mod status;
mod storage;
mod topics;
