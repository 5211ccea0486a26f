//! The parts of the process that the API needs, each a trait that the process implements.
//!
//! Somewhere to put events ([`ingest`]), derived topics ([`derived`]), the events behind a row ([`provenance`]), changes of the topology
//! ([`deployments`]) and the state of the process ([`health`]).

pub(crate) mod deployments;
pub(crate) mod derived;
pub(crate) mod future;
pub(crate) mod health;
pub(crate) mod ingest;
pub(crate) mod pages;
pub(crate) mod provenance;
