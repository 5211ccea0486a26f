//! `plan`: what deploying a topology would change, before anybody does it: at a running server, or at the start on a data directory.
//!
//! A directory of statements enters, and what it is compared with; what is added, changed and removed leaves, which state is kept, and
//! what is read from the log for the rest.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::run::{Storage, TopologyChange, ViewChange, plan_change};
use epochs::disk::real::RealDisk;
use epochs::error::EpochError;
use epochs::lost_history::{LostHistory, MissingHistory};
use language::topology::Topology;
use serde_json::{Value, json};
use sources::embedded::EmbeddedLog;

use super::check::declare_or_report;
use super::output::print_line;
use super::{Format, PlanArguments, deploy};
use crate::error::Failure;
use crate::server::{LOCK_FILE, LOG_DIRECTORY};

/// Prints what would change.
pub(super) fn plan(arguments: &PlanArguments) -> Result<(), Failure> {
    let declared = declare_or_report(&arguments.directory, arguments.format)?;
    let change = match &arguments.data {
        Some(data) => as_json(&plan_at_start(&declared.topology, data)?),
        None => deploy::plan(&declared, &arguments.remote())?,
    };
    match arguments.format {
        Format::Json => print_line(&change.to_string()),
        Format::Text => as_text(&change, arguments.data.is_some()).iter().for_each(|line| print_line(line)),
    }
    match change["refused"].as_str() {
        None => Ok(()),
        Some(reason) => Err(Failure::MissingHistory { reason: reason.to_owned() }),
    }
}

/// Tells what a start on a data directory would change.
fn plan_at_start(topology: &Topology, data: &Path) -> Result<TopologyChange, Failure> {
    if !data.is_dir() {
        return Err(Failure::NoData { directory: data.to_owned() });
    }
    let disk = RealDisk::open(data).map_err(EpochError::from)?;
    let _lock = disk.lock(LOCK_FILE).map_err(EpochError::from)?;
    let log = EmbeddedLog::open(&data.join(LOG_DIRECTORY))?;
    let storage: Storage = Arc::new(disk);
    Ok(plan_change(topology, &log, &storage)?)
}

fn as_text(change: &Value, at_start: bool) -> Vec<String> {
    let names = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let mut lines = vec![match (at_start, change["checkpoint"].as_u64()) {
        (false, _) => "compared with what the server runs".to_owned(),
        (true, Some(epoch)) => format!("compared with the checkpoint of epoch {epoch}"),
        (true, None) => "there is no checkpoint: everything is computed from the log".to_owned(),
    }];
    for (sign, kind) in [("+", "added"), ("~", "changed"), ("-", "removed")] {
        lines.extend(names(&change["views"][kind]).iter().map(|name| format!("  {sign} view {name}")));
    }
    lines.push(format!("  = {} views are the same", names(&change["views"]["kept"]).len()));
    for (sign, kind) in [("+", "added"), ("~", "changed"), ("-", "removed")] {
        lines.extend(names(&change["sinks"][kind]).iter().map(|name| format!("  {sign} {}", sink_text(name))));
    }
    lines.extend(names(&change["states"]["dropped"]).iter().map(|name| format!("  - state {name}")));
    for state in change["states"]["restored"].as_array().into_iter().flatten() {
        let name = state["state"].as_str().unwrap_or_default();
        lines.push(format!("  + state {name}, as it was kept at epoch {} and with all epochs since", state["epoch"]));
    }
    lines.extend(names(&change["states"]["computed"]).iter().map(|name| format!("  + state {name}, computed from the log")));
    lines.push(format!("  = {} states are kept", names(&change["states"]["kept"]).len()));
    for topic in change["backfill"].as_array().into_iter().flatten() {
        let gone = match topic["gone"].as_u64() {
            Some(gone) if gone > 0 => format!("; the {gone} before them are gone"),
            _ => String::new(),
        };
        lines.push(format!("reads {} records of '{}'{gone}", topic["records"], topic["topic"].as_str().unwrap_or_default()));
    }
    if change["backfill"].as_array().is_some_and(|backfill| !backfill.is_empty()) {
        lines.push(format!("takes about {} s on one core", change["seconds"].as_u64().unwrap_or(0).max(1)));
    }
    lines
}

/// A sink as people call it.
fn sink_text(name: &str) -> String {
    match name.strip_prefix("search:") {
        Some(index) => format!("full-text index {index}"),
        None => format!("sink {name}"),
    }
}

/// A change, for programs.
pub(crate) fn as_json(change: &TopologyChange) -> Value {
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
