//! Going on after an epoch of which joins and lists made too much.
//!
//! Owns the way from an engine that was stopped to one that goes on, while readers keep what they see. The newest checkpoint and the
//! epochs that are visible are computed again, unseen; the records of the epoch are looked at one by one, and those that make too much are
//! quarantined, durably, before anything else happens. The verdict is recorded and not repeated, so that every restart comes to the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use epochs::binding::{BoundRange, Control};
use epochs::coordinator::{offsets_of, stored_state};
use epochs::error::EpochError;
use epochs::reader::{Reader, Records};
use schemas::position::{Partition, Topic};
use sources::record::StoredRecord;

use super::driver::{BoundEpoch, Driver, read_letters};
use crate::compute::allowance::Allowance;
use crate::compute::computation::{Computation, Resumption};
use crate::compute::error::{ComputeError, WorkersError};
use crate::limits::WAIT_MAX;
use crate::render::budget::Exceeded;
use crate::start_error::StartError;
use crate::state::checkpointer::CheckpointContent;
use crate::state::quarantine::{Cause, ENDS_MAX, QuarantinedGroup, QuarantinedRange};
use crate::state::restore::RestoreError;
use crate::status::Status;
use crate::topics::create_topics;
use language::plan::kept::KeptStates;

/// The most records of an epoch that are found to make too much, each by computing the epoch's beginning again: if there are more, all
/// that follow are quarantined with them.
pub const CULPRITS_MAX: usize = 16;

/// Most ranges of records that a message names.
const DESCRIBED_RANGES_MAX: usize = 8;

/// Reason why no other computation could take over.
#[derive(Debug, thiserror::Error)]
enum RebuildError {
    #[error(transparent)]
    Epochs(#[from] EpochError),
    #[error("there is no checkpoint to resume from: {0}")]
    NoCheckpoint(#[from] NoCheckpoint),
    #[error("the log could not be used: {0}")]
    Topics(StartError),
    #[error("computing it once more failed: {0}")]
    Compute(ComputeError),
    #[error("computing it once more failed: {0}")]
    Workers(#[from] WorkersError),
    #[error("computing it once more failed: epoch {epoch} is not in flight")]
    NotInFlight { epoch: u64 },
}

/// Reason why the newest checkpoint is not one to resume from.
#[derive(Debug, thiserror::Error)]
enum NoCheckpoint {
    #[error("the topology changes or has just started")]
    TooEarly,
    #[error("none was written yet")]
    NotWritten,
    #[error("{0}")]
    Reader(#[from] std::sync::mpsc::RecvError),
    #[error(transparent)]
    Unreadable(#[from] RestoreError),
    #[error("the newest one is of epoch {newest}, and epoch {visible} is visible")]
    TooNew { newest: u64, visible: u64 },
    #[error("the newest one does not hold '{state}'")]
    Lacks { state: String },
}

impl RebuildError {
    /// True when the log or the disk failed: that says nothing about the epoch.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Epochs(_) | Self::Topics(_))
    }
}

impl From<ComputeError> for RebuildError {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Read(error) => Self::Epochs(error),
            other => Self::Compute(other),
        }
    }
}

/// A computation as far as what is visible, and the log behind that.
struct Rebuilt<T> {
    computation: Computation<T>,
    reader: Reader,
}

impl Driver {
    /// Quarantines what made too much, and goes on with another engine. Where there is no way to that the process ends. That counts as an
    /// end at this epoch, unless it is the log or the disk that failed.
    ///
    /// # Errors
    /// A later run of the process took over.
    pub(super) fn over_budget(&mut self, exceeded: &Exceeded) -> Result<(), EpochError> {
        let (epoch, detail) = (exceeded.epoch, exceeded.to_string());
        // Looking at the records takes long: being killed meanwhile is no fault of the epoch. It is marked again when it is sent again.
        self.parts.quarantine.excuse();
        tracing::error!(epoch, detail, "an epoch makes too much; its records are looked at one by one");
        self.parts.status.stall(&format!("epoch {epoch}: {detail}"));
        let rebuilt = if self.deploying.machine.is_switching() || !self.parts.status.report().published {
            Err(NoCheckpoint::TooEarly.into())
        } else {
            self.abandon_deployment("an epoch makes too much, and is computed once more")?;
            self.rebuild(exceeded)
        };
        if let Err(error) = rebuilt {
            if let RebuildError::Epochs(error @ EpochError::Fenced { .. }) = error {
                return Err(error);
            }
            if error.is_passing() {
                self.parts.quarantine.excuse();
                eprintln!("epoch {epoch}: {detail}; {error}; the process ends, and the next start tries again");
            } else {
                self.parts.quarantine.ends_over_budget(epoch, &detail);
                eprintln!(
                    "epoch {epoch}: {detail}; {error}; the process ends, and its records are quarantined at the start after {ENDS_MAX} ends \
                     at this epoch"
                );
            }
            std::process::abort();
        }
        Ok(())
    }

    fn rebuild(&mut self, exceeded: &Exceeded) -> Result<(), RebuildError> {
        let epoch = exceeded.epoch;
        let mut in_flight = self.parts.computation.in_flight();
        let Some(bound) = in_flight.find(|bound| bound.epoch == epoch) else { return Err(RebuildError::NotInFlight { epoch }) };
        let (ranges, wall_micros) = (bound.ranges.clone(), bound.wall_micros);
        drop(in_flight);
        self.checkpoint_what_is_visible()?;
        let is_single = ranges.iter().map(|range| range.next - range.from).sum::<u64>() == 1;
        let culprits = match ranges.iter().find(|range| range.next > range.from) {
            Some(only) if is_single => {
                let ranges = vec![(only.topic.clone(), only.partition, only.from, only.next)];
                vec![QuarantinedGroup { detail: exceeded.to_string(), ranges }]
            }
            _ => self.culprits(epoch, wall_micros, &ranges)?,
        };
        if culprits.is_empty() {
            tracing::warn!(epoch, "no record of the epoch makes too much by itself: it is computed without a limit");
            self.parts.quarantine.exempt(epoch).map_err(EpochError::from)?;
        } else {
            let text = culprits.iter().map(described).collect::<Vec<_>>().join("; ");
            tracing::error!(epoch, culprits = text, "records are quarantined: a view makes too much of them");
            self.parts.quarantine.add(epoch, culprits, Cause::Budget).map_err(EpochError::from)?;
            self.parts.coordinator.announce(Control::Quarantine(text));
        }
        let Rebuilt { computation, mut reader } = self.computed_again::<BoundEpoch>()?;
        computation.take_service();
        let stopped = std::mem::replace(&mut self.parts.computation, computation);
        for bound in stopped.into_unfinished() {
            if bound.has_records {
                self.parts.quarantine.given(bound.epoch);
            }
            let records = reader.read_again(&bound.ranges)?;
            let (epoch, wall_micros, allowance) = (bound.epoch, bound.wall_micros, bound.allowance);
            let own = |left| BoundEpoch { letters: read_letters(left), ..bound };
            self.parts.computation.send(epoch, wall_micros, records, allowance, own);
        }
        Ok(())
    }

    /// Has the last visible epoch in a checkpoint, where one can be written now: then nothing has to be read again.
    fn checkpoint_what_is_visible(&mut self) -> Result<(), RebuildError> {
        if !self.parts.coordinator.is_writing_checkpoint() && !self.parts.coordinator.is_replaying() {
            self.begin_checkpoint();
        }
        if self.parts.coordinator.is_writing_checkpoint()
            && let Some(written) = self.parts.checkpointer.wait()
        {
            self.parts.coordinator.checkpoint_written(written, self.parts.sink_tasks.floor())?;
            self.parts.status.checkpoint(written);
        }
        Ok(())
    }

    /// The records of an epoch that make too much, each in a group with what it makes. What follows after [`CULPRITS_MAX`] of them is one
    /// more group.
    fn culprits(&self, epoch: u64, wall_micros: i64, ranges: &[BoundRange]) -> Result<Vec<QuarantinedGroup>, RebuildError> {
        let Rebuilt { mut computation, mut reader } = self.computed_again()?;
        let all: Vec<_> = flat(reader.read_again(ranges)?);
        let mut found = Vec::new();
        let mut innocent = Vec::new();
        let mut time = epoch;
        for (number, (key, record)) in all.iter().enumerate() {
            if found.len() >= CULPRITS_MAX {
                let detail = format!("{CULPRITS_MAX} records before it in the same epoch make too much");
                found.push(QuarantinedGroup { detail, ranges: merged_ranges(&all[number..]) });
                break;
            }
            let records = Records::from([(key.clone(), vec![record.clone()])]);
            match compute(&mut computation, time, wall_micros, records, Allowance::Once) {
                Ok(()) => {
                    time += 1;
                    innocent.push((key.clone(), record.clone()));
                }
                Err(ComputeError::OverBudget(exceeded)) => {
                    let ranges = merged_ranges(std::slice::from_ref(&all[number]));
                    found.push(QuarantinedGroup { detail: exceeded.to_string(), ranges });
                    if number + 1 < all.len() && found.len() < CULPRITS_MAX {
                        // Before the next one is there: two of them may not fit into memory.
                        drop(computation);
                        computation = self.computed_again()?.computation;
                        compute(&mut computation, epoch, wall_micros, gathered(&innocent), Allowance::Unlimited)?;
                        time = epoch + 1;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Another computation that has computed everything that is visible. What it gives out is what readers have: nobody needs it.
    fn computed_again<T>(&self) -> Result<Rebuilt<T>, RebuildError> {
        let parts = &self.parts;
        let topology = Arc::clone(&parts.computation.topology);
        let states = KeptStates::of(&topology);
        let visible = parts.coordinator.completed();
        let (header, restored) = self.newest_content(&states, visible)?;
        let topics = create_topics(&topology, parts.log.as_ref()).map_err(RebuildError::Topics)?;
        let mut reader = Reader::new(parts.log.clone(), &topics, &offsets_of(&header), usize::MAX)?;
        let resumption = Resumption {
            topology,
            states: Arc::new(states),
            missing: BTreeSet::new(),
            epoch: header.epoch,
            restored,
            status: Arc::new(Status::default()),
            quarantine: Arc::clone(&parts.quarantine),
            clock: parts.deployment_handle.clock(),
        };
        let mut computation = Computation::start(resumption, |name| parts.views.view(name))?;
        compute(&mut computation, header.epoch, header.wall_micros, Records::new(), Allowance::Unlimited)?;
        for binding in parts.coordinator.bound_after(header.epoch) {
            let binding = binding?;
            if binding.epoch > visible {
                break;
            }
            let records = reader.read_again(&binding.ranges)?;
            compute(&mut computation, binding.epoch, binding.wall_micros, records, Allowance::Unlimited)?;
        }
        Ok(Rebuilt { computation: computation.handed_over(), reader })
    }

    /// Content of the newest checkpoint of the running plan, if everything that is visible can be computed from it.
    fn newest_content(&self, states: &KeptStates, visible: u64) -> Result<CheckpointContent, NoCheckpoint> {
        let parts = &self.parts;
        // There may be later ones of earlier plans.
        let newest = parts.coordinator.newest_checkpoint().ok_or(NoCheckpoint::NotWritten)?;
        let workers = parts.computation.workers();
        let (header, restored) = parts.checkpointer.read(Some(newest), states.clone(), BTreeSet::new(), workers).recv()??;
        if header.epoch > visible {
            return Err(NoCheckpoint::TooNew { newest: header.epoch, visible });
        }
        match states.specs.iter().find(|spec| stored_state(&header, spec).is_none()) {
            Some(missing) => Err(NoCheckpoint::Lacks { state: missing.name.clone() }),
            None => Ok((header, restored)),
        }
    }
}

/// Computes an epoch to its end, and forgets what it gives out.
///
/// # Errors
/// It makes more than it is allowed, or a worker fails; then the computation is of no further use.
fn compute(
    computation: &mut Computation<()>,
    epoch: u64,
    wall_micros: i64,
    records: Records,
    allowance: Allowance,
) -> Result<(), ComputeError> {
    computation.send(epoch, wall_micros, records, allowance, |_| ());
    while computation.take_finished().is_none() {
        computation.receive(WAIT_MAX)?;
    }
    Ok(())
}

type RecordPlace = (Topic, Partition);

/// All records in the order in which they were appended.
fn flat(records: Records) -> Vec<(RecordPlace, StoredRecord)> {
    let each =
        |(place, records): (RecordPlace, Vec<StoredRecord>)| records.into_iter().map(move |record| (place.clone(), record));
    let mut all: Vec<_> = records.into_iter().flat_map(each).collect();
    // Those of one time keep the order of their places.
    all.sort_by_key(|(_, record)| record.timestamp);
    all
}

fn gathered(records: &[(RecordPlace, StoredRecord)]) -> Records {
    let mut gathered = Records::new();
    for (place, record) in records {
        gathered.entry(place.clone()).or_default().push(record.clone());
    }
    gathered
}

/// The places of records, those that follow one another in a partition as one range.
fn merged_ranges(records: &[(RecordPlace, StoredRecord)]) -> Vec<QuarantinedRange> {
    let mut offsets: BTreeMap<&RecordPlace, BTreeSet<u64>> = BTreeMap::new();
    for (place, record) in records {
        offsets.entry(place).or_default().insert(record.offset.0);
    }
    let mut ranges: Vec<QuarantinedRange> = Vec::new();
    for ((topic, partition), offsets) in offsets {
        for offset in offsets {
            match ranges.last_mut() {
                Some(last) if last.0 == topic.as_str() && last.1 == partition.0 && last.3 == offset => last.3 = offset + 1,
                _ => ranges.push((topic.as_str().to_owned(), partition.0, offset, offset + 1)),
            }
        }
    }
    ranges
}

/// The text for the binding and the log: the records of a group and the reason.
fn described(group: &QuarantinedGroup) -> String {
    let range = |(topic, partition, from, next): &QuarantinedRange| match next - from {
        1 => format!("{topic} {partition}:{from}"),
        _ => format!("{topic} {partition}:{from}-{}", next - 1),
    };
    let ranges: Vec<String> = group.ranges.iter().take(DESCRIBED_RANGES_MAX).map(range).collect();
    let more = if group.ranges.len() > DESCRIBED_RANGES_MAX { " and more" } else { "" };
    format!("{}{more}: {}", ranges.join(", "), group.detail)
}

#[cfg(test)]
mod tests {
    use schemas::position::Offset;

    use super::*;

    fn record(topic: &str, partition: u32, offset: u64) -> (RecordPlace, StoredRecord) {
        let (key, value) = (Vec::new(), Vec::new());
        let record = StoredRecord { partition: Partition(partition), offset: Offset(offset), timestamp: 0, key, value };
        ((Topic::new(topic), Partition(partition)), record)
    }

    #[test]
    fn records_that_follow_one_another_are_one_range() {
        let records =
            [record("b", 0, 4), record("a", 1, 7), record("a", 0, 8), record("a", 0, 5), record("a", 0, 4), record("a", 1, 8)];
        let range = |topic: &str, partition, from, next| (topic.to_owned(), partition, from, next);
        let expected = vec![range("a", 0, 4, 6), range("a", 0, 8, 9), range("a", 1, 7, 9), range("b", 0, 4, 5)];
        assert_eq!(merged_ranges(&records), expected);
        let group = QuarantinedGroup { detail: "too much".into(), ranges: expected };
        assert_eq!(described(&group), "a 0:4-5, a 0:8, a 1:7-8, b 0:4: too much");
    }
}
