//! Topics whose events have no envelope: JSON objects of which a source declares the members that are columns, or Protobuf messages that it brings
//! along.
//!
//! Owns [`DeclaredTopic`]. The columns of a statement enter; the shape leaves by which events are read. What no column names stays in the log and
//! is read by nobody.

use std::collections::HashMap;
use std::ops::Range;

use arrow_schema::{DataType, TimeUnit};

use super::changes::{ChangeFormat, TopicChanges};
use super::column::{ColumnSource, DeclaredColumn, EventColumn, MEMBER_SEPARATOR, RecordPart, TextForm};
use super::message::DeclaredMessage;
use crate::field::{FieldKind, Value};

/// The most columns that a source declares.
pub const DECLARED_COLUMNS_MAX: usize = 1_000;

/// A topic and the members of its events that are columns.
#[derive(Debug, PartialEq, Eq)]
pub struct DeclaredTopic {
    /// its name
    pub topic: String,
    /// the members of events, what a record does to its row, and parts of the record
    columns: Vec<EventColumn>,
    /// number of the columns that are members of events
    members: usize,
    /// position of each member by its name; of one inside of an object by the path to it
    places: HashMap<String, usize>,
    /// the members inside of each object, by the path to it
    objects: HashMap<String, Range<usize>>,
    forms: Vec<TextForm>,
    event_time: Option<usize>,
    told_apart_by: Vec<usize>,
    message: Option<DeclaredMessage>,
    changes: Option<TopicChanges>,
    included: Vec<RecordPart>,
}

impl DeclaredTopic {
    /// A topic with these columns. `event_time` is the column that says when an event happened, without which it is the time at which the event
    /// was appended. Events that are equal in the columns `told_apart_by` are one event that was sent twice; without any, each counts.
    ///
    /// # Panics
    /// When rows can't hold a column, when the event time is not a time with a zone that is never NULL, and when a position is not one of a
    /// column: a planner refuses all of that.
    pub fn new(
        topic: impl Into<String>,
        columns: Vec<DeclaredColumn>,
        event_time: Option<usize>,
        told_apart_by: Vec<usize>,
    ) -> Self {
        assert!((1..=DECLARED_COLUMNS_MAX).contains(&columns.len()), "a topic was declared with {} columns", columns.len());
        for column in &columns {
            let is_held = FieldKind::of(&column.data_type).is_some();
            assert!(is_held, "column '{}' was declared with type {}, which rows can't hold", column.name, column.data_type);
        }
        if let Some(column) = event_time.map(|column| &columns[column]) {
            let is_time = matches!(column.data_type, DataType::Timestamp(TimeUnit::Microsecond, Some(_))) && !column.nullable;
            assert!(is_time, "column '{}' was declared as an event time, which is a TIMESTAMPTZ that is never NULL", column.name);
        }
        assert!(
            told_apart_by.iter().all(|&column| column < columns.len()),
            "events are told apart by a column that is not there"
        );
        let forms = columns.iter().map(|column| column.form).collect();
        let places = columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
        let columns: Vec<EventColumn> =
            columns.into_iter().enumerate().map(|(place, column)| event_column(place, column)).collect();
        Self {
            topic: topic.into(),
            objects: objects(&columns),
            members: columns.len(),
            columns,
            places,
            forms,
            event_time,
            told_apart_by,
            message: None,
            changes: None,
            included: Vec::new(),
        }
    }

    /// The same topic, whose records are changes of rows: each has columns more that say what it does. A record that deletes has no values but
    /// those of the key, so the members may be NULL.
    ///
    /// # Panics
    /// It has an event time, columns that tell events apart, or a message, or a column of the key is not there.
    pub fn of_changes(mut self, format: ChangeFormat, key: Vec<usize>) -> Self {
        let is_plain = self.event_time.is_none() && self.told_apart_by.is_empty() && self.message.is_none();
        assert!(is_plain && self.included.is_empty(), "the changes of '{}' were declared with options of events", self.topic);
        assert!(
            !key.is_empty() && key.iter().all(|&column| column < self.members),
            "the key of '{}' has a column that is not there",
            self.topic
        );
        let required = (0..self.members).map(|column| key.contains(&column) || !self.columns[column].nullable).collect();
        self.columns.iter_mut().for_each(|column| column.nullable = true);
        let changes = TopicChanges { format, key, required };
        let more = changes.columns(self.columns.iter().map(|column| (column.name.as_str(), &column.data_type)));
        more.into_iter().for_each(|column| self.push(column));
        self.changes = Some(changes);
        self
    }

    /// The same topic with parts of its records as columns.
    pub fn including(mut self, parts: Vec<(RecordPart, DeclaredColumn)>) -> Self {
        for (part, column) in parts {
            self.included.push(part);
            self.push(column);
        }
        self
    }

    fn push(&mut self, column: DeclaredColumn) {
        self.forms.push(column.form);
        self.columns.push(event_column(self.columns.len(), column));
    }

    /// The columns that are members of events.
    pub(crate) fn members(&self) -> &[EventColumn] {
        &self.columns[..self.members]
    }

    /// Meaning of the records for rows; `None` for records that are events.
    pub fn changes(&self) -> Option<&TopicChanges> {
        self.changes.as_ref()
    }

    /// The parts of records that are columns, with these columns.
    pub fn included(&self) -> impl ExactSizeIterator<Item = (RecordPart, usize)> {
        let first = self.columns.len() - self.included.len();
        self.included.iter().enumerate().map(move |(place, &part)| (part, first + place))
    }

    /// The same columns, which are fields of a message.
    ///
    /// # Panics
    /// They are not.
    pub fn of_message(self, message: DeclaredMessage) -> Self {
        assert!(self.columns.len() == message.fields.len(), "the columns of '{}' are not those of its message", self.topic);
        Self { message: Some(message), ..self }
    }

    /// The message of the events; without one they are JSON objects.
    pub fn message(&self) -> Option<&DeclaredMessage> {
        self.message.as_ref()
    }

    /// The value of a column that an event does not have: a field without presence has Protobuf's default.
    pub(crate) fn default_value(&self, column: usize) -> Option<Value<'static>> {
        let message = self.message.as_ref()?;
        match &self.columns[column].data_type {
            DataType::Utf8 => Some(Value::Text(message.default_text(column).into())),
            DataType::Int32 | DataType::Int64 => Some(Value::Int(0)),
            DataType::Decimal128(_, scale) => Some(Value::Decimal(0, *scale)),
            DataType::Float64 => Some(Value::Float(0.0)),
            DataType::Boolean => Some(Value::Boolean(false)),
            DataType::Binary => Some(Value::Bytes(Vec::new().into())),
            DataType::List(_) => Some(Value::List(Vec::new())),
            _ => None,
        }
    }

    /// The columns, in the order of the statement.
    pub fn columns(&self) -> &[EventColumn] {
        &self.columns
    }

    /// The reading of the texts of a column.
    pub fn form(&self, column: usize) -> TextForm {
        self.forms[column]
    }

    /// The column that says when an event happened.
    pub fn event_time(&self) -> Option<usize> {
        self.event_time
    }

    /// The columns in which an event that is sent twice equals itself; none where each counts.
    pub fn told_apart_by(&self) -> &[usize] {
        &self.told_apart_by
    }

    /// The columns of the members inside of the object at this path; `None` where none is declared.
    pub(crate) fn object_at(&self, path: &str) -> Option<Range<usize>> {
        self.objects.get(path).cloned()
    }

    /// The column of this name; `likely` is looked at first, since producers write members in one order.
    pub(crate) fn column_of(&self, name: &str, likely: usize) -> Option<usize> {
        match self.members().get(likely) {
            Some(column) if column.name == name => Some(likely),
            _ => self.places.get(name).copied(),
        }
    }
}

/// The columns inside of each object: those whose paths begin with its own, which lie side by side.
fn objects(columns: &[EventColumn]) -> HashMap<String, Range<usize>> {
    let mut objects: HashMap<String, Range<usize>> = HashMap::new();
    for (place, column) in columns.iter().enumerate() {
        for (point, _) in column.name.match_indices(MEMBER_SEPARATOR) {
            objects.entry(column.name[..point].to_owned()).or_insert(place..place).end = place + 1;
        }
    }
    objects
}

fn event_column(place: usize, column: DeclaredColumn) -> EventColumn {
    let DeclaredColumn { name, data_type, nullable, .. } = column;
    EventColumn { name, data_type, nullable, source: ColumnSource::Member(place) }
}
