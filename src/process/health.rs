//! State of the process, as the API asks for it: readiness, figures, status and lineage.

use std::sync::Arc;
use std::time::Duration;

use api::{
    CheckpointFigures, DiskSpace, Figures, HaltedSource, Health, HostStatus, Measurements, PartitionEnd, Readiness, SinkStatus,
};
use engine::follow::{Reports, SinkTaskReport, SinkTaskState};
use engine::run::{DeploymentHandle, Status, StatusReport, Trouble};
use language::lineage::lineage;
use schemas::lineage::Lineage;
use schemas::position::{Epoch, Offset, Partition, Topic};
use sinks::views::Views;
use sources::log::{Log, LogSpace};

use super::disk::DiskWatch;
use super::ingest::LogIngest;

/// Advice to the operator for a halted source, beside what the reason says.
const HALTED_ACTION: &str =
    "do what the reason says, then start the process again; 'tidewater doctor --data' looks at the data while it is stopped";

/// State of the engine, as the API asks for it.
pub(super) struct EngineHealth {
    pub(super) ingest: LogIngest,
    pub(super) views: Arc<Views>,
    pub(super) log: Arc<dyn Log>,
    pub(super) status: Arc<Status>,
    pub(super) sinks: Arc<Reports>,
    pub(super) deployment_handle: Arc<DeploymentHandle>,
    pub(super) disk: DiskWatch,
}

impl EngineHealth {
    fn disk(&self) -> Option<DiskSpace> {
        let space = self.disk.space()?;
        let LogSpace { free: free_bytes, reserve: reserve_bytes } = space;
        Some(DiskSpace { free_bytes, reserve_bytes, is_full: space.is_full() })
    }
}

impl Health for EngineHealth {
    fn readiness(&self) -> Readiness {
        let takes_events = !self.disk().is_some_and(|disk| disk.is_full);
        readiness(self.status.report().trouble, takes_events, || self.ingest.admission().meter().catching_up())
    }

    fn figures(&self) -> Figures {
        let report = self.status.report();
        Figures {
            events_ingested: self.ingest.events(),
            events_processed: report.events,
            lines_refused: self.ingest.refused(),
            lag: self.ingest.admission().meter().lag(),
            lag_limits: self.ingest.admission().limits(),
            epoch_micros: u64::try_from(report.epoch_duration.as_micros()).unwrap_or(u64::MAX),
            disk: self.disk(),
        }
    }

    fn measurements(&self) -> Measurements {
        let report = self.status.report();
        let (epoch, written) = report.checkpoint;
        let last = report.last_checkpoint;
        let checkpoint = CheckpointFigures {
            epoch: (epoch > 0).then_some(Epoch(epoch)),
            written,
            at_micros: last.map(|last| last.at_micros),
            duration: last.map_or(Duration::ZERO, |last| last.duration),
            bytes: last.map_or(0, |last| last.bytes),
        };
        let sinks = self.sinks.list().into_iter().map(sink_status).collect();
        Measurements { sinks, checkpoint, topic_bytes: self.disk.sample().topic_bytes }
    }

    fn lineage(&self) -> Lineage {
        lineage(&self.deployment_handle.topology())
    }

    fn status(&self) -> HostStatus {
        let meter = self.ingest.admission().meter();
        let end = |(partition, visible): ((Topic, Partition), Offset)| {
            let (_, offset) = self.log.bounds(&partition.0, partition.1).ok()?;
            let records_behind = meter.records_behind(&partition, visible)?;
            Some((partition, PartitionEnd { offset, records_behind }))
        };
        let StatusReport { incarnation, checkpoint: (checkpoint, _), clock_held, trouble, .. } = self.status.report();
        let (halted, stalled) = match trouble {
            Trouble::None => (None, None),
            Trouble::Stalled(reason) | Trouble::DiskFull(reason) => (None, Some(reason)),
            Trouble::Halted(reason) | Trouble::Fenced(reason) => (Some(reason), None),
        };
        // One source that can't be read stops all: an epoch without it would not be the one that is computed again later.
        let halt = |reason| HaltedSource { source: "every source".to_owned(), reason, action: HALTED_ACTION.to_owned() };
        HostStatus {
            incarnation,
            checkpoint: (checkpoint > 0).then_some(Epoch(checkpoint)),
            ends: self.views.consumed().into_iter().filter_map(end).collect(),
            halted: halted.map(halt).into_iter().collect(),
            stalled,
            sinks: self.sinks.list().into_iter().map(sink_status).collect(),
            clock_held,
            lag: meter.lag(),
            lag_limits: self.ingest.admission().limits(),
            disk: self.disk(),
        }
    }
}

/// Returns the readiness of a process that is in trouble or not. `catching_up` says how far it is with what was logged before its start.
fn readiness(trouble: Trouble, takes_events: bool, catching_up: impl FnOnce() -> Option<(u64, u64)>) -> Readiness {
    match trouble {
        Trouble::Halted(reason) | Trouble::Fenced(reason) => Readiness::Halted { reason },
        Trouble::Stalled(reason) => Readiness::Stalled { reason },
        Trouble::DiskFull(reason) if takes_events => Readiness::Stalled { reason },
        // While the disk is too full for events nothing comes that could be missed, so readers are not sent away.
        Trouble::DiskFull(_) | Trouble::None => match catching_up() {
            None => Readiness::Ready,
            Some((records_done, records_total)) => Readiness::CatchingUp { records_done, records_total },
        },
    }
}

fn sink_status(report: SinkTaskReport) -> SinkStatus {
    let (lag_epochs, epoch) = (report.lag_epochs(), report.epoch.map(Epoch));
    let (state, reason) = match report.state {
        SinkTaskState::Waiting => ("waiting", report.trouble),
        SinkTaskState::Attached => ("attached", report.trouble),
        SinkTaskState::Rebuilding => ("rebuilding", report.trouble),
        SinkTaskState::Detached => ("detached", report.trouble),
        SinkTaskState::Halted(why) => ("halted", Some(why)),
    };
    SinkStatus {
        name: report.name,
        view: report.view,
        target: report.target,
        state,
        epoch,
        lag_epochs,
        waiting_changes: report.waiting_changes,
        rebuilt: report.reconciled,
        commits: report.commits,
        errors: report.errors,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_excuses_only_what_it_has_caused() {
        let reason = || "so".to_owned();
        let stalled = Readiness::Stalled { reason: reason() };
        let full = |takes_events| readiness(Trouble::DiskFull(reason()), takes_events, || None);
        assert_eq!((full(false), full(true)), (Readiness::Ready, stalled.clone()));
        for takes_events in [false, true] {
            assert_eq!(readiness(Trouble::Stalled(reason()), takes_events, || None), stalled, "events are taken: {takes_events}");
            assert_eq!(readiness(Trouble::None, takes_events, || None), Readiness::Ready);
        }
        let behind = Readiness::CatchingUp { records_done: 1, records_total: 2 };
        assert_eq!(readiness(Trouble::DiskFull(reason()), false, || Some((1, 2))), behind);
    }
}
