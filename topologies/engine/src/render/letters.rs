//! Events that a table refuses become dead letters, with their bytes.
//!
//! Owns the way back from a key to the record. The places of refused events enter, on the worker of their key, and the records of a source, on
//! the worker that read them; letters go to the epoch's output. Keeps the records of the epochs that are not done, which others hold too.

use std::collections::{BTreeMap, BTreeSet};

use operators::Time;
use operators::fold::RefusedEvent;
use schemas::dead_letter::{DEAD_LETTER_BYTES_MAX, DeadLetter, Fault, Reason};
use sources::record::StoredRecord;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

use super::drain::Drain;
use super::events::Records;

/// An epoch that is not done. Its capability holds back the output, which is empty: who waits for that waits for the letters.
struct OpenEpoch {
    _open: Capability<Time>,
    records: Vec<Records>,
    refused: Vec<RefusedEvent>,
}

impl OpenEpoch {
    fn new(open: Capability<Time>) -> Self {
        Self { _open: open, records: Vec::new(), refused: Vec::new() }
    }
}

/// Hands the events of a topic that a table, the `relation`, refuses to the drain. A partition's records are on the worker of its number.
pub fn render<'s>(
    records: StreamVec<'s, Time, Records>,
    refused: StreamVec<'s, Time, RefusedEvent>,
    (topic, relation): (&str, &str),
    drain: Drain,
) -> StreamVec<'s, Time, ()> {
    let (topic, relation) = (topic.to_owned(), relation.to_owned());
    let mut builder = OperatorBuilder::new(format!("letters {relation}"), records.scope());
    let mut records = builder.new_input(records, Pipeline);
    let partition = Exchange::new(|refused: &RefusedEvent| u64::from(refused.order.partition));
    let mut refused = builder.new_input(refused, partition);
    let (_, done): (_, StreamVec<'s, Time, ()>) = builder.new_output();
    builder.build(move |_| {
        let mut open: BTreeMap<Time, OpenEpoch> = BTreeMap::new();
        move |frontiers| {
            records.for_each(|capability, data| {
                let time = *capability.time();
                let epoch = open.entry(time).or_insert_with(|| OpenEpoch::new(capability.retain(0)));
                epoch.records.append(data);
            });
            refused.for_each(|capability, data| {
                let time = *capability.time();
                let epoch = open.entry(time).or_insert_with(|| OpenEpoch::new(capability.retain(0)));
                epoch.refused.append(data);
            });
            while let Some(first) = open.first_entry() {
                if frontiers.iter().any(|frontier| frontier.less_equal(first.key())) {
                    break;
                }
                let (time, epoch) = first.remove_entry();
                give_out(&epoch, time, (&topic, &relation), &drain);
            }
        }
    });
    done
}

/// Makes a letter of each event that was refused, for each of the reasons once.
fn give_out(epoch: &OpenEpoch, time: Time, (topic, relation): (&str, &str), drain: &Drain) {
    let mut wanted: BTreeMap<(u32, u64), Vec<&RefusedEvent>> = BTreeMap::new();
    for refused in &epoch.refused {
        wanted.entry((refused.order.partition, refused.order.offset)).or_default().push(refused);
    }
    if wanted.is_empty() {
        return;
    }
    for record in epoch.records.iter().flat_map(|records| records.iter()) {
        let Some(mut refused) = wanted.remove(&(record.partition.0, record.offset.0)) else { continue };
        refused.sort_unstable();
        let mut told = BTreeSet::new();
        for RefusedEvent { order, reason } in refused.into_iter().filter(|refused| told.insert(&refused.reason)) {
            drain.dead_letter(time, order.appended, letter(record, (topic, relation), reason));
        }
    }
    assert!(wanted.is_empty(), "'{relation}' refuses events of '{topic}' that this worker was not given: {:?}", wanted.keys());
}

fn letter(record: &StoredRecord, (topic, relation): (&str, &str), reason: &str) -> DeadLetter {
    DeadLetter {
        topic: topic.to_owned(),
        partition: record.partition.0,
        offset: record.offset.0,
        sent_to: Some(topic.to_owned()),
        fault: Fault::new(Reason::Raised, reason),
        bytes: record.value[..record.value.len().min(DEAD_LETTER_BYTES_MAX)].to_vec(),
        length: record.value.len() as u64,
        arrived: Some(record.timestamp),
        sender_actor: None,
        relation: Some(relation.to_owned()),
    }
}
