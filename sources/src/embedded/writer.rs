//! Group commit: one thread numbers, stamps, writes and syncs the appends of all callers, as many at once as have arrived.
//!
//! Appends enter through the queue in stored form; offsets leave through each append's reply, after the sync. While a group is being
//! synced the next one gathers, so the sync is paid once for all callers of its duration.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use schemas::position::{Offset, Partition};

use super::batch::{self, BatchPlace, OpenBatch, Section};
use super::queue::{Pending, Queue};
use super::stable::Stable;
use super::store::Store;
use super::topics::{PartitionEnd, TopicState};
use crate::changes::Changes;
use crate::checks;
use crate::error::{Action, LogError};
use crate::partitioner::partition_of;
use crate::record::{Record, TopicId};

/// The most bytes of a batch, unless a single record is larger: what a read has to fetch for one record.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Records in stored form, cut into sections by partition.
pub struct Encoded {
    /// the sections, in order within each partition
    pub sections: Vec<Section>,
    /// for each record, its section and its place there
    pub places: Vec<(usize, u64)>,
}

/// Puts the records of an append into stored form, on the caller's thread.
///
/// Sections are at most [`BATCH_BYTES_MAX`] long, unless a single record is, and the records of a partition keep their order over its sections.
/// Costs one copy of the keys and values.
pub fn encode(records: &[Record], partitions: u32) -> Encoded {
    let mut sections: Vec<Section> = Vec::new();
    let mut current: BTreeMap<Partition, usize> = BTreeMap::new();
    let mut places = Vec::with_capacity(records.len());
    for record in records {
        let partition = partition_of(&record.key, partitions);
        let full = |index: &usize| sections[*index].bytes.len() + batch::stored_bytes(record) > BATCH_BYTES_MAX;
        let index = match current.get(&partition).copied().filter(|index| !full(index)) {
            Some(index) => index,
            None => {
                sections.push(Section::new(partition));
                current.insert(partition, sections.len() - 1);
                sections.len() - 1
            }
        };
        places.push((index, u64::from(sections[index].count)));
        sections[index].push(record);
    }
    Encoded { sections, places }
}

/// Writes groups until the queue is closed.
///
/// Never returns before the queue is closed and empty. Timestamps grow over all groups, also over one that could not be written: its records may
/// be on the disk all the same, and the next record has to be later than they are.
pub fn run(store: &Store, queue: &Queue, stable: &Stable, changes: &Changes) {
    let _abandon = AbandonOnPanic(queue);
    let mut was_full = false;
    // Only grows, also past what could not be written: that may be on the disk all the same.
    let mut newest = stable.get();
    while let Some(mut pending) = queue.take_group() {
        let is_full = refuse_without_space(store, &pending);
        if is_full != was_full {
            let directory = store.directory.display();
            match is_full {
                true => tracing::error!(%directory, "the disk is full: appends are refused until there is space"),
                false => tracing::info!(%directory, "there is space again: appends are taken"),
            }
            was_full = is_full;
        }
        if !is_full {
            pending.iter_mut().for_each(|append| stamp(append, &mut newest));
            write(store, &pending, || {
                stable.reach(newest);
                changes.announce();
            });
        }
    }
}

/// Gives the records of an append their timestamps, in their order.
fn stamp(append: &mut Pending, newest: &mut i64) {
    for (section, place, given) in &append.order {
        *newest = checks::next_timestamp(*newest, *given);
        append.sections[*section].stamp(*place, *newest);
    }
}

/// Refuses a group that there is no space for. Answers whether it did.
fn refuse_without_space(store: &Store, pending: &[Pending]) -> bool {
    let bytes: usize = pending.iter().map(Pending::bytes).sum();
    // A disk that does not tell how full it is tells soon enough, by what it answers to the write.
    let Ok(Some(shortage)) = store.shortage(bytes as u64) else { return false };
    for append in pending {
        reply(append, Err(store.no_space(Action::Append, &append.topic.metadata.topic, shortage)));
    }
    true
}

/// Writes a group. `shown` is called when readers see all of it, before the callers learn of that.
///
/// A failed write leaves the ends as they are: nothing of the group can be read, and its offsets are given to the next.
fn write(store: &Store, pending: &[Pending], shown: impl FnOnce()) {
    let mut group = Group::default();
    let firsts: Vec<Vec<Offset>> = pending.iter().map(|append| group.add(append)).collect();
    let grown = group.topics.values().map(|topic| (Arc::clone(&topic.topic), topic.bytes)).collect::<Vec<_>>();
    match store.commit(&store.batches, group.take_pairs(), Vec::new()) {
        Ok(()) => {
            group.publish();
            grown.iter().for_each(|(topic, bytes)| topic.grow(*bytes));
            shown();
            for (append, firsts) in pending.iter().zip(firsts) {
                reply(append, Ok(firsts));
            }
        }
        Err(error) => {
            tracing::error!(directory = %store.directory.display(), %error, "the log could not be written");
            for append in pending {
                reply(append, Err(store.failed(Action::Append, &append.topic.metadata.topic, &error)));
            }
        }
    }
}

/// A group of appends that are written and synced together.
///
/// Invariant: the offsets of a partition go on where its durable end is, without a gap. Only the writer thread moves ends, so none can move while
/// a group is built.
#[derive(Default)]
struct Group {
    topics: BTreeMap<TopicId, TopicEnds>,
    open: BTreeMap<BatchPlace, OpenBatch>,
    sealed: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The ends that a topic's partitions have once the group is durable.
///
/// They become visible together, so that readers see all of an append or none of it.
struct TopicEnds {
    topic: Arc<TopicState>,
    ends: Vec<PartitionEnd>,
    /// bytes of the sections
    bytes: i64,
}

impl Group {
    /// Adds the sections of an append. Returns the offset of the first record of each.
    fn add(&mut self, append: &Pending) -> Vec<Offset> {
        append.sections.iter().map(|section| self.add_section(&append.topic, section)).collect()
    }

    /// Adds a section to the open batch of its partition, or to a new one when that is full. Returns the offset of its first record.
    fn add_section(&mut self, topic: &Arc<TopicState>, section: &Section) -> Offset {
        let place = topic.place(section.partition);
        let topic = self.topics.entry(place.topic_id).or_insert_with(|| TopicEnds::of(topic));
        let end = &mut topic.ends[section.partition.0 as usize];
        let create = || OpenBatch::new(end.next, end.newest, section.bytes.len());
        let first = match self.open.entry(place) {
            Entry::Vacant(entry) => entry.insert(create()).push(section),
            Entry::Occupied(mut entry) => {
                if entry.get().bytes() + section.bytes.len() > BATCH_BYTES_MAX {
                    let (key, value) = entry.insert(create()).seal(place);
                    self.sealed.push((key.to_vec(), value));
                }
                entry.get_mut().push(section)
            }
        };
        assert_eq!(first, end.next, "a batch was numbered apart from the end of its partition");
        end.next = Offset(end.next.0 + u64::from(section.count));
        end.newest = end.newest.max(section.newest);
        topic.bytes += section.bytes.len() as i64;
        first
    }

    /// The batches to store.
    fn take_pairs(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        for (place, batch) in std::mem::take(&mut self.open) {
            let (key, value) = batch.seal(place);
            self.sealed.push((key.to_vec(), value));
        }
        std::mem::take(&mut self.sealed)
    }

    /// Shows the group to readers: all partitions of a topic under one lock.
    fn publish(self) {
        for (_, TopicEnds { topic, ends, .. }) in self.topics {
            *topic.ends.write() = ends;
        }
    }
}

impl TopicEnds {
    /// The ends as they are durable now.
    fn of(topic: &Arc<TopicState>) -> Self {
        Self { topic: topic.clone(), ends: topic.ends.read().clone(), bytes: 0 }
    }
}

/// Answers an append. Who does not wait for it any more needs no answer.
fn reply(append: &Pending, answer: Result<Vec<Offset>, LogError>) {
    append.reply.send(answer).ok();
}

/// Lets callers go when the writer fails by a programming error, so that they don't wait for ever.
struct AbandonOnPanic<'a>(&'a Queue);

impl Drop for AbandonOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}
