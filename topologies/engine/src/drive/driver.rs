//! The driver's parts, and how it has the next epoch bound and computed.
//!
//! Owns [`Driver`]. An epoch is bound, durably, before any worker sees it; at most [`EPOCHS_IN_FLIGHT_MAX`] epochs are between binding and
//! being visible. The loop around it is [`super::epoch_loop`], and [`super::publish`] makes epochs visible.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use epochs::binding::BoundRange;
use epochs::coordinator::{Coordinator, EpochInput};
use epochs::disk::{DiskAction, DiskCause, DiskError};
use epochs::error::EpochError;
use schemas::dead_letter::DeadLetter;
use schemas::position::{Offset, Partition, Topic};
use sinks::views::{ViewPublisher, Views};
use sources::log::Log;
use sources::record::StoredRecord;

use super::recovering::Recovering;
use crate::compute::allowance::Allowance;
use crate::compute::computation::{Computation, Left};
use crate::deploy::candidate::BoundInput;
use crate::deploy::handle::DeploymentHandle;
use crate::deploy::request::Deployment;
use crate::deploy::underway::Deploying;
use crate::epoch_clock::{Clock, EpochClock};
use crate::follow::SinkTasks;
use crate::limits::{EPOCHS_IN_FLIGHT_MAX, IDLE_INTERVAL, WAIT_MAX};
use crate::options::Options;
use crate::state::checkpointer::Checkpointer;
use crate::state::dead_letters::{DeadLetterState, LetterMark, LetterRecord, MarkedLetter};
use crate::state::quarantine::Quarantine;
use crate::state::retention::Retention;
use crate::status::Status;
use crate::storage::Storage;
use crate::topics::DEAD_LETTER_TOPIC;

/// Longest wait of the driver for one thing while no epoch is bound because two topologies change places.
pub(super) const HELD_WAIT_MAX: Duration = Duration::from_millis(1);

/// An epoch between binding and being visible, as the driver knows it.
pub struct BoundEpoch {
    pub(super) epoch: u64,
    pub(super) wall_micros: i64,
    pub(super) ranges: Vec<BoundRange>,
    pub(super) has_records: bool,
    pub(super) allowance: Allowance,
    pub(super) bound_at: Instant,
    pub(super) consumed: BTreeMap<(Topic, Partition), Offset>,
    pub(super) letters: ReadLetters,
}

/// Records of an epoch that are no events of a source.
#[derive(Default)]
pub(super) struct ReadLetters {
    /// events that were refused at ingest or are quarantined, each with the time when it was appended
    pub(super) refused: Vec<(i64, DeadLetter)>,
    /// marks of dead letters that leave the list, each with the time when it was appended
    pub(super) marks: Vec<(i64, LetterMark)>,
}

/// Everything that a driver works with.
pub struct DriverParts {
    /// the topology that readers see
    pub computation: Computation<BoundEpoch>,
    /// requested deployments
    pub deployments: Receiver<Deployment>,
    /// their status
    pub deployment_handle: Arc<DeploymentHandle>,
    /// quarantined records
    pub quarantine: Arc<Quarantine>,
    /// the log
    pub log: Arc<dyn Log>,
    /// binds epochs
    pub coordinator: Coordinator<Storage>,
    /// writes checkpoints
    pub checkpointer: Checkpointer,
    /// forgets what the log need not keep
    pub retention: Retention,
    /// dead letters and errors of rows of streams
    pub letters: DeadLetterState,
    /// the wall clock
    pub wall: EpochClock,
    /// sinks that follow the views durably
    pub sink_tasks: SinkTasks,
    /// the served views, to be read
    pub views: Arc<Views>,
    /// the same views, to be published to
    pub publisher: Arc<dyn ViewPublisher>,
    /// progress of the driver
    pub status: Arc<Status>,
    /// identity of each view, for the checkpoints
    pub identities: BTreeMap<String, String>,
}

/// Binds epochs, has them computed and publishes them.
pub struct Driver {
    pub(super) parts: DriverParts,
    pub(super) deploying: Deploying,
    ticks_when_idle: bool,
    pub(super) interval: Duration,
    pub(super) checkpoint_interval: Duration,
    pub(super) checkpoint_changes: usize,
    bound_at: Instant,
    pub(super) checkpointed_at: Instant,
    /// the next one is not to wait for its time
    pub(super) is_checkpoint_due: bool,
    /// `None` when everything that an earlier run has shown is visible
    pub(super) recovering: Option<Recovering>,
}

impl Driver {
    /// A driver that begins where its coordinator does.
    pub fn new(parts: DriverParts, options: &Options) -> Self {
        Self {
            deploying: Deploying::default(),
            ticks_when_idle: options.clock == Clock::System,
            interval: options.epoch_interval,
            checkpoint_interval: options.checkpoint_interval,
            checkpoint_changes: options.checkpoint_changes,
            bound_at: Instant::now(),
            checkpointed_at: Instant::now(),
            is_checkpoint_due: false,
            recovering: Some(Recovering::until(parts.coordinator.last_bound())),
            parts,
        }
    }

    /// One epoch at a time shows which one it is that ends the process.
    pub(super) fn in_flight_max(&self) -> usize {
        if self.parts.quarantine.is_watching() { 1 } else { EPOCHS_IN_FLIGHT_MAX }
    }

    pub(super) fn wait_max(&self) -> Duration {
        if self.deploying.machine.holds() { HELD_WAIT_MAX } else { WAIT_MAX }
    }

    /// Returns true if an earlier run may have shown something that is not visible yet.
    pub(super) fn is_recovering(&self) -> bool {
        self.recovering.is_some()
    }

    /// The last epoch that was bound.
    pub(super) fn last_bound(&self) -> u64 {
        self.parts.computation.in_flight().next_back().map_or(self.parts.coordinator.completed(), |last| last.epoch)
    }

    /// Shows readers how far the recovery is, and ends it when everything that an earlier run has shown is visible.
    pub(super) fn show_recovery(&mut self) {
        let Some(recovering) = &self.recovering else { return };
        if recovering.show(&self.parts.status, self.parts.publisher.as_ref(), self.parts.coordinator.replayed()) {
            self.recovering = None;
        }
    }

    /// Returns true if it may help to try again later: the disk is full, too many files are open, or the log can't be
    /// read now.
    pub(super) fn is_passing(&self, error: &EpochError) -> bool {
        match error {
            EpochError::Disk(error) if error.action == DiskAction::Sync => {
                self.parts.quarantine.excuse();
                eprintln!("{error}; the process ends, acknowledged events and bound epochs are on disk");
                std::process::abort();
            }
            EpochError::Disk(error) if error.is_passing() => {}
            EpochError::Log(_) => {}
            _ => return false,
        }
        let (status, why) = (&self.parts.status, error.to_string());
        match error {
            EpochError::Disk(DiskError { cause: DiskCause::NoSpace, .. }) => status.stall_on_full_disk(&why),
            _ => status.stall(&why),
        }
        std::thread::sleep(WAIT_MAX);
        true
    }

    pub(super) fn halt(&self, error: &EpochError) {
        tracing::error!(%error, "no further epoch is computed");
        self.parts.quarantine.excuse();
        self.parts.status.halt(error.to_string(), matches!(error, EpochError::Fenced { .. }));
    }

    /// Has the next epoch bound if there is room, time and reason for one.
    pub(super) fn bind_next(&mut self) -> Result<bool, EpochError> {
        if self.parts.computation.in_flight().len() >= self.in_flight_max() || self.deploying.machine.holds() {
            return Ok(false);
        }
        let since = self.bound_at.elapsed();
        if since < self.interval && !self.parts.coordinator.is_replaying() {
            if !self.parts.computation.is_idle() {
                return Ok(false);
            }
            std::thread::sleep(self.interval - since);
        }
        let tick = self.ticks_when_idle && since >= IDLE_INTERVAL;
        let Some(input) = self.parts.coordinator.next(&mut self.parts.wall, tick)? else { return Ok(false) };
        self.parts.status.goes_on(self.parts.wall.held_micros());
        let (done, total) = self.parts.coordinator.replayed();
        self.parts.status.replayed(done, total);
        self.start_epoch(input);
        Ok(true)
    }

    /// Hands an epoch that is bound to the workers, and to the candidate of a deployment.
    pub(super) fn start_epoch(&mut self, input: EpochInput) {
        self.bound_at = Instant::now();
        let EpochInput { epoch, wall_micros, records, ranges, consumed, replayed, .. } = input;
        let is_switch = self.deploying.machine.switch_epoch() == Some(epoch);
        // Both topologies compute the epoch of the control entry: it would wait for ever for one that is not there.
        assert!(!is_switch || self.deploying.candidate().is_some(), "epoch {epoch} changes topologies without a candidate");
        if let Some(candidate) = self.deploying.candidate() {
            candidate.bound(BoundInput { epoch, wall_micros, ranges: ranges.clone(), is_switch });
        }
        let has_records = records.values().any(|records| !records.is_empty());
        if self.parts.computation.is_idle() {
            self.parts.quarantine.computing(epoch);
        }
        if has_records {
            self.parts.quarantine.given(epoch);
        }
        let allowance = if replayed { Allowance::Twice } else { Allowance::Once };
        let bound_at = self.bound_at;
        self.parts.computation.send(epoch, wall_micros, records, allowance, |left| BoundEpoch {
            epoch,
            wall_micros,
            ranges,
            has_records,
            allowance,
            bound_at,
            consumed,
            letters: read_letters(left),
        });
    }
}

/// Reads what is left of an epoch's records: events that were refused at ingest or are quarantined, and marks of those that were sent
/// again or discarded. A topic that only the next topology reads is followed before that takes over; its records are for the candidate.
pub(super) fn read_letters(left: Left) -> ReadLetters {
    let Left { others, quarantined } = left;
    let mut letters = ReadLetters { refused: quarantined, marks: Vec::new() };
    for (_, records) in others.into_iter().filter(|((topic, _), _)| topic.as_str() == DEAD_LETTER_TOPIC) {
        records.into_iter().for_each(|record| read_letter(record, &mut letters));
    }
    letters
}

/// A record of the topic of refused events; a letter's own place is where its bytes lie, and it arrived when they did.
fn read_letter(record: StoredRecord, letters: &mut ReadLetters) {
    match serde_json::from_slice(&record.value) {
        Ok(LetterRecord::Retried { retried: id, letter: place }) => {
            letters.marks.push((record.timestamp, LetterMark::Retried(MarkedLetter { id, place })));
        }
        Ok(LetterRecord::Discarded { discarded: id, letter: place }) => {
            letters.marks.push((record.timestamp, LetterMark::Discarded(MarkedLetter { id, place })));
        }
        Ok(LetterRecord::Refused(letter)) => {
            let (partition, offset) = (record.partition.0, record.offset.0);
            let (topic, arrived) = (DEAD_LETTER_TOPIC.to_owned(), Some(record.timestamp));
            let letter = DeadLetter { topic, partition, offset, arrived, ..letter };
            letters.refused.push((record.timestamp, letter));
        }
        Err(error) => tracing::error!(offset = record.offset.0, %error, "a record of '{DEAD_LETTER_TOPIC}' is not a dead letter"),
    }
}
