//! What starting a topology on a data directory would change: which views, which state is kept, and what is read once more.
//!
//! Owns [`Change`]. A topology, the newest checkpoint and the log enter; nothing is written but what every opening of a data directory
//! tidies up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use epochs::checkpoint::{CheckpointHeader, Checkpoints};
use epochs::coordinator::{CHECKPOINTS, stored_state};
use epochs::error::EpochError;
use schemas::position::{Partition, Topic};
use sources::log::Log;

use super::Storage;
use super::letters::Meta;
use crate::plan::kept::{Kept, KeptStates, view_fingerprints};
use crate::topology::Topology;

/// Records of a backfill that one worker takes in a second, measured with the social topology on one core; for estimates only.
pub const BACKFILL_RECORDS_PER_SECOND: u64 = 150_000;

/// What happens to a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewChange {
    /// it was not there
    Added,
    /// its rows, columns or indexes are others
    Changed,
    /// it is not there any more
    Removed,
    /// it is the same
    Kept,
}

/// A topic that is read once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicBackfill {
    /// the topic
    pub topic: String,
    /// records that are read
    pub records: u64,
    /// records at its beginning that the log no longer has
    pub gone: u64,
}

/// What starting a topology would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// the epoch of the checkpoint that it is compared with; `None` when there is none, so that everything is computed from the log
    pub checkpoint: Option<u64>,
    /// every view, by name
    pub views: BTreeMap<String, ViewChange>,
    /// kept state that goes on
    pub kept: Vec<String>,
    /// state that is computed from the log
    pub computed: Vec<String>,
    /// kept state that nothing reads any more
    pub dropped: Vec<String>,
    /// what is read for that
    pub backfill: Vec<TopicBackfill>,
}

impl Change {
    /// Records that are read once more.
    pub fn records(&self) -> u64 {
        self.backfill.iter().map(|topic| topic.records).sum()
    }

    /// About how long reading them takes.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.records().div_ceil(BACKFILL_RECORDS_PER_SECOND))
    }
}

/// Compares a topology with what a data directory holds.
pub fn plan_change(topology: &Topology, log: &dyn Log, storage: &Storage) -> Result<Change, EpochError> {
    let (_, opened) = Checkpoints::open(Arc::new(Arc::clone(storage)), CHECKPOINTS)?;
    let newest = opened.headers.first();
    let states = KeptStates::of(topology);
    let is_stored = |number: &usize| newest.is_some_and(|header| stored_state(header, &states.specs[*number]).is_some());
    let named = |number: usize| {
        (!matches!(states.kept[number], Kept::RowErrors | Kept::DeadLetters)).then(|| states.specs[number].name.clone())
    };
    let (stored, missing): (Vec<usize>, Vec<usize>) = (0..states.specs.len()).partition(is_stored);
    let numbers: BTreeSet<u32> = missing.iter().map(|number| *number as u32).collect();
    let topics = states.topics(topology, &numbers);
    Ok(Change {
        checkpoint: newest.map(|header| header.epoch),
        views: view_changes(topology, newest),
        kept: stored.into_iter().filter_map(named).collect(),
        computed: missing.into_iter().filter_map(named).collect(),
        dropped: newest.map(|header| dropped(header, &states)).unwrap_or_default(),
        backfill: topics.iter().map(|topic| backfill(topic, log)).collect::<Result<_, _>>()?,
    })
}

fn view_changes(topology: &Topology, newest: Option<&CheckpointHeader>) -> BTreeMap<String, ViewChange> {
    let meta: Meta = newest.and_then(|header| serde_json::from_slice(&header.meta).ok()).unwrap_or_default();
    let now = view_fingerprints(topology);
    let mut changes: BTreeMap<String, ViewChange> = meta.views.keys().map(|name| (name.clone(), ViewChange::Removed)).collect();
    for (name, identity) in now {
        let change = match meta.views.get(&name) {
            None => ViewChange::Added,
            Some(before) if *before == identity.to_string() => ViewChange::Kept,
            Some(_) => ViewChange::Changed,
        };
        changes.insert(name, change);
    }
    changes
}

fn dropped(header: &CheckpointHeader, states: &KeptStates) -> Vec<String> {
    let is_kept = |fingerprint: &[u8; 32]| states.specs.iter().any(|state| state.fingerprint.0 == *fingerprint);
    header.states.iter().filter(|(_, fingerprint, _)| !is_kept(fingerprint)).map(|(_, _, name)| name.clone()).collect()
}

fn backfill(topic: &Topic, log: &dyn Log) -> Result<TopicBackfill, EpochError> {
    let partitions = log.topic(topic)?.map_or(0, |metadata| metadata.partitions);
    let mut backfill = TopicBackfill { topic: topic.as_str().to_owned(), records: 0, gone: 0 };
    for partition in (0..partitions).map(Partition) {
        let (earliest, end) = log.bounds(topic, partition)?;
        backfill.records += end.0 - earliest.0;
        backfill.gone += earliest.0;
    }
    Ok(backfill)
}
