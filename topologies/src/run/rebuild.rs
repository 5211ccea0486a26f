//! Going on after an epoch of which joins and lists made too much.
//!
//! Owns the way from an engine that was stopped to one that goes on, while readers keep what they see. The newest checkpoint and the
//! epochs that are visible are computed again, unseen; the records of the epoch are looked at one by one, and those that make too much are
//! put aside, durably, before anything else happens. The verdict is recorded and not repeated, so that every restart comes to the same rows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;

use epochs::binding::{BoundRange, Control};
use epochs::coordinator::{offsets_of, stored_state};
use epochs::error::EpochError;
use epochs::reader::{Reader, Records};
use sources::log::StoredRecord;

use super::driver::Driver;
use super::engine::{Allowance, Engine};
use super::quarantine::{AsideRange, Cause};
use super::status::Status;
use super::{WAIT_MAX, create_topics, worker};
use crate::plan::kept::KeptStates;
use crate::render::budget::Exceeded;
use crate::render::keep::RestoreContext;

/// The most records of an epoch that are found to make too much, each by computing the epoch's beginning again: if there are more, all
/// that follow are quarantined with them.
pub const CULPRITS_MAX: usize = 16;

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

/// An engine as far as what is visible, and the log behind that.
struct Rebuilt {
    engine: Engine,
    reader: Reader,
}

impl Driver {
    /// Puts aside what made too much, and goes on with another engine. Where there is no way to that the process ends, and its next start
    /// puts the epoch aside.
    pub(super) fn over_budget(&mut self, exceeded: &Exceeded) -> Result<(), EpochError> {
        let (epoch, detail) = (exceeded.epoch, exceeded.to_string());
        tracing::error!(epoch, detail, "an epoch makes too much; its records are looked at one by one");
        self.parts.status.stall(&format!("epoch {epoch}: {detail}"));
        let rebuilt = if self.deploying.is_switching() || !self.parts.status.report().published {
            Err(RebuildError::NoCheckpoint { detail: "the topology changes or has just started".to_owned() })
        } else {
            self.abandon_deployment("an epoch makes too much, and is computed once more");
            self.rebuild(exceeded)
        };
        if let Err(error) = rebuilt {
            self.parts.quarantine.condemn(epoch, &detail);
            eprintln!("epoch {epoch}: {detail}; {error}; the process ends, and the next start quarantines its records");
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
                vec![(exceeded.to_string(), (only.topic.clone(), only.partition, only.from, only.next))]
            }
            _ => self.culprits(epoch, wall_micros, &ranges)?,
        };
        if culprits.is_empty() {
            tracing::warn!(epoch, "no record of the epoch makes too much by itself: it is computed without a limit");
            self.parts.quarantine.exempt(epoch);
        }
        for (detail, culprit) in culprits {
            let (topic, partition, offset, _) = &culprit;
            tracing::error!(topic, partition, offset, detail, "a record is quarantined: a view makes too much of it");
            let text = format!("{topic} {partition}:{offset}: {detail}");
            let is_aside = self.parts.quarantine.put_aside(epoch, vec![culprit], Cause::Budget, &detail);
            if !is_aside.map_err(EpochError::from)? {
                return Err(RebuildError::Failed { detail: "more is quarantined already than a few records explain".to_owned() });
            }
            self.parts.coordinator.announce(Control::Quarantine(text));
        }
        let Rebuilt { engine, mut reader } = self.computed_again()?;
        let quarantine = Arc::clone(&self.parts.quarantine);
        engine.workers.panic_policy.take_service(move |detail| quarantine.panicked(detail));
        self.parts.engine = engine;
        for number in 0..self.in_flight.len() {
            let slot = &self.in_flight[number];
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

    /// The records of an epoch that make too much, with what they make.
    fn culprits(&self, epoch: u64, wall_micros: i64, ranges: &[BoundRange]) -> Result<Vec<(String, AsideRange)>, RebuildError> {
        let mut rebuilt = self.computed_again()?;
        let all: Vec<_> = flat(rebuilt.reader.read_again(ranges)?);
        let mut found = Vec::new();
        let mut innocent = Vec::new();
        let mut time = epoch;
        for (number, (key, record)) in all.iter().enumerate() {
            let place: AsideRange = (key.0.as_str().to_owned(), key.1.0, record.offset.0, record.offset.0 + 1);
            if found.len() >= CULPRITS_MAX {
                found.push((format!("more than {CULPRITS_MAX} records before it make too much"), place));
                continue;
            }
            let records = Records::from([(key.clone(), vec![record.clone()])]);
            match rebuilt.engine.compute(time, wall_micros, records, Allowance::Once)? {
                None => {
                    time += 1;
                    innocent.push((key.clone(), record.clone()));
                }
                Some(exceeded) => {
                    found.push((exceeded.to_string(), place));
                    if number + 1 < all.len() {
                        rebuilt = self.computed_again()?;
                        rebuilt.engine.compute(epoch, wall_micros, gathered(&innocent), Allowance::Unlimited)?;
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
        let begin = parts.checkpointer.read(None, states.clone(), BTreeSet::new(), parts.engine.workers.count()).recv();
        let no_checkpoint = |detail: String| RebuildError::NoCheckpoint { detail };
        let (header, restored) = begin.map_err(|error| no_checkpoint(error.to_string()))?.map_err(no_checkpoint)?;
        if let Some(missing) = states.specs.iter().find(|spec| stored_state(&header, spec).is_none()) {
            return Err(no_checkpoint(format!("the newest one does not hold '{}'", missing.name)));
        }
        let topics =
            create_topics(&topology, parts.log.as_ref()).map_err(|error| RebuildError::Log { detail: error.to_string() })?;
        let mut reader = Reader::new(Arc::clone(&parts.log), &topics, &offsets_of(&header), usize::MAX)?;
        let (states, missing) = (Arc::new(states), Arc::<BTreeSet<u32>>::default());
        let keep =
            |restored| RestoreContext { start: header.epoch, missing: Arc::clone(&missing), states: Arc::clone(&states), restored };
        let keeping = restored.into_iter().map(keep).collect();
        let workers = worker::start(&topology, keeping, &Arc::new(Status::default()));
        let workers = workers.map_err(|detail| RebuildError::Failed { detail })?;
        let engine = Engine::of_served(topology, workers, Arc::clone(&parts.quarantine), &parts.views);
        engine.compute(header.epoch, header.wall_micros, Records::new(), Allowance::Unlimited)?;
        let visible = parts.coordinator.completed();
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
