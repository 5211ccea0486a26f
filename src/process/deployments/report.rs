//! Generations and deployments in the words of the API.

use std::collections::BTreeMap;

use api::{DeploymentState, GenerationInfo, ReaderChange, RowDifference, SinkChanges};
use engine::run::{AccessChange, AccessSubject, DeployOutcome, DeployPhase, DeployReport, ViewChange, ViewDifference};
use schemas::time::timestamp_text;

use super::life::Life;
use super::store::Generation;

/// Describes a generation for operators.
pub(super) fn info(generation: &Generation, life: Life, in_force: u64) -> GenerationInfo {
    GenerationInfo {
        generation: generation.generation,
        origin: generation.origin.to_string(),
        files: generation.files.len(),
        in_force: generation.generation == in_force,
        state: life.state.name(),
        begun_at: life.begun_micros.map(timestamp_text),
        by: life.by,
        ended_at: life.ended_micros.map(timestamp_text),
        reason: life.reason,
    }
}

/// Describes the current or last deployment for operators.
pub(super) fn state(report: DeployReport) -> DeploymentState {
    let DeployReport { generation, phase, backfill, rows, behind, views, sinks, access, differences, outcome } = report;
    let (outcome, epoch, reason) = match outcome {
        None => (None, None, None),
        Some(DeployOutcome::Switched { epoch }) => (Some("switched"), Some(epoch), None),
        Some(DeployOutcome::Differs) => (Some("differs"), None, None),
        Some(DeployOutcome::Refused { reason }) => (Some("refused"), None, Some(reason)),
        Some(DeployOutcome::Failed { reason }) => (Some("failed"), None, Some(reason)),
    };
    DeploymentState {
        generation,
        phase: phase_name(phase),
        backfill_records: backfill.0,
        backfill_records_total: backfill.1,
        rows,
        behind_epochs: behind,
        added: names_of(&views, ViewChange::Added),
        changed: names_of(&views, ViewChange::Changed),
        removed: names_of(&views, ViewChange::Removed),
        kept: names_of(&views, ViewChange::Kept),
        sinks: sink_changes(&sinks),
        access: reader_changes(&access),
        differences: differences.into_iter().map(row_difference).collect(),
        outcome,
        epoch,
        reason,
    }
}

/// Describes changes of sinks for operators.
pub(super) fn sink_changes(sinks: &BTreeMap<String, ViewChange>) -> SinkChanges {
    SinkChanges {
        added: names_of(sinks, ViewChange::Added),
        changed: names_of(sinks, ViewChange::Changed),
        removed: names_of(sinks, ViewChange::Removed),
        kept: names_of(sinks, ViewChange::Kept),
    }
}

/// Describes changes of readers for operators.
pub(super) fn reader_changes(access: &BTreeMap<AccessSubject, AccessChange>) -> Vec<ReaderChange> {
    let change = |(subject, change): (&AccessSubject, &AccessChange)| ReaderChange {
        kind: subject.kind(),
        name: subject.name().to_owned(),
        before: change.before.clone(),
        after: change.after.clone(),
        wider: change.is_wider,
    };
    access.iter().map(change).collect()
}

/// The names of what changes in this way.
pub(super) fn names_of(changes: &BTreeMap<String, ViewChange>, kind: ViewChange) -> Vec<String> {
    changes.iter().filter(|(_, change)| **change == kind).map(|(name, _)| name.clone()).collect()
}

fn phase_name(phase: DeployPhase) -> &'static str {
    match phase {
        DeployPhase::None => "none",
        DeployPhase::Waiting => "waiting",
        DeployPhase::Checkpointing => "checkpointing",
        DeployPhase::Restoring => "restoring",
        DeployPhase::Backfilling => "backfilling",
        DeployPhase::CatchingUp => "catching_up",
        DeployPhase::Switching => "switching",
        DeployPhase::Finished => "finished",
    }
}

fn row_difference(difference: ViewDifference) -> RowDifference {
    let ViewDifference { view, counts, goes, comes } = difference;
    let (counts, incomparable) = match counts {
        Ok(counts) => (Some(counts), None),
        Err(error) => (None, Some(error.to_string())),
    };
    RowDifference {
        view,
        rows_equal: counts.map(|(equal, ..)| equal),
        rows_gone: counts.map(|(_, gone, _)| gone),
        rows_new: counts.map(|(.., new)| new),
        incomparable,
        gone: goes,
        new: comes,
    }
}
