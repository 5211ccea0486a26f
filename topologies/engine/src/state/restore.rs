//! Restoring: the entries of a checkpoint, shared out to the workers that own them.
//!
//! A checkpoint enters; for each worker the entries of each kept state leave. Which worker owns an entry follows from its key, so a run
//! may have another number of workers than the one that wrote the checkpoint.

use std::collections::BTreeSet;

use epochs::checkpoint::error::CheckpointError;
use epochs::checkpoint::{CheckpointHeader, Checkpoints};
use epochs::coordinator::stored_state;
use epochs::crash_point::{RESTORE_BEGUN, crash_point};
use epochs::disk::Disk;
use operators::state::state_owner;
use schemas::row::Row;

use super::restored::{Restored, partition_of};
use crate::status::Status;
use language::plan::kept::{Kept, KeptStates};

/// Reason why no checkpoint could be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// none is of the epoch that was asked for, or none was written yet
    #[error("there is no checkpoint to begin from")]
    None,
    /// it is damaged, or the disk failed
    #[error(transparent)]
    Damaged(#[from] CheckpointError),
}

/// Reads every entry of a checkpoint, but for the states that are `rebuilt`. The last is for the driver: the states that no operator
/// keeps.
pub fn restore<D: Disk>(
    checkpoints: &Checkpoints<D>,
    header: &CheckpointHeader,
    states: &KeptStates,
    rebuilt: &BTreeSet<u32>,
    workers: usize,
    status: &Status,
) -> Result<(Vec<Restored>, Restored), CheckpointError> {
    let mut restored: Vec<Restored> = (0..workers).map(|_| Restored::new()).collect();
    let mut own = Restored::new();
    let mut done = 0;
    for (number, (kept, spec)) in states.kept.iter().zip(&states.specs).enumerate() {
        let number = number as u32;
        let Some(stored) = stored_state(header, spec).filter(|_| !rebuilt.contains(&number)) else { continue };
        crash_point(RESTORE_BEGUN);
        for entry in checkpoints.scan(header, stored)? {
            let (key, value) = entry?;
            let worker = match kept {
                Kept::RowErrors | Kept::DeadLetters => None,
                Kept::Deduplication(_) => Some(partition_of(&key) as usize % workers),
                Kept::Table(_) | Kept::Node(_) => Some((state_owner(&key) % workers as u64) as usize),
            };
            let entries = worker.map_or(&mut own, |worker| &mut restored[worker]);
            entries.entry(number).or_default().push((Row::from_bytes(&key), Row::from_bytes(&value)));
            done += 1;
            if done % 65_536 == 0 {
                status.restoring(done);
            }
        }
    }
    status.restoring(done);
    Ok((restored, own))
}
