//! `plan`: what deploying a topology would change, before anybody does it: at a running server, or at the start on a data directory.
//!
//! A directory of statements enters, and what it is compared with; what is added, changed and removed leaves, which state is kept, and
//! what is read from the log for the rest.

use serde_json::Value;

use super::arguments::{Format, PlanArguments};
use super::changes::{max_age_lines, reader_lines, sink_lines};
use super::check::declare_or_report;
use super::deploy;
use super::failure::Failure;
use crate::client::answer::text;
use crate::process::deployments::change::{change_as_json, plan_at_start};
use crate::terminal::{print_json, print_lines};

/// Prints what would change.
pub(super) fn plan(arguments: &PlanArguments) -> Result<(), Failure> {
    let declared = declare_or_report(&arguments.directory, arguments.remote.format)?;
    let change = match &arguments.data {
        Some(data) => change_as_json(&plan_at_start(&declared, data)?),
        None => deploy::plan(&declared, &arguments.remote)?,
    };
    match arguments.remote.format {
        Format::Json => print_json(&change),
        Format::Text => print_lines(as_text(&change, arguments.data.is_some())),
    }
    match change["refused"].as_str().or(change["wider_access"].as_str()) {
        None => Ok(()),
        Some(reason) => Err(Failure::Unaccepted { reason: reason.to_owned() }),
    }
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
    lines.extend(sink_lines(&change["sinks"]));
    lines.extend(reader_lines(&change["access"]));
    lines.extend(max_age_lines(&change["max_ages"]));
    lines.extend(names(&change["states"]["dropped"]).iter().map(|name| format!("  - state {name}")));
    for state in change["states"]["restored"].as_array().into_iter().flatten() {
        let name = text(&state["state"]);
        lines.push(format!("  + state {name}, as it was kept at epoch {} and with all epochs since", state["epoch"]));
    }
    lines.extend(names(&change["states"]["computed"]).iter().map(|name| format!("  + state {name}, computed from the log")));
    lines.push(format!("  = {} states are kept", names(&change["states"]["kept"]).len()));
    for topic in change["backfill"].as_array().into_iter().flatten() {
        let gone = match topic["gone"].as_u64() {
            Some(gone) if gone > 0 => format!("; the {gone} before them are gone"),
            _ => String::new(),
        };
        lines.push(format!("reads {} records of '{}'{gone}", topic["records"], text(&topic["topic"])));
    }
    if change["backfill"].as_array().is_some_and(|backfill| !backfill.is_empty()) {
        lines.push(format!("takes about {} s on one core", change["seconds"].as_u64().unwrap_or(0).max(1)));
    }
    lines
}
