//! Rows with the events that made them, found for a few rows when somebody asks.
//!
//! [`question`] is what is asked and answered. [`interpreter`] evaluates the plan for the rows that are asked about alone, by the same code
//! that computes the views ([`local`], [`fold`]), over the log as [`scan`] reads it once more; [`demand`] is which rows of a node are
//! wanted.

pub mod demand;
pub mod derived;
pub mod error;
pub mod fold;
pub mod interpreter;
pub mod limits;
pub mod local;
pub mod origins;
pub mod question;
pub mod scan;
