//! Patience with planning: a deadline, and a client that may be gone.
//!
//! Owns [`Patience`], which whoever asks for a plan keeps a copy of, and the rule of the optimiser that looks at it between all others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datafusion_common::tree_node::Transformed;
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::LogicalPlan;
use datafusion_optimizer::{OptimizerConfig, OptimizerRule};

/// The end of the time for planning, or of the client that waited for it.
#[derive(Debug, thiserror::Error)]
pub enum PlanningEnded {
    /// the client is gone
    #[error("nobody waits for this plan any more")]
    NobodyWaits,
    /// the time is over
    #[error("planning takes longer than {} s: make the statements simpler", .0.as_secs_f64())]
    TooLong(Duration),
}

impl PlanningEnded {
    /// Returns true if an error says that planning ended before there was a plan.
    pub fn is_cause_of(error: &DataFusionError) -> bool {
        matches!(error.find_root(), DataFusionError::External(cause) if cause.is::<Self>())
    }
}

impl From<PlanningEnded> for DataFusionError {
    fn from(ended: PlanningEnded) -> Self {
        Self::External(Box::new(ended))
    }
}

/// Limit of the time for planning; copies share it.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    until: Option<(Instant, Duration)>,
    is_over: Arc<AtomicBool>,
}

impl Patience {
    /// Patience for so long from now on; the default has no end.
    pub fn of(time: Duration) -> Self {
        Self { until: Some((Instant::now() + time, time)), is_over: Arc::default() }
    }

    /// Nobody waits for the plan any more.
    pub fn give_up(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// An error when planning should end.
    pub fn check(&self) -> Result<()> {
        match self.until {
            _ if self.is_over.load(Ordering::Acquire) => Err(PlanningEnded::NobodyWaits.into()),
            Some((until, time)) if Instant::now() >= until => Err(PlanningEnded::TooLong(time).into()),
            _ => Ok(()),
        }
    }
}

/// A rule that changes nothing, and ends the optimisation when nobody has patience for it.
#[derive(Debug)]
pub struct StopWhenOver(pub Patience);

impl OptimizerRule for StopWhenOver {
    fn name(&self) -> &str {
        "stop_when_over"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        self.0.check()?;
        Ok(Transformed::no(plan))
    }
}
