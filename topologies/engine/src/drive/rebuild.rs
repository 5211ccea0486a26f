//! Going on after an epoch of which joins and lists made too much.
//!
//! Owns the way from an engine that was stopped to one that goes on, while readers keep what they see. The newest checkpoint and the
//! epochs that are visible are computed again, unseen; the records of the epoch are looked at one by one, and those that make too much are
//! put aside, durably, before anything else happens. The verdict is recorded and not repeated, so that every restart comes to the same rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;

use epochs::binding::{BoundRange, Control};
use epochs::coordinator::{offsets_of, stored_state};
use epochs::error::EpochError;
use epochs::reader::{Reader, Records};
use sources::record::StoredRecord;

use super::driver::Driver;
use crate::compute::engine::{Allowance, Engine};
use crate::compute::worker;
use crate::limits::WAIT_MAX;
use crate::render::budget::Exceeded;
use crate::render::keep::RestoreContext;
use crate::state::quarantine::{AsideGroup, AsideRange, Cause, ENDS_MAX};
use crate::status::Status;
use crate::topics::create_topics;
use language::plan::kept::KeptStates;

/// The most records of an epoch that are found to make too much, each by computing the epoch's beginning again: if there are more, all
/// that follow are quarantined with them.
pub const CULPRITS_MAX: usize = 16;

/// Most ranges of records that a message names.
const DESCRIBED_RANGES_MAX: usize = 8;

/// Reason why no other engine could take over.
#[derive(Debug, thiserror::Error)]
enum RebuildError {
    #[error(transparent)]
    Epochs(#[from] EpochError),
    #[error("there is no checkpoint to resume from: {detail}")]
    NoCheckpoint { detail: String },
    #[error("the log could not be used: {detail}")]
    Log { detail: String },
    #[error("computing it once more failed: {detail}")]
    Failed { detail: String },
}

impl RebuildError {
    /// True when the log or the disk failed: that says nothing about the epoch.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Epochs(_) | Self::Log { .. })
    }
}

/// An engine as far as what is visible, and the log behind that.
struct Rebuilt {
    engine: Engine,
    reader: Reader,
}

impl Driver {
    /// Puts aside what made too much, and goes on with another engine. Where there is no way to that the process ends. That counts as an
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
        let rebuilt = if self.deploying.is_switching() || !self.parts.status.report().published {
            Err(RebuildError::NoCheckpoint { detail: "the topology changes or has just started".to_owned() })
        } else {
            self.abandon_deployment("an epoch makes too much, and is computed once more");
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
        let Some(slot) = self.in_flight.iter().find(|slot| slot.epoch == epoch) else {
            return Err(RebuildError::Failed { detail: format!("epoch {epoch} is not in flight") });
        };
        let (ranges, wall_micros) = (slot.ranges.clone(), slot.wall_micros);
        self.checkpoint_what_is_visible()?;
        let is_single = ranges.iter().map(|range| range.next - range.from).sum::<u64>() == 1;
        let culprits = match ranges.iter().find(|range| range.next > range.from) {
            Some(only) if is_single => {
                let ranges = vec![(only.topic.clone(), only.partition, only.from, only.next)];
                vec![AsideGroup { detail: exceeded.to_string(), ranges }]
            }
            _ => self.culprits(epoch, wall_micros, &ranges)?,
        };
        if culprits.is_empty() {
            tracing::warn!(epoch, "no record of the epoch makes too much by itself: it is computed without a limit");
            self.parts.quarantine.exempt(epoch).map_err(EpochError::from)?;
        } else {
            let text = culprits.iter().map(described).collect::<Vec<_>>().join("; ");
            tracing::error!(epoch, culprits = text, "records are quarantined: a view makes too much of them");
            self.parts.quarantine.put_aside(epoch, culprits, Cause::Budget).map_err(EpochError::from)?;
            self.parts.coordinator.announce(Control::Quarantine(text));
        }
        let Rebuilt { engine, mut reader } = self.computed_again()?;
        let quarantine = Arc::clone(&self.parts.quarantine);
        engine.workers.panic_policy.take_service(move |detail| quarantine.panicked(detail));
        self.parts.engine = engine;
        for number in 0..self.in_flight.len() {
            let slot = &self.in_flight[number];
            if slot.has_records {
                self.parts.quarantine.given(slot.epoch);
            }
            let (epoch, wall_micros, allowance) = (slot.epoch, slot.wall_micros, slot.allowance);
            let records = reader.read_again(&slot.ranges)?;
            let (refused, retried) = self.send(epoch, wall_micros, records, allowance);
            let slot = &mut self.in_flight[number];
            (slot.refused, slot.retried) = (refused, retried);
            slot.outputs.clear();
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
    fn culprits(&self, epoch: u64, wall_micros: i64, ranges: &[BoundRange]) -> Result<Vec<AsideGroup>, RebuildError> {
        let Rebuilt { mut engine, mut reader } = self.computed_again()?;
        let all: Vec<_> = flat(reader.read_again(ranges)?);
        let mut found = Vec::new();
        let mut innocent = Vec::new();
        let mut time = epoch;
        for (number, (key, record)) in all.iter().enumerate() {
            if found.len() >= CULPRITS_MAX {
                let detail = format!("{CULPRITS_MAX} records before it in the same epoch make too much");
                found.push(AsideGroup { detail, ranges: merged_ranges(&all[number..]) });
                break;
            }
            let records = Records::from([(key.clone(), vec![record.clone()])]);
            match engine.compute(time, wall_micros, records, Allowance::Once)? {
                None => {
                    time += 1;
                    innocent.push((key.clone(), record.clone()));
                }
                Some(exceeded) => {
                    let ranges = merged_ranges(std::slice::from_ref(&all[number]));
                    found.push(AsideGroup { detail: exceeded.to_string(), ranges });
                    if number + 1 < all.len() && found.len() < CULPRITS_MAX {
                        // Before the next one is there: two of them may not fit into memory.
                        drop(engine);
                        engine = self.computed_again()?.engine;
                        engine.compute(epoch, wall_micros, gathered(&innocent), Allowance::Unlimited)?;
                        time = epoch + 1;
                    }
                }
            }
        }
        Ok(found)
    }

    /// Another engine that has computed everything that is visible. What it gives out is what readers have: nobody needs it.
    fn computed_again(&self) -> Result<Rebuilt, RebuildError> {
        let parts = &self.parts;
        let topology = Arc::clone(&parts.engine.topology);
        let states = KeptStates::of(&topology);
        let no_checkpoint = |detail: String| RebuildError::NoCheckpoint { detail };
        // There may be later ones of earlier plans.
        let newest = parts.coordinator.newest_checkpoint().ok_or_else(|| no_checkpoint("none was written yet".to_owned()))?;
        let begin = parts.checkpointer.read(Some(newest), states.clone(), BTreeSet::new(), parts.engine.workers.count()).recv();
        let (header, restored) =
            begin.map_err(|error| no_checkpoint(error.to_string()))?.map_err(|error| no_checkpoint(error.to_string()))?;
        let visible = parts.coordinator.completed();
        if header.epoch > visible {
            return Err(no_checkpoint(format!("the newest one is of epoch {}, and epoch {visible} is visible", header.epoch)));
        }
        if let Some(missing) = states.specs.iter().find(|spec| stored_state(&header, spec).is_none()) {
            return Err(no_checkpoint(format!("the newest one does not hold '{}'", missing.name)));
        }
        let topics =
            create_topics(&topology, parts.log.as_ref()).map_err(|error| RebuildError::Log { detail: error.to_string() })?;
        let mut reader = Reader::new(parts.log.clone(), &topics, &offsets_of(&header), usize::MAX)?;
        let (states, missing) = (Arc::new(states), Arc::<BTreeSet<u32>>::default());
        let keep = |restored| RestoreContext {
            start: header.epoch,
            missing: Arc::clone(&missing),
            states: Arc::clone(&states),
            restored,
        };
        let keeping = restored.into_iter().map(keep).collect();
        let workers = worker::start(&topology, keeping, &Arc::new(Status::default()));
        let workers = workers.map_err(|detail| RebuildError::Failed { detail })?;
        let engine = Engine::of_served(topology, workers, Arc::clone(&parts.quarantine), &parts.views);
        engine.compute(header.epoch, header.wall_micros, Records::new(), Allowance::Unlimited)?;
        for binding in parts.coordinator.bound_after(header.epoch) {
            let binding = binding?;
            if binding.epoch > visible {
                break;
            }
            let records = reader.read_again(&binding.ranges)?;
            engine.compute(binding.epoch, binding.wall_micros, records, Allowance::Unlimited)?;
        }
        Ok(Rebuilt { engine, reader })
    }
}

impl Engine {
    /// Computes an epoch to its end, and forgets what it gives out; the reason if it was stopped.
    fn compute(
        &self,
        epoch: u64,
        wall_micros: i64,
        records: Records,
        allowance: Allowance,
    ) -> Result<Option<Exceeded>, RebuildError> {
        self.send(epoch, wall_micros, records, allowance);
        let mut done = 0;
        while done < self.workers.count() {
            match self.workers.done.recv_timeout(WAIT_MAX) {
                Ok(_) => done += 1,
                Err(error) => {
                    if let Some(exceeded) = self.workers.budget.exceeded() {
                        return Ok(Some(exceeded.clone()));
                    }
                    if let Some(detail) = self.workers.panic_policy.failure() {
                        return Err(RebuildError::Failed { detail: detail.to_owned() });
                    }
                    if error == RecvTimeoutError::Disconnected {
                        return Err(RebuildError::Failed { detail: "a worker ended".to_owned() });
                    }
                }
            }
        }
        Ok(None)
    }
}

type Place = (schemas::position::Topic, schemas::position::Partition);

/// All records in the order in which they were appended.
fn flat(records: Records) -> Vec<(Place, StoredRecord)> {
    let each = |(place, records): (Place, Vec<StoredRecord>)| records.into_iter().map(move |record| (place.clone(), record));
    let mut all: Vec<_> = records.into_iter().flat_map(each).collect();
    // Those of one time keep the order of their places.
    all.sort_by_key(|(_, record)| record.timestamp);
    all
}

fn gathered(records: &[(Place, StoredRecord)]) -> Records {
    let mut gathered = Records::new();
    for (place, record) in records {
        gathered.entry(place.clone()).or_default().push(record.clone());
    }
    gathered
}

/// The places of records, those that follow one another in a partition as one range.
fn merged_ranges(records: &[(Place, StoredRecord)]) -> Vec<AsideRange> {
    let mut offsets: BTreeMap<&Place, BTreeSet<u64>> = BTreeMap::new();
    for (place, record) in records {
        offsets.entry(place).or_default().insert(record.offset.0);
    }
    let mut ranges: Vec<AsideRange> = Vec::new();
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
fn described(group: &AsideGroup) -> String {
    let range = |(topic, partition, from, next): &AsideRange| match next - from {
        1 => format!("{topic} {partition}:{from}"),
        _ => format!("{topic} {partition}:{from}-{}", next - 1),
    };
    let ranges: Vec<String> = group.ranges.iter().take(DESCRIBED_RANGES_MAX).map(range).collect();
    let more = if group.ranges.len() > DESCRIBED_RANGES_MAX { " and more" } else { "" };
    format!("{}{more}: {}", ranges.join(", "), group.detail)
}

#[cfg(test)]
mod tests {
    use schemas::position::{Offset, Partition, Topic};

    use super::*;

    fn record(topic: &str, partition: u32, offset: u64) -> (Place, StoredRecord) {
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
        let group = AsideGroup { detail: "too much".into(), ranges: expected };
        assert_eq!(described(&group), "a 0:4-5, a 0:8, a 1:7-8, b 0:4: too much");
    }
}
