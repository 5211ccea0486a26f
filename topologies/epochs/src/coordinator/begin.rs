//! With which checkpoint a run begins, so that no sink misses what it has not seen.
//!
//! How far the sinks are and the checkpoints that can be read enter; the one to begin with leaves, or none: then everything is computed
//! from the beginning.

use crate::checkpoint::{CHECKPOINTS_KEPT, CheckpointHeader};
use crate::error::EpochError;
use crate::sink::SinkKind;

/// How far the sinks are that can be gone on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkFloors {
    /// the least epoch of all of them: from there on they get what they have not seen
    pub all: Option<u64>,
    /// the least epoch of those that can't be built anew: they have to get it
    pub append: Option<u64>,
}

impl SinkFloors {
    /// Counts a sink in that is at this epoch.
    pub fn add(&mut self, kind: SinkKind, epoch: u64) {
        let lower = |floor: &mut Option<u64>| *floor = Some(floor.map_or(epoch, |floor| floor.min(epoch)));
        lower(&mut self.all);
        if kind == SinkKind::Append {
            lower(&mut self.append);
        }
    }
}

/// Chooses among the checkpoints of this history, the newest of which comes first. One that all sinks can follow is best. Then those that can't
/// be built anew count; for their sake, and with fewer checkpoints than are wanted, the beginning is one, if the log still has it.
pub fn checkpoint_to_begin_with(
    usable: &[CheckpointHeader],
    floors: SinkFloors,
    has_the_beginning: impl FnOnce() -> Result<bool, EpochError>,
) -> Result<Option<CheckpointHeader>, EpochError> {
    let up_to = |floor: Option<u64>| usable.iter().find(|header| floor.is_none_or(|floor| header.epoch <= floor));
    if let Some(fitting) = up_to(floors.all).or_else(|| up_to(floors.append)) {
        return Ok(Some(fitting.clone()));
    }
    let from_the_beginning = usable.len() < CHECKPOINTS_KEPT && has_the_beginning()?;
    Ok(usable.last().filter(|_| !from_the_beginning).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(epochs: &[u64], all: Option<u64>, append: Option<u64>) -> Option<u64> {
        let header = |epoch: &u64| CheckpointHeader { epoch: *epoch, ..CheckpointHeader::default() };
        let usable: Vec<CheckpointHeader> = epochs.iter().map(header).collect();
        let begin = checkpoint_to_begin_with(&usable, SinkFloors { all, append }, || Ok(true));
        begin.expect("nothing is read").map(|header| header.epoch)
    }

    #[test]
    fn all_sinks_get_what_they_have_not_seen_where_there_is_a_checkpoint_for_it() {
        assert_eq!(begin(&[20, 10], None, None), Some(20));
        assert_eq!(begin(&[20, 10], Some(20), Some(25)), Some(20));
        assert_eq!(begin(&[20, 10], Some(15), Some(25)), Some(10));
        assert_eq!(begin(&[], Some(15), None), None);
    }

    #[test]
    fn a_sink_that_can_be_built_anew_costs_no_start_at_the_beginning() {
        assert_eq!(begin(&[20], Some(15), None), Some(20));
        assert_eq!(begin(&[20], Some(15), Some(20)), Some(20));
        assert_eq!(begin(&[20, 10], Some(5), Some(12)), Some(10));
    }

    #[test]
    fn one_that_can_not_does_while_there_is_a_beginning() {
        assert_eq!(begin(&[20], Some(15), Some(15)), None);
        // The beginning may be gone then: someone has to choose.
        assert_eq!(begin(&[20, 10], Some(5), Some(5)), Some(10));
    }

    #[test]
    fn the_least_epoch_of_each_kind_counts() {
        let mut floors = SinkFloors::default();
        floors.add(SinkKind::State, 4);
        assert_eq!(floors, SinkFloors { all: Some(4), append: None });
        floors.add(SinkKind::Append, 7);
        floors.add(SinkKind::Append, 6);
        assert_eq!(floors, SinkFloors { all: Some(4), append: Some(6) });
    }
}
