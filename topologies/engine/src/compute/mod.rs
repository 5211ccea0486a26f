//! Workers and what they compute.

pub mod engine;
pub mod worker;
