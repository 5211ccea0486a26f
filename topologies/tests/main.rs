//! The crate from outside: the declared topologies and their tests, plans, and queries against another engine.

mod errors;
mod explain;
mod golden;
mod harness;
mod metamorphic;
mod queries;
mod refusals;
mod social;
