//! Changes that a deployment or a start would make, for programs.

use std::path::Path;
use std::sync::Arc;

use engine::run::{MaxAgeChange, Storage, TopologyChange, ViewChange, WiderAccess, plan_change};
use epochs::error::EpochError;
use epochs::lost_history::{LostHistory, MissingHistory};
use serde_json::{Value, json};
use sources::connector::LogContext;
use sources::registry;

use super::choose::in_force;
use super::declared::Declared;
use super::report::{names_of, reader_changes, sink_changes};
use super::store::Store;
use crate::process::data_directory::{LOG_DIRECTORY, claim};
use crate::process::error::ProcessError;

/// Compares a topology with a data directory: the changes that a start there would make.
///
/// # Errors
/// A directory that a start would refuse: it is none of this program, was not restored to its end, or another process has it.
pub fn plan_at_start(declared: &Declared, data: &Path) -> Result<TopologyChange, ProcessError> {
    let Declared { files, topology } = declared;
    if !data.is_dir() {
        return Err(ProcessError::NoData { directory: data.to_owned() });
    }
    let (disk, _lock) = claim(data)?;
    let log = registry::open(topology.log_connector(), LogContext { directory: &data.join(LOG_DIRECTORY) })?;
    let storage: Storage = Arc::new(disk);
    let store = Store::open(Arc::clone(&storage)).map_err(EpochError::from)?;
    let in_force = in_force(&store, files)?;
    Ok(plan_change(topology, in_force.as_ref().map(|declared| &declared.topology), log.as_ref(), &storage)?)
}

/// Describes a change as JSON.
pub fn change_as_json(change: &TopologyChange) -> Value {
    let views = json!({
        "added": names_of(&change.views, ViewChange::Added),
        "changed": names_of(&change.views, ViewChange::Changed),
        "removed": names_of(&change.views, ViewChange::Removed),
        "kept": names_of(&change.views, ViewChange::Kept),
    });
    let backfill =
        |topic: &engine::run::TopicBackfill| json!({ "topic": topic.topic, "records": topic.records, "gone": topic.gone });
    let lost = |lost: &LostHistory| json!({ "state": lost.state, "topic": lost.topic.as_str(), "partition": lost.partition.0, "earliest": lost.earliest.0 });
    let restored = change.restored.iter().map(|(state, epoch)| json!({ "state": state, "epoch": epoch })).collect::<Vec<_>>();
    let max_age =
        |(view, change): (&String, &MaxAgeChange)| json!({ "view": view, "before": change.before, "after": change.after });
    let refused = (!change.lost.is_empty()).then(|| MissingHistory { lost: change.lost.clone() }.to_string());
    json!({
        "checkpoint": change.checkpoint,
        "views": views,
        "sinks": sink_changes(&change.sinks),
        "access": reader_changes(&change.access),
        "max_ages": change.max_ages.iter().map(max_age).collect::<Vec<_>>(),
        "wider_access": WiderAccess::of(&change.access).map(|wider| wider.to_string()),
        "states": { "kept": change.kept, "restored": restored, "computed": change.computed, "dropped": change.dropped },
        "lost": change.lost.iter().map(lost).collect::<Vec<_>>(),
        "refused": refused,
        "backfill": change.backfill.iter().map(backfill).collect::<Vec<_>>(),
        "seconds": change.duration().as_secs(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::data_directory::UNFINISHED_FILE;

    #[test]
    fn a_plan_refuses_the_directories_that_a_start_refuses_and_leaves_nothing_in_them() {
        let declared = Declared::of(Vec::new()).expect("no statements are a topology");
        let folder = tempfile::tempdir().expect("a folder");
        let files = || fs::read_dir(folder.path()).expect("a folder").count();
        let missing = plan_at_start(&declared, &folder.path().join("missing"));
        assert!(matches!(missing, Err(ProcessError::NoData { .. })), "{missing:?}");
        let empty = plan_at_start(&declared, folder.path());
        assert!(matches!(empty, Err(ProcessError::NoData { .. })), "{empty:?}");
        assert_eq!(files(), 0);
        fs::write(folder.path().join(UNFINISHED_FILE), "").expect("a file");
        let half = plan_at_start(&declared, folder.path());
        assert!(matches!(half, Err(ProcessError::HalfRestored { .. })), "{half:?}");
        assert_eq!(files(), 1);
    }
}
