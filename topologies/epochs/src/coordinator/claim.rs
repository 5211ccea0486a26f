//! Taking over a data directory: which history goes on, and which one branches off.
//!
//! Owns the rules by which a run gets its identity. The identity and the bindings that are there enter; the next incarnation leaves, on a
//! timeline of its own where what was bound can't be gone on with.

use std::sync::Arc;

use schemas::position::Partition;
use sources::log::LogReader;

use super::settings::{BINDINGS, RUNS_OF_A_HISTORY};
use crate::binding::Parent;
use crate::bindings::{Bindings, Tail};
use crate::disk::Disk;
use crate::error::EpochError;
use crate::identity::{FORMAT, Identity};
use schemas::chain::Chain;

/// Claims the next incarnation. A tail of bindings that was lost, or a history that is new, opens a timeline.
pub(super) fn claim<D: Disk>(disk: &D, bindings: &Bindings<D>, tail: Tail, timeline: u64) -> Result<Identity, EpochError> {
    let identity = match Identity::load(disk)? {
        None => Identity { format: FORMAT, timeline, incarnation: 1, parent: None },
        Some(found) => {
            let incarnation = found.incarnation + 1;
            match (tail, bindings.last()) {
                (Tail::Clean, _) => Identity { incarnation, ..found },
                (Tail::Broken, Some((epoch, chain))) => {
                    Identity { timeline, incarnation, parent: Some((found.timeline, epoch, chain.0.to_vec())), ..found }
                }
                // Not even the first epoch is left: nothing is shared with the history before.
                (Tail::Broken, None) => Identity { timeline, incarnation, parent: None, ..found },
            }
        }
    };
    identity.store(disk)?;
    Ok(identity)
}

/// The identity of a data directory that was restored from a backup: another timeline, branching off at its last epoch.
pub fn branch<D: Disk>(disk: Arc<D>, timeline: u64) -> Result<Parent, EpochError> {
    let (bindings, _) = Bindings::open(Arc::clone(&disk), BINDINGS)?;
    let found = Identity::load(disk.as_ref())?;
    let (epoch, chain) = bindings.last().unwrap_or((0, Chain::default()));
    // Sinks may have been fenced by later runs than the backup knows: this history counts from beyond all of them.
    let (parent, incarnation) = found.map_or((0, 0), |found| (found.timeline, (found.incarnation | RUNS_OF_A_HISTORY) + 1));
    let identity = Identity { format: FORMAT, timeline, incarnation, parent: Some((parent, epoch, chain.0.to_vec())) };
    identity.store(disk.as_ref())?;
    Ok(Parent { timeline: parent, epoch, chain: chain.0.to_vec() })
}

/// Returns true if everything that was ever bound can be computed again.
pub(super) fn has_the_beginning<D: Disk>(log: &dyn LogReader, bindings: &Bindings<D>) -> Result<bool, EpochError> {
    let Some(first) = bindings.read(0).next().transpose()?.filter(|first| first.epoch == 0) else { return Ok(false) };
    for range in &first.ranges {
        let (earliest, _) = log.bounds(&range.topic(), Partition(range.partition))?;
        if earliest.0 > range.from {
            return Ok(false);
        }
    }
    Ok(true)
}
