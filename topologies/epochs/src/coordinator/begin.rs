//! With which checkpoint a run begins, so that no state is computed from a part of its records, and no sink misses what it has not seen.
//!
//! How far the sinks are and the checkpoints that can be read enter; the one to begin with leaves, or none: then everything is computed
//! from the beginning.

use schemas::position::Topic;
use sources::log::LogReader;

use super::offsets::offsets_of;
use super::settings::Settings;
use super::states::{holds, stored_state};
use crate::bindings::Bindings;
use crate::checkpoint::{CHECKPOINTS_KEPT, CheckpointHeader};
use crate::disk::Disk;
use crate::error::EpochError;
use crate::lost_history::{LostHistory, MissingHistory, lost_history};
use crate::reader::Offsets;
use schemas::fingerprint::StateSpec;
use sinks::contract::SinkKind;

/// Progress of the sinks that can resume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkFloors {
    /// the least epoch of all of them: from there on they get what they have not seen
    pub all: Option<u64>,
    /// the least epoch of those that can't be rebuilt: they have to get it
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

/// The checkpoints to choose from; refuses to compute states of which the log no longer has the beginning.
pub(super) fn possible_checkpoints<D: Disk>(
    usable: &[CheckpointHeader],
    settings: &Settings,
    log: &dyn LogReader,
    bindings: &Bindings<D>,
    damages: &[String],
) -> Result<Vec<CheckpointHeader>, EpochError> {
    let accepted = settings.accept_missing_history;
    if bindings.is_empty() && !accepted {
        let lost = lost_states(log, settings.states.iter())?;
        return if lost.is_empty() { Ok(Vec::new()) } else { Err(MissingHistory { lost }.into()) };
    }
    match checkpoints_to_begin_with(usable, &settings.states, log, accepted) {
        // What was declared is not to blame.
        Err(EpochError::MissingHistory(_)) if !damages.is_empty() => {
            Err(EpochError::NothingToStartFrom { first: bindings.first().unwrap_or(0), damages: damages.to_vec() })
        }
        possible => possible,
    }
}

/// The checkpoints of this history that a plan with these states may begin with, newest first; `usable` are all that can be read. One that
/// holds every state is preferred, also when it is that of an earlier plan. The others need a log that has its beginning, unless its loss
/// is `accepted`.
fn checkpoints_to_begin_with(
    usable: &[CheckpointHeader],
    states: &[StateSpec],
    log: &dyn LogReader,
    accepted: bool,
) -> Result<Vec<CheckpointHeader>, EpochError> {
    let Some(newest) = usable.first() else { return Ok(Vec::new()) };
    let whole: Vec<CheckpointHeader> = usable.iter().filter(|header| holds(header, states)).cloned().collect();
    if !whole.is_empty() && !holds(newest, states) {
        return Ok(whole);
    }
    let mut possible = Vec::new();
    for header in usable.iter().take(CHECKPOINTS_KEPT) {
        let lacking = states.iter().filter(|state| stored_state(header, state).is_none());
        let lost = lost_states(log, lacking)?;
        if lost.is_empty() || accepted {
            possible.push(header.clone());
        } else if possible.is_empty() {
            return Err(MissingHistory { lost }.into());
        }
    }
    Ok(possible)
}

/// The states among these that can't be computed in full.
pub(super) fn lost_states<'s>(
    log: &dyn LogReader,
    states: impl Iterator<Item = &'s StateSpec>,
) -> Result<Vec<LostHistory>, EpochError> {
    Ok(lost_history(log, states.map(|state| -> (&str, &[Topic]) { (&state.name, &state.topics) }))?)
}

/// Returns the position reached in every partition, also those that no source reads any more.
pub(super) fn read_until<D: Disk>(newest: Option<&CheckpointHeader>, bindings: &Bindings<D>) -> Result<Offsets, EpochError> {
    let mut offsets = newest.map_or_else(Offsets::default, offsets_of);
    for binding in bindings.read(newest.map_or(0, |newest| newest.epoch + 1)) {
        offsets.advance(&binding?.ranges);
    }
    Ok(offsets)
}

/// Chooses among the checkpoints of this history, the newest of which comes first. One that all sinks can follow is best. Then those that can't
/// be rebuilt count; for their sake, and with fewer checkpoints than are wanted, the beginning is one, if the log still has it.
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
    use schemas::position::{Offset, Partition};
    use sources::log::LogAppender;
    use sources::memory::MemoryLog;
    use sources::record::Record;

    use super::*;
    use crate::checkpoint::StateId;
    use schemas::fingerprint::Fingerprint;

    fn begin(epochs: &[u64], all: Option<u64>, append: Option<u64>) -> Option<u64> {
        let header = |epoch: &u64| CheckpointHeader { epoch: *epoch, ..CheckpointHeader::default() };
        let usable: Vec<CheckpointHeader> = epochs.iter().map(header).collect();
        let begin = checkpoint_to_begin_with(&usable, SinkFloors { all, append }, || Ok(true));
        begin.expect("nothing is read").map(|header| header.epoch)
    }

    #[test]
    fn a_state_is_never_computed_from_the_end_of_a_log_unasked() {
        let (log, topic) = (MemoryLog::new(), Topic::new("t"));
        log.create_topic(&topic, 1).unwrap();
        let record = Record { key: vec![], value: vec![], timestamp: 0 };
        log.append(&topic, vec![record; 9]).unwrap();
        let spec =
            |name: &str| StateSpec { fingerprint: Fingerprint::of(name), name: name.to_owned(), topics: vec![topic.clone()] };
        let header = |epoch: u64, names: &[&str]| {
            let states = names.iter().enumerate().map(|(id, name)| (StateId(id as u32), Fingerprint::of(name).0, String::new()));
            CheckpointHeader { epoch, states: states.collect(), ..CheckpointHeader::default() }
        };
        // Later plans lack 'old': two checkpoints of them, and the retained one before.
        let usable = [header(30, &["a", "new"]), header(20, &["a", "new"]), header(10, &["a", "old"])];
        let possible = |names: &[&str], accepted| {
            let states: Vec<StateSpec> = names.iter().map(|name| spec(name)).collect();
            let possible = checkpoints_to_begin_with(&usable, &states, &log, accepted);
            possible.map(|possible| possible.iter().map(|header| header.epoch).collect::<Vec<_>>())
        };
        assert_eq!(possible(&["a", "new"], false).unwrap(), [30, 20]);
        assert_eq!(possible(&["a", "old"], false).unwrap(), [10], "it is brought up to date from there");
        assert_eq!(possible(&["a", "other"], false).unwrap(), [30, 20], "the log has everything");
        log.trim(&topic, Partition(0), Offset(4)).unwrap();
        assert_eq!(possible(&["a", "old"], false).unwrap(), [10]);
        let refused = possible(&["a", "other"], false).unwrap_err().to_string();
        assert!(refused.contains("'other'") && refused.contains("offset 4") && !refused.contains("'a'"), "{refused}");
        assert_eq!(possible(&["a", "other"], true).unwrap(), [30, 20], "somebody insists");
        // The one before the switch would compute 'new' from what is left.
        let states = [spec("a"), spec("new")];
        let after_a_switch = checkpoints_to_begin_with(&[usable[1].clone(), usable[2].clone()], &states, &log, false);
        assert_eq!(after_a_switch.unwrap().iter().map(|header| header.epoch).collect::<Vec<_>>(), [20]);
    }

    #[test]
    fn all_sinks_get_what_they_have_not_seen_where_there_is_a_checkpoint_for_it() {
        assert_eq!(begin(&[20, 10], None, None), Some(20));
        assert_eq!(begin(&[20, 10], Some(20), Some(25)), Some(20));
        assert_eq!(begin(&[20, 10], Some(15), Some(25)), Some(10));
        assert_eq!(begin(&[], Some(15), None), None);
    }

    #[test]
    fn a_sink_that_can_be_rebuilt_costs_no_start_at_the_beginning() {
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
