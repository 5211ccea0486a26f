//! The crate from outside: the declared topologies and their tests, plans, and queries against another engine.

mod harness;
mod queries;
mod social;
