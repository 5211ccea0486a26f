//! Workers and what they compute.

pub mod allowance;
pub mod computation;
pub mod error;
pub mod worker;
