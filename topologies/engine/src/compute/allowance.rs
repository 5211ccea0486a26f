//! Budget for the records of an epoch, as a multiple of the limits of one event.

use crate::event_limits::EventLimits;
use crate::state::quarantine::Quarantine;

/// Budget for the records of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// anything: it is no record's fault
    Unlimited,
    /// the limits
    Once,
    /// twice that: what was within the limits when it was computed first must be so again, though counters may differ a little
    Twice,
}

impl Allowance {
    /// Returns the limits for so many records of an epoch; `None` when it may make anything.
    pub fn limits(self, quarantine: &Quarantine, epoch: u64, records: usize) -> Option<EventLimits> {
        let limits = quarantine.limits(epoch, records)?;
        match self {
            Self::Unlimited => None,
            Self::Once => Some(limits),
            Self::Twice => Some(limits.times(2)),
        }
    }
}
