//! The crate from outside: the declared topologies and their tests, plans, and queries against another engine.

mod deploys;
mod diagrams;
mod errors;
mod evolution;
mod explain;
mod golden;
mod harness;
mod identities;
mod metamorphic;
mod one_row;
mod order;
mod outlets;
mod postgres;
mod queries;
mod refusals;
mod restarts;
mod social;
mod why;
