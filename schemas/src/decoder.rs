//! Decoding what a log holds: records in, Arrow columns and faults out.
//!
//! Owns [`EventDecoder`], which is made once for a topic and the columns that a plan reads, and called for every batch of records.
//! A bad record never fails a batch: it is told apart with its place and its bytes, and the rest flows on.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow_schema::DataType;
//! use schemas::decoder::EventDecoder;
//! use schemas::event::Encoding;
//! use schemas::position::{Offset, Partition};
//! use schemas::topic::TopicSchema;
//! use schemas::topic::column::DeclaredColumn;
//! use schemas::topic::declared::DeclaredTopic;
//!
//! let columns = ["bidder", "price"].map(|name| DeclaredColumn::plain(name, DataType::Int64, true)).to_vec();
//! let bids = TopicSchema::Declared(Arc::new(DeclaredTopic::new("bids", columns, None, Vec::new())));
//! let mut decoder = EventDecoder::new(bids, Encoding::Json, &[1]);
//! let appended_at = 1_704_067_200_000_000;
//! let records: [(_, _, _, &[u8]); 2] = [
//!     (Partition(0), Offset(7), appended_at, br#"{"bidder":7,"price":12}"#),
//!     (Partition(0), Offset(8), appended_at, b"nonsense"),
//! ];
//! let decoded = decoder.decode(records);
//! assert_eq!((decoded.batch.num_rows(), decoded.batch.num_columns()), (1, 1));
//! assert_eq!(decoded.faults[0].offset, Offset(8));
//! ```

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use crate::dead_letter::{DEAD_LETTER_BYTES_MAX, Fault};
use crate::declared_event::read_record;
use crate::event::checks::{check_event, check_length};
use crate::event::content::Event;
use crate::event::{Encoding, EventId};
use crate::field::Value;
use crate::position::{Offset, Partition};
use crate::raw_record::RawRecord;
use crate::topic::TopicSchema;
use crate::topic::column::ColumnSource;
use crate::topic::enveloped::SCHEMA_VERSION;
use crate::{json, protobuf};
use column_builder::ColumnBuilder;

mod column_builder;

/// The most bytes of records in one batch: an Arrow text column counts its bytes in 31 bits.
pub const DECODE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Decodes records of one topic into some of its columns.
pub struct EventDecoder {
    topic: TopicSchema,
    encoding: Encoding,
    schema: SchemaRef,
    wanted: protobuf::Wanted,
    columns: Vec<(ColumnSource, ColumnBuilder)>,
}

/// Columns of a batch of records. The vectors have one entry per row of the batch, in the order of the records.
#[derive(Debug)]
pub struct DecodedBatch {
    /// the wanted columns; without any it still counts its rows
    pub batch: RecordBatch,
    /// the identity of each event; `None` where events have none, so that none is known to be another one again
    pub event_ids: Option<Vec<EventId>>,
    /// event times, in microseconds since 1970, UTC
    pub occurred_at: Vec<i64>,
    /// positions of the events
    pub places: Vec<(Partition, Offset)>,
    /// the records that are no events
    pub faults: Vec<BadRecord>,
}

/// A record that is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// its partition
    pub partition: Partition,
    /// its place there
    pub offset: Offset,
    /// its fault
    pub fault: Fault,
    /// its bytes, at most [`DEAD_LETTER_BYTES_MAX`]
    pub bytes: Vec<u8>,
    /// number of bytes found
    pub length: u64,
    /// time it was appended at, microseconds since 1970
    pub appended_at: i64,
}

impl EventDecoder {
    /// A decoder of `topic`'s records into the columns at these positions of [`TopicSchema::columns`].
    pub fn new(topic: impl Into<TopicSchema>, encoding: Encoding, columns: &[usize]) -> Self {
        let topic = topic.into();
        let event_types = match &topic {
            TopicSchema::Enveloped(topic) => topic.events.len(),
            TopicSchema::Declared(_) => 0,
        };
        let mut wanted = protobuf::Wanted(vec![0; event_types]);
        let sources = columns.iter().map(|&column| &topic.columns()[column]);
        let columns_of = sources.map(|column| {
            if let ColumnSource::Payload { event, field } = column.source {
                wanted.0[event] |= 1 << field;
            }
            (column.source, ColumnBuilder::new(&column.data_type))
        });
        let (columns_of, schema) = (columns_of.collect(), topic.arrow_schema_of(columns));
        Self { topic, encoding, schema, wanted, columns: columns_of }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Decodes records, each with its place and the time it was appended at in microseconds since 1970, against which a time in
    /// the future is told; a tuple of these and the value is a record without a key. Together they have at most [`DECODE_BYTES_MAX`].
    pub fn decode<'a>(&mut self, records: impl IntoIterator<Item = impl Into<RawRecord<'a>>>) -> DecodedBatch {
        let (mut event_ids, mut occurred_at, mut places, mut faults) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut event = Event::default();
        let mut total = 0_usize;
        for record in records {
            let record: RawRecord<'a> = record.into();
            let RawRecord { partition, offset, appended_at, value: bytes, .. } = record;
            total += bytes.len();
            assert!(
                total <= DECODE_BYTES_MAX,
                "a batch of {total} bytes was given to the decoder, which takes {DECODE_BYTES_MAX}"
            );
            match self.read(&record, &mut event) {
                Ok(()) => {
                    self.columns.iter_mut().for_each(|(source, column)| append(&self.topic, *source, column, &event));
                    event_ids.push(event.event_id);
                    occurred_at.push(event.occurred_at);
                    places.push((partition, offset));
                }
                Err(fault) => {
                    let kept = &bytes[..bytes.len().min(DEAD_LETTER_BYTES_MAX)];
                    let (kept, length) = (kept.to_vec(), bytes.len() as u64);
                    faults.push(BadRecord { partition, offset, fault, bytes: kept, length, appended_at });
                }
            }
        }
        let event_ids = has_ids(&self.topic).then_some(event_ids);
        DecodedBatch { batch: self.finish(places.len()), event_ids, occurred_at, places, faults }
    }

    fn read<'a>(&self, record: &RawRecord<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
        let bytes = record.value;
        check_length(bytes.len())?;
        let topic = match &self.topic {
            TopicSchema::Enveloped(topic) => topic,
            TopicSchema::Declared(topic) => return read_record(topic, record, event),
        };
        match self.encoding.of_record(bytes) {
            Encoding::Json => {
                json::read_event(topic, json::scan_record(bytes)?, event)?;
            }
            Encoding::Protobuf => protobuf::read_event(topic, bytes, &self.wanted, event)?,
        }
        check_event(topic, event, record.appended_at)
    }

    fn finish(&mut self, rows: usize) -> RecordBatch {
        let arrays = self.columns.iter_mut().map(|(_, column)| column.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .unwrap_or_else(|error| panic!("the decoded columns of '{}' don't fit its schema: {error}", self.topic.topic()))
    }
}

/// Returns true if events have an identity: an id, or columns by which they are told apart.
fn has_ids(topic: &TopicSchema) -> bool {
    match topic {
        TopicSchema::Enveloped(_) => true,
        TopicSchema::Declared(topic) => !topic.told_apart_by().is_empty(),
    }
}

fn append(topic: &TopicSchema, source: ColumnSource, column: &mut ColumnBuilder, event: &Event<'_>) {
    match (source, column) {
        (ColumnSource::Member(member), column) => column.append(&event.fields[member]),
        (ColumnSource::Payload { event: kind, field }, column) if kind == event.kind => column.append(&event.fields[field]),
        (ColumnSource::Payload { .. }, column) => column.append(&Value::Null),
        (ColumnSource::EventId, ColumnBuilder::Text(column)) => column.append_value(event.event_id.to_string()),
        (ColumnSource::EventType, ColumnBuilder::Text(column)) => column.append_value(event_type(topic, event)),
        (ColumnSource::TraceParent, ColumnBuilder::Text(column)) => column.append_option(event.trace_parent.as_deref()),
        (ColumnSource::SchemaVersion, ColumnBuilder::Int(column)) => column.append_value(SCHEMA_VERSION),
        (ColumnSource::ActorId, ColumnBuilder::Int(column)) => column.append_value(event.actor_id),
        (ColumnSource::OccurredAt, ColumnBuilder::Time(column)) => column.append_value(event.occurred_at),
        (ColumnSource::AggregateId, column) => column.append(&event.aggregate_id),
        (source, _) => panic!("the column {source:?} of '{}' has another type than its values", topic.topic()),
    }
}

fn event_type<'t>(topic: &'t TopicSchema, event: &Event<'_>) -> &'t str {
    match topic {
        TopicSchema::Enveloped(topic) => &topic.events[event.kind].event_type,
        TopicSchema::Declared(topic) => panic!("an event of '{}' has no type", topic.topic),
    }
}

#[cfg(test)]
mod tests;
