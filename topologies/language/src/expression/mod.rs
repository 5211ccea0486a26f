//! Evaluation of a plan's expressions over Arrow columns.
//!
//! [`evaluate`] compiles and runs them row by row where a batch fails; [`check`] tries them while a topology is planned.

mod bounded;
mod calendar_range;
pub mod check;
pub mod evaluate;
mod guarded;
mod varying;
