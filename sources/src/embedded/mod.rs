//! The embedded log: one directory, one process, fjall below. Records enter by `append`, are synced by a writer thread that serves
//! all callers at once, and leave by `read`.
//!
//! One value per batch of a partition, not one per record, because that doubles the rate. `trim` removes whole batches. Offsets grow by
//! one from record to record, without gaps.

mod batch;
mod journal;
mod queue;
mod read;
mod space;
mod stable;
mod start;
mod store;
mod topics;
mod trim;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trim_tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use schemas::position::{Offset, Partition, Topic};
use schemas::source_connector::SOURCE_LOG;

use self::queue::{Pending, Queue};
pub use self::space::{LOG_FREE_BYTES_MIN, free_bytes};
use self::stable::Stable;
use self::store::Store;
use self::topics::Topics;
use self::trim::Trims;
use crate::changes::Changes;
use crate::checks::{self, ReadBudget};
use crate::connector::{Connector, LogContext};
use crate::error::{Action, LogError};
use crate::log::{Log, LogAppender, LogReader, LogSpace};
use crate::record::{ReadRecords, Record, StoredRecord, TopicMetadata};

/// The connector `log`: the log that is built in, in a directory.
pub const CONNECTOR: Connector = Connector { spec: &SOURCE_LOG, open };

/// Opens the log of the context's directory.
fn open(context: LogContext<'_>) -> Result<Arc<dyn Log>, LogError> {
    Ok(Arc::new(EmbeddedLog::open(context.directory)?))
}

/// An event log in a directory, which it keeps locked until it is dropped.
///
/// Callers of `append` put their records into stored form on their own threads, queue them, and wait for the writer thread, which numbers, stamps,
/// writes and syncs them. Readers never wait for the writer: they see up to the durable ends that it publishes after each sync.
///
/// Memory: the queue (at most 64 MiB), one group that is being written (at most 16 MiB unless one append is larger), and the database's block
/// cache and memtables (32 MiB each).
pub struct EmbeddedLog {
    store: Arc<Store>,
    topics: Topics,
    trims: Trims,
    queue: Arc<Queue>,
    changes: Arc<Changes>,
    stable: Arc<Stable>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens the log of a directory, or creates both.
    ///
    /// # Errors
    /// The directory is open in another process, can't be used, or holds damaged topics.
    pub fn open(directory: &Path) -> Result<Self, LogError> {
        let store = Arc::new(Store::open(directory)?);
        let topics = Topics::load(&store)?;
        let queue = Arc::new(Queue::default());
        let changes = Arc::new(Changes::default());
        let stable = Arc::new(Stable::new(topics.newest()));
        let writer = {
            let (store, queue, changes, stable) = (store.clone(), queue.clone(), changes.clone(), stable.clone());
            let run = move || writer::run(&store, &queue, &stable, &changes);
            let spawned = std::thread::Builder::new().name("log-writer".to_owned()).spawn(run);
            spawned.map_err(|source| LogError::Open { directory: directory.to_owned(), source })?
        };
        Ok(Self { store, topics, trims: Trims::default(), queue, changes, stable, writer: Some(writer) })
    }

    /// The error that the writer thread has ended: it was told to, or it failed.
    fn stopped(&self, topic: &Topic) -> LogError {
        LogError::Stopped { action: Action::Append, topic: topic.clone(), directory: self.store.directory.clone() }
    }
}

impl LogReader for EmbeddedLog {
    fn topics(&self) -> Result<Vec<TopicMetadata>, LogError> {
        Ok(self.topics.list())
    }

    fn topic(&self, topic: &Topic) -> Result<Option<TopicMetadata>, LogError> {
        Ok(self.topics.find(topic).map(|state| state.metadata.clone()))
    }

    fn read(
        &self,
        topic: &Topic,
        partition: Partition,
        from: Offset,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<ReadRecords, LogError> {
        let state = self.topics.get(topic)?;
        read::read(&self.store, &state, partition, from, ReadBudget::new(max_records, max_bytes))
    }

    fn last_before(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<Option<StoredRecord>, LogError> {
        let (earliest, end) = self.bounds(topic, partition)?;
        let before = before.min(end);
        if before <= earliest {
            return Ok(None);
        }
        // The offsets of this log have no gaps.
        match self.read(topic, partition, Offset(before.0 - 1), 1, 0) {
            Ok(mut read) => Ok(read.records.pop()),
            // Trimmed meanwhile, with all that was before.
            Err(LogError::OffsetOutOfRange { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn stable(&self) -> Result<i64, LogError> {
        Ok(self.stable.get())
    }

    fn bounds(&self, topic: &Topic, partition: Partition) -> Result<(Offset, Offset), LogError> {
        let state = self.topics.get(topic)?;
        checks::check_partition(&state.metadata, partition)?;
        // In this order: the end is never before the earliest offset of an earlier time.
        let earliest = state.earliest(partition);
        Ok((earliest, state.end(partition).next))
    }

    fn records_from(&self, topic: &Topic, partition: Partition, from: Offset) -> Result<u64, LogError> {
        let (earliest, end) = self.bounds(topic, partition)?;
        // The offsets of this log have no gaps.
        Ok(end.0.saturating_sub(from.max(earliest).0))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, timestamp: i64) -> Result<Offset, LogError> {
        let state = self.topics.get(topic)?;
        read::offset_at(&self.store, &state, partition, timestamp)
    }

    fn bytes(&self) -> u64 {
        space::used(&self.store.directory)
    }

    fn topic_bytes(&self, topic: &Topic) -> Result<u64, LogError> {
        self.topics.get(topic)?.bytes(&self.store)
    }

    fn space(&self) -> Option<LogSpace> {
        let free = free_bytes(&self.store.directory).ok()?;
        Some(LogSpace { free, reserve: self.store.reserve() })
    }

    fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.changes.wait(seen, timeout)
    }
}

impl LogAppender for EmbeddedLog {
    fn create_topic(&self, topic: &Topic, partitions: u32) -> Result<TopicMetadata, LogError> {
        self.topics.create(&self.store, topic, partitions)
    }

    fn append(&self, topic: &Topic, records: Vec<Record>) -> Result<Vec<(Partition, Offset)>, LogError> {
        let state = self.topics.get(topic)?;
        checks::check_records(topic, &records)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let writer::Encoded { sections, places } = writer::encode(&records, state.metadata.partitions);
        let partitions: Vec<Partition> = sections.iter().map(|section| section.partition).collect();
        let times = places.iter().zip(&records).map(|((section, place), record)| (*section, *place, record.timestamp));
        let order = times.collect();
        let (reply, answer) = sync_channel(1);
        self.queue.push(Pending { topic: state, sections, order, reply }).map_err(|_| self.stopped(topic))?;
        let firsts = answer.recv().map_err(|_| self.stopped(topic))??;
        let position = |(section, index): (usize, u64)| (partitions[section], Offset(firsts[section].0 + index));
        Ok(places.into_iter().map(position).collect())
    }

    fn trim(&self, topic: &Topic, partition: Partition, before: Offset) -> Result<(), LogError> {
        let state = self.topics.get(topic)?;
        self.trims.trim(&self.store, &state, partition, before)
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take() {
            // The writer's panic, if any, has been printed and its callers have been told.
            writer.join().ok();
        }
    }
}
