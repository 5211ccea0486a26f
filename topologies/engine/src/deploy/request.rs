//! A request to deploy a topology.
//!
//! Owns [`Deployment`]: the topology that is to take over, how differences are treated, and the way to remember durably what becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use epochs::disk::DiskError;

use super::report::DeployOutcome;
use language::topology::Topology;

/// Treatment of differences between the rows a view has and those it would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// nothing is compared
    #[default]
    Not,
    /// they are reported, and the topology takes over all the same
    Report,
    /// they are reported, and everything stays as it was
    Refuse,
}

/// Standing of the generation that is deployed.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'o> {
    /// it is in force from the next epoch on
    InForce,
    /// it is not, or not any more: the one before is
    Ended(&'o DeployOutcome),
}

/// Remembers durably what becomes of the generation that is deployed. May be called again.
pub type Record = Box<dyn Fn(Standing<'_>) -> Result<(), DiskError> + Send>;

/// A topology that is to take over.
pub struct Deployment {
    /// its number
    pub generation: u64,
    /// the topology to compute
    pub topology: Arc<Topology>,
    /// views whose kept state is computed from the log once more
    pub replay: BTreeSet<String>,
    /// true if old and new rows are compared first
    pub verify: Verify,
    /// states are computed also from a log whose beginning is gone
    pub accept_missing_history: bool,
    /// remembers it
    pub record: Record,
}
