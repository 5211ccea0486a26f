//! State of a data directory that no process uses.
//!
//! The files enter, read to their end where they have checksums; a report leaves that says whether a start would go on, and from where.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use epochs::bindings::{Bindings, Tail};
use epochs::checkpoint::error::CheckpointError;
use epochs::checkpoint::{CheckpointHeader, Checkpoints};
use epochs::coordinator::{BINDINGS, CHECKPOINTS};
use epochs::disk::real::RealDisk;
use epochs::identity::Identity;
use schemas::chain::Chain;
use schemas::position::{Partition, Topic};
use schemas::source_connector::SOURCE_LOG;
use serde_json::json;
use sources::connector::LogContext;
use sources::embedded::{LOG_FREE_BYTES_MIN, free_bytes};
use sources::log::LogReader;
use sources::registry;

use super::report::DoctorReport;
use crate::process::data_directory::{LOG_DIRECTORY, claim};
use crate::process::disk::{RESERVE_FILE, START_FREE_BYTES_MIN, is_whole_reserve};
use crate::process::error::ProcessError;

/// Less free space than this is worth saying.
const FREE_BYTES_MIN: u64 = 1 << 30;
const RESTORE: &str = "restore a backup with 'tidewater restore'";

/// The bindings: the identity of each epoch, and the progress in each partition.
#[derive(Default)]
struct Bound {
    first: Option<u64>,
    chains: BTreeMap<u64, Chain>,
    next: BTreeMap<(String, u32), u64>,
}

/// Looks at a data directory.
pub fn report(data: &Path) -> Result<DoctorReport, ProcessError> {
    let (disk, _lock) = claim(data)?;
    let mut report = DoctorReport::default();
    report.fact("data", data.display().to_string());
    let has_room = add_disk(&mut report, data);
    match Identity::load(&disk) {
        Ok(None) => {}
        Ok(Some(Identity { format, timeline, incarnation, .. })) => {
            report.fact("format", format);
            report.fact("timeline", format!("{timeline:x}"));
            report.fact("incarnation", incarnation);
        }
        Err(error) => report.problem(error.to_string(), RESTORE),
    }
    let disk = Arc::new(disk);
    let bound = add_bindings(&mut report, &disk);
    let newest = add_checkpoints(&mut report, &disk, &bound);
    if has_room {
        add_log(&mut report, data, &bound, newest.as_ref());
    } else {
        report.note("the event log was not looked at: opening it needs space", "free space on the disk, then look again");
    }
    Ok(report)
}

/// Reports the space of the disk and what a start would do with it; false when there is not even enough to open the log.
fn add_disk(report: &mut DoctorReport, data: &Path) -> bool {
    let Ok(free) = free_bytes(data) else { return true };
    let reserve_file = is_whole_reserve(&data.join(RESERVE_FILE));
    let is_full = free < LOG_FREE_BYTES_MIN;
    report.fact(
        "disk",
        json!({ "free_bytes": free, "reserve_bytes": LOG_FREE_BYTES_MIN, "full": is_full, "reserve_file": reserve_file }),
    );
    if free < START_FREE_BYTES_MIN && !reserve_file {
        let found = format!("the disk is full: {free} bytes are free, and a start needs {START_FREE_BYTES_MIN} to serve readers");
        report.problem(found, "free space on it before the start");
    } else if is_full {
        let found =
            format!("the disk is full: {free} bytes are free, and {LOG_FREE_BYTES_MIN} have to be before events are taken");
        report.problem(
            found,
            "free space on it; a start serves readers meanwhile, and takes events by itself as soon as there is space",
        );
    } else if free < FREE_BYTES_MIN {
        report.note(format!("only {free} bytes are free on the disk"), "free space on it, or run with --log-retention-bytes");
    }
    free >= START_FREE_BYTES_MIN
}

fn add_bindings(report: &mut DoctorReport, disk: &Arc<RealDisk>) -> Bound {
    let (bindings, tail) = match Bindings::open(Arc::clone(disk), BINDINGS) {
        Ok(opened) => opened,
        Err(error) => {
            report.problem(error.to_string(), RESTORE);
            return Bound::default();
        }
    };
    let mut bound = Bound { first: bindings.first(), ..Bound::default() };
    for binding in bindings.read(0) {
        match binding {
            Ok(binding) => {
                bound.chains.insert(binding.epoch, binding.chain());
                bound.next.extend(binding.ranges.iter().map(|range| ((range.topic.clone(), range.partition), range.next)));
            }
            Err(error) => report.problem(error.to_string(), RESTORE),
        }
    }
    let last = bindings.last().map(|(epoch, _)| epoch);
    let is_clean = tail == Tail::Clean;
    let tail = if is_clean { "clean" } else { "broken" };
    report.fact("bindings", json!({ "first": bindings.first(), "last": last, "bytes": bindings.bytes(), "tail": tail }));
    if !is_clean {
        let action =
            "most likely the power was lost while it was written; the next start cuts it off and begins another timeline";
        report.note("what follows the last binding is none", action);
    }
    bound
}

/// Reads every checkpoint to its end; the newest that a start can take leaves.
fn add_checkpoints(report: &mut DoctorReport, disk: &Arc<RealDisk>, bound: &Bound) -> Option<CheckpointHeader> {
    let (checkpoints, opened) = match Checkpoints::open(Arc::clone(disk), CHECKPOINTS) {
        Ok(opened) => opened,
        Err(error) => {
            report.problem(error.to_string(), RESTORE);
            return None;
        }
    };
    let mut damages = opened.damages;
    let (mut facts, mut newest) = (Vec::new(), None);
    for header in &opened.headers {
        let is_bound = bound.chains.get(&header.epoch).is_some_and(|chain| chain.0 == header.chain);
        match count_entries(&checkpoints, header) {
            Ok(entries) => {
                facts.push(json!({ "epoch": header.epoch, "entries": entries, "states": header.states.len(), "state": "valid" }));
                newest = newest.or_else(|| is_bound.then(|| header.clone()));
            }
            Err(damage) => {
                facts.push(json!({ "epoch": header.epoch, "state": "damaged" }));
                damages.push(damage.to_string());
            }
        }
    }
    report.fact("checkpoint", facts);
    let otherwise = match (&newest, bound.first) {
        (Some(header), _) => format!("the next start takes that of epoch {}; check the disk", header.epoch),
        (None, Some(0) | None) => "the next start computes everything again; check the disk".to_owned(),
        (None, Some(first)) => {
            report.problem(format!("no checkpoint can be used, and the bindings before epoch {first} are gone"), RESTORE);
            RESTORE.to_owned()
        }
    };
    damages.into_iter().for_each(|damage| report.problem(damage, otherwise.clone()));
    newest
}

fn count_entries(checkpoints: &Checkpoints<RealDisk>, header: &CheckpointHeader) -> Result<u64, CheckpointError> {
    let mut entries = 0;
    for (state, _, _) in &header.states {
        let mut scan = checkpoints.scan(header, *state)?;
        while scan.next_entry()?.is_some() {
            entries += 1;
        }
    }
    Ok(entries)
}

fn add_log(report: &mut DoctorReport, data: &Path, bound: &Bound, newest: Option<&CheckpointHeader>) {
    let directory = data.join(LOG_DIRECTORY);
    if !directory.is_dir() {
        return report.problem(format!("there is no event log in '{}'", directory.display()), RESTORE);
    }
    let log = match registry::open(SOURCE_LOG.name, LogContext { directory: &directory }) {
        Ok(log) => log,
        Err(error) => return report.problem(error.to_string(), RESTORE),
    };
    report.fact("log_bytes", log.bytes());
    if let Err(error) = describe_topics(report, log.as_ref()) {
        report.problem(error.to_string(), RESTORE);
    }
    for ((topic, partition), next) in &bound.next {
        let end = log.bounds(&Topic::new(topic), Partition(*partition)).map_or(0, |(_, end)| end.0);
        if end < *next {
            let found = format!(
                "LOG_DIVERGED: topic '{topic}', partition {partition} ends at {end}, and records up to {next} were bound"
            );
            report.problem(found, RESTORE);
        }
    }
    for (topic, id, partition, next) in newest.into_iter().flat_map(|header| &header.offsets) {
        check_source(report, log.as_ref(), topic, *id, *partition, *next);
    }
}

fn describe_topics(report: &mut DoctorReport, log: &dyn LogReader) -> Result<(), sources::error::LogError> {
    let mut facts = Vec::new();
    for metadata in log.topics()? {
        let (mut records, mut earliest) = (0, Vec::new());
        for partition in (0..metadata.partitions).map(Partition) {
            let (first, _) = log.bounds(&metadata.topic, partition)?;
            records += log.records_from(&metadata.topic, partition, first)?;
            earliest.push(first.0);
        }
        let partitions = metadata.partitions;
        facts
            .push(json!({ "name": metadata.topic.as_str(), "partitions": partitions, "records": records, "earliest": earliest }));
    }
    report.fact("topic", facts);
    Ok(())
}

/// Returns true if the log has what a start from the newest checkpoint reads.
fn check_source(report: &mut DoctorReport, log: &dyn LogReader, topic: &str, id: u128, partition: u32, next: u64) {
    let found = log.topic(&Topic::new(topic)).ok().flatten();
    if found.is_none_or(|metadata| metadata.topic_id.0 != id) {
        let found = format!("SOURCE_IDENTITY_CHANGED: topic '{topic}' is gone, or was deleted and made again");
        return report.problem(found, RESTORE);
    }
    let earliest = log.bounds(&Topic::new(topic), Partition(partition)).map_or(0, |(earliest, _)| earliest.0);
    if earliest > next {
        let found =
            format!("RETENTION_GAP: topic '{topic}', partition {partition} is read from {next} on, and begins at {earliest}");
        report.problem(found, RESTORE);
    }
}
