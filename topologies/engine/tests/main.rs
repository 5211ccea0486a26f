//! The crate from outside: the declared topologies and their tests, plans, and queries against another engine.

mod access;
mod cases;
mod declared_events;
mod deploys;
mod diagrams;
mod errors;
mod evolution;
mod explain;
mod float_sums;
mod functions;
mod golden;
mod harness;
mod history;
mod identities;
mod limits;
mod metamorphic;
mod one_row;
mod order;
mod postgres;
mod queries;
mod refusals;
mod restarts;
mod sink_tasks;
mod social;
mod texts;
mod why;
