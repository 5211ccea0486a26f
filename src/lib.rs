//! Tidewater's front door as a library: what the command line is made of, for tests and benchmarks to start in one process.

pub mod world;
