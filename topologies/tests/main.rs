//! The crate from outside: the declared topologies and their tests, plans, and queries against another engine.

mod deploys;
mod diagrams;
mod errors;
mod evolution;
mod explain;
mod functions;
mod golden;
mod harness;
mod metamorphic;
mod number_cases;
mod outlets;
mod postgres;
mod queries;
mod refusals;
mod restarts;
mod social;
mod texts;
mod why;
