//! Changes that a deployment or a start would make, for programs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::run::{Storage, TopologyChange, ViewChange, plan_change};
use epochs::disk::real::RealDisk;
use epochs::error::EpochError;
use epochs::lost_history::{LostHistory, MissingHistory};
use language::topology::Topology;
use serde_json::{Value, json};
use sources::connector::LogContext;
use sources::registry;

use crate::process::data_directory::{LOG_DIRECTORY, lock};
use crate::process::error::ProcessError;

/// Tells what a start on a data directory would change.
pub fn plan_at_start(topology: &Topology, data: &Path) -> Result<TopologyChange, ProcessError> {
    if !data.is_dir() {
        return Err(ProcessError::NoData { directory: data.to_owned() });
    }
    let (disk, _lock) = lock(RealDisk::open(data).map_err(EpochError::from)?)?;
    let log = registry::open(topology.log_connector(), LogContext { directory: &data.join(LOG_DIRECTORY) })?;
    let storage: Storage = Arc::new(disk);
    Ok(plan_change(topology, log.as_ref(), &storage)?)
}

/// Describes a change as JSON.
pub fn change_as_json(change: &TopologyChange) -> Value {
    let by_change = |changes: &BTreeMap<String, ViewChange>| {
        let names = |kind: ViewChange| -> Vec<&String> {
            changes.iter().filter(|(_, change)| **change == kind).map(|(name, _)| name).collect()
        };
        json!({
            "added": names(ViewChange::Added),
            "changed": names(ViewChange::Changed),
            "removed": names(ViewChange::Removed),
            "kept": names(ViewChange::Kept),
        })
    };
    let backfill =
        |topic: &engine::run::TopicBackfill| json!({ "topic": topic.topic, "records": topic.records, "gone": topic.gone });
    let lost = |lost: &LostHistory| json!({ "state": lost.state, "topic": lost.topic.as_str(), "partition": lost.partition.0, "earliest": lost.earliest.0 });
    let restored = change.restored.iter().map(|(state, epoch)| json!({ "state": state, "epoch": epoch })).collect::<Vec<_>>();
    let refused = (!change.lost.is_empty()).then(|| MissingHistory { lost: change.lost.clone() }.to_string());
    json!({
        "checkpoint": change.checkpoint,
        "views": by_change(&change.views),
        "sinks": by_change(&change.sinks),
        "states": { "kept": change.kept, "restored": restored, "computed": change.computed, "dropped": change.dropped },
        "lost": change.lost.iter().map(lost).collect::<Vec<_>>(),
        "refused": refused,
        "backfill": change.backfill.iter().map(backfill).collect::<Vec<_>>(),
        "seconds": change.duration().as_secs(),
    })
}
