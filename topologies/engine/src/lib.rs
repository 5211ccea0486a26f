//! The engine: plans in, rows kept current from a log. No parser.
//!
//! [`run::start`] renders a [`language::topology::Topology`] and keeps its views current; [`slt::run`] tests one;
//! [`lineage::LineageQuery`] finds which events made a row.

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
pub mod render;
pub mod rows;
pub mod run;
pub mod slt;
mod start_error;
mod state;
mod status;
mod storage;
mod topics;
