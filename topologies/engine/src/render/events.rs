//! Decoded events: records of a topic become Arrow batches once, and every reader takes its rows from those.
//!
//! Owns decoding and deduplication inside the dataflow. Records of the worker's partitions enter; decoded batches leave, and bad
//! records go to the epoch's dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion_common::{DataFusionError, Result};
use epochs::crash_point::panic_point;
use operators::dedup::{DEDUPLICATION_IDS_MAX, DeduplicationWindow};
use operators::{Errors, Rows, Time};
use schemas::dead_letter::{DeadLetter, RowError};
use schemas::decoder::{BadRecord, DecodedBatch, EventDecoder};
use schemas::position::{Offset, Partition};
use schemas::row::{Row, RowCodec};
use sources::record::StoredRecord;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator as _;

use super::drain::Drain;
use super::transform::transform;
use crate::epoch_clock::Clock;
use crate::state::restored::partition_of;
use language::expression::evaluate::{Evaluator, Output};
use language::plan::graph::NodeColumn;
use language::plan::scalar::Scalar;
use language::topology::Source;

/// Records of one source that one worker decodes in one epoch.
pub type Records = Arc<Vec<StoredRecord>>;

/// Decoded events: the columns that anybody reads, and where each event lies.
#[derive(Clone, Debug)]
pub struct Events {
    /// one array per decoded column
    pub batch: RecordBatch,
    /// the place of each row
    pub places: Vec<(Partition, Offset)>,
    /// for each row, by when it was appended, microseconds since 1970: never falling within a partition
    pub appended: Vec<i64>,
    /// for each row, what the clock says when it comes: the time of appending, or the event time where events move the clock
    pub clock: Vec<i64>,
}

/// Append times of the records of one partition: timestamps of older logs may fall, and a record never comes before the one
/// before it.
#[derive(Clone, Copy, Debug)]
pub struct AppendTimes {
    partition: Partition,
    newest: i64,
}

impl Default for AppendTimes {
    fn default() -> Self {
        Self { partition: Partition(0), newest: i64::MIN }
    }
}

impl AppendTimes {
    /// For each event that was found among some records, by when it was appended. The records of a partition come one after the other, and
    /// the events lie in their order.
    pub fn of(&mut self, records: &[StoredRecord], places: &[(Partition, Offset)]) -> Vec<i64> {
        let mut records = records.iter();
        let mut appended = Vec::with_capacity(places.len());
        for place in places {
            for record in records.by_ref() {
                self.see(record);
                if (record.partition, record.offset) == *place {
                    break;
                }
            }
            appended.push(self.newest);
        }
        // Those behind the last event count for what is read after them.
        records.for_each(|record| self.see(record));
        appended
    }

    fn see(&mut self, record: &StoredRecord) {
        if record.partition != self.partition {
            *self = Self { partition: record.partition, newest: i64::MIN };
        }
        self.newest = self.newest.max(record.timestamp);
    }
}

/// Decodes the columns `decoded` of a source, ascending.
pub fn decode<'s>(
    records: StreamVec<'s, Time, Records>,
    source: &Source,
    decoded: &[usize],
    clock: Clock,
    mut seen: Windows,
    drain: Drain,
) -> StreamVec<'s, Time, Events> {
    let mut decoder = EventDecoder::new(&source.schema, source.encoding, decoded);
    let topic = source.schema.topic().to_owned();
    records.unary(Pipeline, "decode", move |_, _| {
        move |input, output| {
            input.for_each(|capability, data| {
                let time = *capability.time();
                let mut session = output.session(&capability);
                for records in data.drain(..) {
                    records.iter().for_each(|record| panic_point(&record.value));
                    let events = decoder.decode(records.iter().map(StoredRecord::raw));
                    let appended = AppendTimes::default().of(&records, &events.places);
                    let again = seen.is_again(time);
                    let fresh = seen.fresh(time, &events);
                    let fault_places: Vec<_> = events.faults.iter().map(|fault| (fault.partition, fault.offset)).collect();
                    let faults = events.faults.into_iter().zip(AppendTimes::default().of(&records, &fault_places));
                    for (fault, appended) in faults.filter(|_| !again) {
                        drain.dead_letter(time, appended, dead_letter(&topic, fault));
                    }
                    seen.report(time, &drain);
                    if !again {
                        drain.events(time, fresh.len() as u64, fresh.iter().filter(|fresh| !**fresh).count() as u64);
                    }
                    let clock = clocks(clock, events.occurred_at, &appended);
                    session.give(keep(Events { batch: events.batch, places: events.places, appended, clock }, &fresh));
                }
            });
        }
    })
}

/// Returns the time that the clock shows at each event.
pub(crate) fn clocks(clock: Clock, occurred_at: Vec<i64>, appended: &[i64]) -> Vec<i64> {
    match clock {
        Clock::System => appended.to_vec(),
        Clock::Event => occurred_at,
    }
}

fn dead_letter(topic: &str, record: BadRecord) -> DeadLetter {
    DeadLetter {
        topic: topic.to_owned(),
        partition: record.partition.0,
        offset: record.offset.0,
        sent_to: Some(topic.to_owned()),
        fault: record.fault,
        bytes: record.bytes,
        length: record.length,
        arrived: Some(record.appended_at),
        sender_actor: None,
        relation: None,
    }
}

/// The events of later epochs than `start`.
pub fn after(events: StreamVec<'_, Time, Events>, start: Time) -> StreamVec<'_, Time, Events> {
    events.unary(Pipeline, "after", move |_, _| {
        move |input, output| {
            input.for_each(|capability, data| {
                if *capability.time() > start {
                    output.session(&capability).give_container(data);
                }
            });
        }
    })
}

/// The deduplication windows of a source, one per partition: what is a duplicate must not depend on which partitions share a worker.
/// They stay empty where events have no identity.
pub struct Windows {
    /// the number of the kept state
    number: u32,
    /// the epoch that the windows are of; until then other ones, which are not kept, see what is read once more
    restored_at: Option<Time>,
    before: BTreeMap<Partition, DeduplicationWindow>,
    micros: i64,
    ids_max: usize,
    windows: BTreeMap<Partition, DeduplicationWindow>,
}

impl Windows {
    /// The windows of a source as they were kept.
    pub fn new(source: &Source, restored_at: Option<Time>, (number, entries): (u32, Vec<(Row, Row)>)) -> Self {
        let ids_max = DEDUPLICATION_IDS_MAX / source.partitions.max(1) as usize;
        let micros = source.deduplication_micros.unwrap_or(0);
        let mut windows = Self { number, restored_at, before: BTreeMap::new(), micros, ids_max, windows: BTreeMap::new() };
        let mut counts: BTreeMap<Partition, usize> = BTreeMap::new();
        for (key, _) in &entries {
            *counts.entry(Partition(partition_of(key.as_bytes()))).or_default() += 1;
        }
        for (partition, count) in counts {
            windows.window(partition).reserve(count);
        }
        for (key, value) in entries {
            let partition = Partition(partition_of(key.as_bytes()));
            let (Some(key), Some(value)) = (key.as_bytes().get(PARTITION_BYTES..), value.as_bytes().first_chunk()) else {
                continue;
            };
            windows.window(partition).restore(key, i64::from_be_bytes(*value));
        }
        windows
    }

    fn window(&mut self, partition: Partition) -> &mut DeduplicationWindow {
        let new = || DeduplicationWindow::kept(self.micros, self.ids_max);
        self.windows.entry(partition).or_insert_with(new)
    }

    /// Returns true if records of this epoch were read before.
    fn is_again(&self, time: Time) -> bool {
        self.restored_at.is_some_and(|restored| time <= restored)
    }

    /// For each event, whether it is no repetition of an earlier one.
    fn fresh(&mut self, time: Time, events: &DecodedBatch) -> Vec<bool> {
        let Some(event_ids) = &events.event_ids else { return vec![true; events.places.len()] };
        let ids = event_ids.iter().zip(&events.occurred_at).zip(&events.places);
        ids.map(|((id, &at), (partition, _))| self.first_seen(time, *partition, id.0, at)).collect()
    }

    fn first_seen(&mut self, time: Time, partition: Partition, id: [u8; 16], occurred_at: i64) -> bool {
        if !self.is_again(time) {
            return self.window(partition).first_seen(id, occurred_at);
        }
        let new = || DeduplicationWindow::new(self.micros, self.ids_max);
        self.before.entry(partition).or_insert_with(new).first_seen(id, occurred_at)
    }

    /// Reports what was remembered and forgotten since the last call.
    fn report(&mut self, time: Time, drain: &Drain) {
        for (partition, window) in &mut self.windows {
            for (key, value) in window.take_changes() {
                let key = Row::concat(&partition.0.to_be_bytes(), &key);
                drain.state(time, self.number, key, value.map(|at| Row::from_bytes(&at.to_be_bytes())));
            }
        }
    }
}

const PARTITION_BYTES: usize = size_of::<u32>();

/// The events that were not seen before.
pub(crate) fn keep(events: Events, fresh: &[bool]) -> Events {
    if fresh.iter().all(|fresh| *fresh) {
        return events;
    }
    fn kept<T>(values: Vec<T>, fresh: &[bool]) -> Vec<T> {
        values.into_iter().zip(fresh).filter(|(_, fresh)| **fresh).map(|(value, _)| value).collect()
    }
    let (places, appended, clock) = (kept(events.places, fresh), kept(events.appended, fresh), kept(events.clock, fresh));
    let batch = arrow_select::filter::filter_record_batch(&events.batch, &BooleanArray::from(fresh.to_vec()))
        .unwrap_or_else(|error| panic!("a mask of the batch's own length did not fit: {error}"));
    Events { batch, places, appended, clock }
}

/// Takes rows from decoded events: conditions and columns, evaluated on the decoded arrays.
pub struct EventReader {
    evaluator: Evaluator,
    /// for each column of the source, its place in the decoded batch
    decoded: Vec<usize>,
    /// encoders of the columns that pass through
    encoders: Vec<(usize, RowCodec)>,
    relation: String,
}

impl EventReader {
    /// Reads `outputs` of the events that satisfy `predicates`; `decoded` are the columns that batches hold, ascending.
    pub fn new(
        columns: &[NodeColumn],
        decoded: &[usize],
        predicates: &[Scalar],
        outputs: &[Scalar],
        relation: &str,
    ) -> Result<Self> {
        let evaluator = Evaluator::new(columns, predicates, outputs)?;
        let mut encoders: Vec<(usize, RowCodec)> = Vec::new();
        for output in &evaluator.outputs {
            let Output::Column(column) = output else { continue };
            if !encoders.iter().any(|(other, _)| other == column) {
                let codec = RowCodec::new(std::slice::from_ref(&columns[*column].data_type)).map_err(DataFusionError::from)?;
                encoders.push((*column, codec));
            }
        }
        Ok(Self { evaluator, decoded: decoded.to_vec(), encoders, relation: relation.to_owned() })
    }

    fn array(&self, events: &Events, column: usize) -> ArrayRef {
        let place = self.decoded.iter().position(|&other| other == column);
        let place = place.unwrap_or_else(|| panic!("column {column} of '{}' was not decoded", self.relation));
        Arc::clone(events.batch.column(place))
    }

    /// The rows that pass, as `(number of the event, encoded outputs)`; failures are errors of the row.
    pub fn read(&self, events: &Events, mut emit: impl FnMut(usize, Row), mut fail: impl FnMut(RowError)) {
        let count = events.places.len();
        let arrays = self.evaluator.reads.iter().map(|&column| self.array(events, column)).collect();
        let evaluated = self.evaluator.evaluate(arrays, count, |failure| {
            let (partition, offset) = events.places[failure.row];
            fail(RowError {
                relation: self.relation.clone(),
                expression: failure.expression.to_owned(),
                detail: failure.detail,
                row: format!("{{\"partition\":{partition},\"offset\":{offset}}}"),
            });
        });
        let evaluated =
            evaluated.unwrap_or_else(|error| panic!("the plan of '{}' does not fit its events: {error}", self.relation));
        if evaluated.rows.is_empty() {
            return;
        }
        let passing = arrow_array::UInt64Array::from_iter_values(evaluated.rows.iter().map(|&row| row as u64));
        let encoded: Vec<Vec<Row>> = self
            .encoders
            .iter()
            .map(|(column, codec)| {
                let taken = arrow_select::take::take(&self.array(events, *column), &passing, None);
                let fields = taken.and_then(|taken| codec.encode(&[taken], evaluated.rows.len()));
                fields.unwrap_or_else(|error| panic!("a column of '{}' has another type than planned: {error}", self.relation))
            })
            .collect();
        for (place, &number) in evaluated.rows.iter().enumerate() {
            let mut row = Row::empty();
            for output in &self.evaluator.outputs {
                row.extend(match output {
                    Output::Constant(field) => field.as_bytes(),
                    Output::Computed(computed) => evaluated.computed[*computed][place].as_bytes(),
                    Output::Column(column) => {
                        let encoder = self.encoders.iter().position(|(other, _)| other == column);
                        let encoder = encoder.unwrap_or_else(|| panic!("column {column} of '{}' has no encoder", self.relation));
                        encoded[encoder][place].as_bytes()
                    }
                });
            }
            emit(number, row);
        }
    }
}

/// Renders a map that reads a source.
pub fn render<'s>(events: StreamVec<'s, Time, Events>, reader: EventReader) -> (Rows<'s>, Errors<'s>) {
    transform(events, "source", move |batch: &mut Vec<Events>, time, made| {
        for events in batch.drain(..) {
            let super::transform::Made { rows, errors } = &mut *made;
            reader.read(&events, |_, row| rows.push((row, time, 1)), |error| errors.push((error, time, 1)));
        }
    })
}
