//! Binding: which records belong to an epoch.
//!
//! Owns the offsets that were read so far. The log enters; the records of the next epoch leave, within the epoch's limits, partitions
//! in turn so that none starves.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::dead_letter::DeadLetter;
use schemas::position::{Offset, Partition, Topic};
use sources::error::LogError;
use sources::log::{Log, StoredRecord};

use super::{DEAD_LETTER_TOPIC, EPOCH_BYTES_MAX};
use crate::topology::Topology;

/// What an epoch is made of.
pub struct Bound {
    /// records by source, in the order of partitions and offsets
    pub records: Vec<Vec<StoredRecord>>,
    /// events that were refused at ingest
    pub refused: Vec<DeadLetter>,
    /// next offsets after this epoch
    pub consumed: BTreeMap<(Topic, Partition), Offset>,
    /// how many records there are
    pub count: usize,
}

/// Reads the log from where the last epoch ended.
pub struct Binder {
    log: Arc<dyn Log>,
    offsets: BTreeMap<(Topic, Partition), Offset>,
    sources: BTreeMap<Topic, usize>,
    records_max: usize,
    /// the partition that is read first, so that a busy one can't keep others out
    turn: usize,
}

impl Binder {
    /// Starts at these offsets.
    pub fn new(log: Arc<dyn Log>, offsets: BTreeMap<(Topic, Partition), Offset>, topology: &Topology, records_max: usize) -> Self {
        let sources = topology.sources.iter().enumerate();
        let sources = sources.map(|(number, source)| (Topic::new(&source.schema.topic), number)).collect();
        Self { log, offsets, sources, records_max: records_max.max(1), turn: 0 }
    }

    /// An epoch without records that says where every partition begins: with it, a topology without events becomes visible.
    pub fn first(&self) -> Bound {
        Bound { consumed: self.offsets.clone(), ..self.nothing() }
    }

    fn nothing(&self) -> Bound {
        Bound { records: vec![Vec::new(); self.sources.len()], refused: Vec::new(), consumed: BTreeMap::new(), count: 0 }
    }

    /// Takes what the next epoch holds: nothing when the log was read to its end.
    pub fn bind(&mut self) -> Result<Bound, LogError> {
        let mut bound = self.nothing();
        let mut bytes = 0;
        let partitions: Vec<(Topic, Partition)> = self.offsets.keys().cloned().collect();
        self.turn = (self.turn + 1) % partitions.len().max(1);
        for place in (0..partitions.len()).map(|place| (place + self.turn) % partitions.len()) {
            if bound.count >= self.records_max || bytes >= EPOCH_BYTES_MAX {
                break;
            }
            let (topic, partition) = &partitions[place];
            let from = self.offsets[&partitions[place]];
            let records = self.log.read(topic, *partition, from, self.records_max - bound.count, EPOCH_BYTES_MAX - bytes)?;
            let Some(last) = records.last() else { continue };
            let next = Offset(last.offset.0 + 1);
            bytes += records.iter().map(|record| record.key.len() + record.value.len()).sum::<usize>();
            bound.count += records.len();
            self.offsets.insert(partitions[place].clone(), next);
            bound.consumed.insert(partitions[place].clone(), next);
            match self.sources.get(topic) {
                Some(&source) => bound.records[source].extend(records),
                None => bound.refused.extend(records.into_iter().filter_map(refused)),
            }
        }
        bound.records.iter_mut().for_each(|records| records.sort_by_key(|record| (record.partition, record.offset)));
        Ok(bound)
    }
}

/// A record of the topic of refused events; its own place is where its bytes lie.
fn refused(record: StoredRecord) -> Option<DeadLetter> {
    match serde_json::from_slice::<DeadLetter>(&record.value) {
        Ok(letter) => {
            let (partition, offset) = (record.partition.0, record.offset.0);
            Some(DeadLetter { topic: DEAD_LETTER_TOPIC.to_owned(), partition, offset, ..letter })
        }
        Err(error) => {
            tracing::error!(offset = record.offset.0, %error, "a record of '{DEAD_LETTER_TOPIC}' is no dead letter");
            None
        }
    }
}
