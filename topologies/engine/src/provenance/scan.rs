//! Reading the log once more: the events that a view has seen, as the dataflow has seen them.
//!
//! Owns [`Scans`]. The log and the position of a view enter; the decoded events of a source leave, without those that were seen before,
//! quarantined or no events, and with what the log no longer has. What fits is kept, because a plan may read a source several times.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use operators::dedup::{DEDUPLICATION_IDS_MAX, DeduplicationWindow};
use schemas::decoder::EventDecoder;
use schemas::position::{Offset, Partition, Topic};
use sources::log::LogReader;
use sources::record::StoredRecord;

use super::error::{LineageError, Unfinished};
use super::limits::LineageLimits;
use super::question::Consumed;
use crate::epoch_clock::Clock;
use crate::render::events::{AppendTimes, Events, clocks, keep};
use crate::state::quarantine::Quarantine;
use language::topology::{Source, Topology};

/// Records of one read.
const READ_RECORDS: usize = 8_192;
/// Bytes of one read.
const READ_BYTES: usize = 8 << 20;
/// Bytes of decoded events that are kept while a question is answered; sources that do not fit are read again.
const KEPT_BYTES_MAX: usize = 256 << 20;

/// The log as a view has seen it.
pub struct Scans<'q> {
    topology: &'q Topology,
    log: &'q dyn LogReader,
    quarantine: &'q Quarantine,
    consumed: &'q Consumed,
    /// the clock by which rows of tables end
    pub clock: Clock,
    /// the columns of each source that are decoded
    pub decoded: Vec<Vec<usize>>,
    kept: BTreeMap<usize, Vec<Rc<Events>>>,
    kept_bytes: usize,
    /// limits of the search
    pub limits: LineageLimits,
    deadline: Instant,
    /// records that were read
    pub records: u64,
    /// beginnings of partitions that have lost records
    pub gaps: BTreeMap<(Topic, Partition), Offset>,
}

impl<'q> Scans<'q> {
    /// Reads as far as `consumed`, and within limits that begin to count now.
    pub fn new(
        topology: &'q Topology,
        (log, quarantine): (&'q dyn LogReader, &'q Quarantine),
        (consumed, clock): (&'q Consumed, Clock),
        decoded: Vec<Vec<usize>>,
        limits: LineageLimits,
    ) -> Self {
        let (kept, gaps) = (BTreeMap::new(), BTreeMap::new());
        let deadline = Instant::now() + limits.duration;
        Self { topology, log, quarantine, consumed, clock, decoded, kept, kept_bytes: 0, limits, deadline, records: 0, gaps }
    }

    /// Hands out all events of a source, each partition in its order.
    pub fn each(&mut self, source: usize, mut take: impl FnMut(&Events) -> Result<(), LineageError>) -> Result<(), LineageError> {
        if let Some(kept) = self.kept.get(&source) {
            return kept.iter().try_for_each(|batch| take(batch));
        }
        let mut kept = Some((Vec::new(), 0));
        for partition in (0..self.topology.sources[source].partitions).map(Partition) {
            self.partition(source, partition, |events| {
                take(&events)?;
                if let Some((batches, bytes)) = &mut kept {
                    *bytes += events.batch.get_array_memory_size();
                    batches.push(Rc::new(events));
                }
                kept.take_if(|(_, bytes)| *bytes > KEPT_BYTES_MAX);
                Ok(())
            })?;
        }
        if let Some((batches, bytes)) = kept.filter(|(_, bytes)| self.kept_bytes + bytes <= KEPT_BYTES_MAX) {
            self.kept_bytes += bytes;
            self.kept.insert(source, batches);
        }
        Ok(())
    }

    /// Returns true if there is time left.
    pub fn check_time(&self) -> Result<(), LineageError> {
        let duration_max = self.limits.duration;
        if Instant::now() < self.deadline { Ok(()) } else { Err(Unfinished::Time { duration_max }.into()) }
    }

    fn partition(
        &mut self,
        source: usize,
        partition: Partition,
        mut take: impl FnMut(Events) -> Result<(), LineageError>,
    ) -> Result<(), LineageError> {
        let definition = &self.topology.sources[source];
        let key = (Topic::new(definition.schema.topic()), partition);
        let Some(&end) = self.consumed.get(&key) else { return Ok(()) };
        let (earliest, _) = self.log.bounds(&key.0, partition)?;
        if earliest > Offset(0) {
            self.gaps.insert(key.clone(), earliest);
        }
        let mut reader = Reader::new(definition, &self.decoded[source], self.clock);
        let mut from = earliest;
        while from < end {
            self.check_time()?;
            // No more records than this can lie before the end; offsets have gaps, so it may be fewer.
            let left = usize::try_from(end.0 - from.0).unwrap_or(READ_RECORDS).min(READ_RECORDS);
            let mut read = self.log.read(&key.0, partition, from, left, READ_BYTES)?;
            if read.records.is_empty() {
                break;
            }
            from = read.next;
            read.records.retain(|record| record.offset < end);
            let records = read.records;
            self.records += records.len() as u64;
            if self.records > self.limits.records {
                return Err(Unfinished::Records { records_max: self.limits.records }.into());
            }
            let (records, _) = self.quarantine.take_out(&key.0, partition, records);
            take(reader.decode(&records))?;
        }
        Ok(())
    }
}

/// Decodes a partition from its beginning.
struct Reader {
    decoder: EventDecoder,
    clock: Clock,
    seen: DeduplicationWindow,
    appended: AppendTimes,
}

impl Reader {
    fn new(source: &Source, decoded: &[usize], clock: Clock) -> Self {
        let ids_max = DEDUPLICATION_IDS_MAX / source.partitions.max(1) as usize;
        Self {
            decoder: EventDecoder::new(&source.schema, source.encoding, decoded),
            clock,
            seen: DeduplicationWindow::new(source.deduplication_micros.unwrap_or(0), ids_max),
            appended: AppendTimes::default(),
        }
    }

    fn decode(&mut self, records: &[StoredRecord]) -> Events {
        let decoded = self.decoder.decode(records.iter().map(StoredRecord::raw));
        let fresh: Vec<bool> = match &decoded.event_ids {
            Some(ids) => ids.iter().zip(&decoded.occurred_at).map(|(id, &at)| self.seen.first_seen(id.0, at)).collect(),
            None => vec![true; decoded.places.len()],
        };
        let appended = self.appended.of(records, &decoded.places);
        let clock = clocks(self.clock, decoded.occurred_at, &appended);
        keep(Events { batch: decoded.batch, places: decoded.places, appended, clock }, &fresh)
    }
}
