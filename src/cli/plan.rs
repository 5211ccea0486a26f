//! `plan`: what starting a topology on a data directory would change, before anybody does it.
//!
//! A directory of statements and a data directory enter; what is added, changed and removed leaves, which state is kept, and what is read
//! from the log for the rest.

use std::sync::Arc;

use epochs::disk::real::RealDisk;
use epochs::error::EpochError;
use serde_json::{Value, json};
use sources::embedded::EmbeddedLog;
use topologies::run::{Change, Storage, ViewChange, plan_change};

use super::check::load_or_report;
use super::output::print_line;
use super::{Format, PlanArguments};
use crate::error::Failure;
use crate::server::{LOCK_FILE, LOG_DIRECTORY};

/// Prints what would change.
pub(super) fn plan(arguments: &PlanArguments) -> Result<(), Failure> {
    let topology = load_or_report(&arguments.directory, arguments.format)?;
    if !arguments.data.is_dir() {
        return Err(Failure::NoData { directory: arguments.data.clone() });
    }
    let disk = RealDisk::open(&arguments.data).map_err(EpochError::from)?;
    let _lock = disk.lock(LOCK_FILE).map_err(EpochError::from)?;
    let log = EmbeddedLog::open(&arguments.data.join(LOG_DIRECTORY))?;
    let storage: Storage = Arc::new(disk);
    let change = plan_change(&topology, &log, &storage)?;
    match arguments.format {
        Format::Json => print_line(&as_json(&change).to_string()),
        Format::Text => as_text(&change).iter().for_each(|line| print_line(line)),
    }
    Ok(())
}

fn as_text(change: &Change) -> Vec<String> {
    let mut lines = vec![match change.checkpoint {
        Some(epoch) => format!("compared with the checkpoint of epoch {epoch}"),
        None => "there is no checkpoint: everything is computed from the log".to_owned(),
    }];
    for (sign, kind) in [("+", ViewChange::Added), ("~", ViewChange::Changed), ("-", ViewChange::Removed)] {
        lines.extend(change.views.iter().filter(|(_, change)| **change == kind).map(|(name, _)| format!("  {sign} view {name}")));
    }
    let same = change.views.values().filter(|change| **change == ViewChange::Kept).count();
    lines.push(format!("  = {same} views are the same"));
    lines.extend(change.dropped.iter().map(|name| format!("  - state {name}")));
    lines.extend(change.computed.iter().map(|name| format!("  + state {name}, computed from the log")));
    lines.push(format!("  = {} states are kept", change.kept.len()));
    for topic in &change.backfill {
        let gone =
            if topic.gone > 0 { format!("; the {} before them are gone and will be missing", topic.gone) } else { String::new() };
        lines.push(format!("reads {} records of '{}'{gone}", topic.records, topic.topic));
    }
    if change.records() > 0 {
        lines.push(format!("takes about {} s on one core", change.duration().as_secs().max(1)));
    }
    lines
}

fn as_json(change: &Change) -> Value {
    let views = |kind: ViewChange| -> Vec<&String> {
        change.views.iter().filter(|(_, change)| **change == kind).map(|(name, _)| name).collect()
    };
    let backfill =
        |topic: &topologies::run::TopicBackfill| json!({ "topic": topic.topic, "records": topic.records, "gone": topic.gone });
    json!({
        "checkpoint": change.checkpoint,
        "views": {
            "added": views(ViewChange::Added),
            "changed": views(ViewChange::Changed),
            "removed": views(ViewChange::Removed),
            "kept": views(ViewChange::Kept),
        },
        "states": { "kept": change.kept, "computed": change.computed, "dropped": change.dropped },
        "backfill": change.backfill.iter().map(backfill).collect::<Vec<_>>(),
        "seconds": change.duration().as_secs(),
    })
}
