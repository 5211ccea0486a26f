//! An engine: the workers that compute one topology, and how its numbers relate to what is served.
//!
//! Owns the translation between a plan and everything around it. Records by topic enter and go to the workers by source; changes by the
//! plan's own index numbers leave as changes of the indexes that are served.

use std::collections::BTreeMap;
use std::sync::Arc;

use epochs::reader::Records;
use schemas::dead_letter::DeadLetter;
use schemas::position::Topic;
use schemas::row::{Diff, Row};
use sinks::views::{IndexId, ServedView, Views};
use sources::record::StoredRecord;

use super::worker::{Work, Workers};
use crate::render::budget::Limits;
use crate::state::quarantine::Quarantine;
use language::topology::Topology;

/// A topology that is computed.
pub struct Engine {
    /// the computed topology
    pub topology: Arc<Topology>,
    /// its workers
    pub workers: Workers,
    /// the served index for each index of the plan, in the order that numbers them there
    indexes: Vec<IndexId>,
    sources: BTreeMap<Topic, usize>,
    quarantine: Arc<Quarantine>,
}

/// Budget for the records of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// anything: it is no record's fault
    Unlimited,
    /// the limits
    Once,
    /// twice that: what was within the limits when it was computed first must be so again, though counters may differ a little
    Twice,
}

impl Allowance {
    fn of(self, quarantine: &Quarantine, epoch: u64, records: usize) -> Option<Limits> {
        let limits = quarantine.limits(epoch, records)?;
        match self {
            Self::Unlimited => None,
            Self::Once => Some(limits),
            Self::Twice => Some(limits.times(2)),
        }
    }
}

/// The part of an epoch that an engine did not take.
#[derive(Default)]
pub struct Left {
    /// records that no source of the plan reads
    pub others: Records,
    /// records that are quarantined, each with the time when it was appended
    pub aside: Vec<(i64, DeadLetter)>,
}

impl Engine {
    /// An engine for the views that `find` finds by their names.
    pub fn new(
        topology: Arc<Topology>,
        workers: Workers,
        quarantine: Arc<Quarantine>,
        find: impl Fn(&str) -> Option<Arc<ServedView>>,
    ) -> Self {
        let ids = |name: &str| find(name).map(|served| served.indexes.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        let indexes = topology.served.iter().filter_map(|served| ids(&served.view.name)).flatten().collect();
        let sources = topology.sources.iter().enumerate();
        let sources = sources.map(|(number, source)| (Topic::new(&source.schema.topic), number)).collect();
        Self { topology, workers, indexes, sources, quarantine }
    }

    /// An engine for everything that is served.
    pub fn of_served(topology: Arc<Topology>, workers: Workers, quarantine: Arc<Quarantine>, views: &Views) -> Self {
        Self::new(topology, workers, quarantine, |name| views.view(name))
    }

    /// Hands the records of an epoch to the workers; what they are not given comes back.
    pub fn send(&self, epoch: u64, wall_micros: i64, read: Records, allowance: Allowance) -> Left {
        let mut records: Vec<Vec<StoredRecord>> = vec![Vec::new(); self.sources.len()];
        let mut left = Left::default();
        for ((topic, partition), read) in read {
            match self.sources.get(&topic) {
                Some(&source) => {
                    let (read, mut aside) = self.quarantine.take_out(&topic, partition, read);
                    records[source].extend(read);
                    left.aside.append(&mut aside);
                }
                None => drop(left.others.insert((topic, partition), read)),
            }
        }
        let count = records.iter().map(Vec::len).sum();
        if let Some(limits) = allowance.of(&self.quarantine, epoch, count) {
            self.workers.budget.limit(epoch, limits);
        }
        for (worker, records) in share(records, self.workers.count()).into_iter().enumerate() {
            let records = records.into_iter().map(Arc::new).collect();
            self.workers.send(worker, Work { epoch, wall_micros, records });
        }
        left
    }

    /// Changes by the plan's numbers, by those that are served.
    pub fn served(&self, changes: BTreeMap<IndexId, Vec<(Row, Diff)>>) -> impl Iterator<Item = (IndexId, Vec<(Row, Diff)>)> {
        changes.into_iter().map(|(index, changes)| (self.indexes[index.0], changes))
    }
}

/// Each worker's records by source: a partition always goes to the same worker.
fn share(records: Vec<Vec<StoredRecord>>, workers: usize) -> Vec<Vec<Vec<StoredRecord>>> {
    let mut shares: Vec<Vec<Vec<StoredRecord>>> = (0..workers).map(|_| vec![Vec::new(); records.len()]).collect();
    for (source, records) in records.into_iter().enumerate() {
        for record in records {
            shares[record.partition.0 as usize % workers][source].push(record);
        }
    }
    shares
}
