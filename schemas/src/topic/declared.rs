//! Topics whose events have no envelope: JSON objects of which a source declares the members that are columns, or Protobuf messages that it brings
//! along.
//!
//! Owns [`DeclaredTopic`]. The columns of a statement enter; the shape leaves by which events are read. What no column names stays in the log and
//! is read by nobody.

use std::collections::HashMap;

use arrow_schema::{DataType, TimeUnit};

use super::column::{ColumnSource, DeclaredColumn, EventColumn, TextForm};
use super::message::DeclaredMessage;
use crate::field::{FieldKind, Value};

/// The most columns that a source declares.
pub const DECLARED_COLUMNS_MAX: usize = 1_000;

/// A topic and the members of its events that are columns.
#[derive(Debug, PartialEq, Eq)]
pub struct DeclaredTopic {
    /// its name
    pub topic: String,
    columns: Vec<EventColumn>,
    /// position of each column by its name
    places: HashMap<String, usize>,
    forms: Vec<TextForm>,
    event_time: Option<usize>,
    told_apart_by: Vec<usize>,
    message: Option<DeclaredMessage>,
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
        let columns = columns.into_iter().enumerate().map(|(place, column)| EventColumn {
            name: column.name,
            data_type: column.data_type,
            nullable: column.nullable,
            source: ColumnSource::Member(place),
        });
        Self { topic: topic.into(), columns: columns.collect(), places, forms, event_time, told_apart_by, message: None }
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

    /// The column of this name; `likely` is looked at first, since producers write members in one order.
    pub(crate) fn column_of(&self, name: &str, likely: usize) -> Option<usize> {
        match self.columns.get(likely) {
            Some(column) if column.name == name => Some(likely),
            _ => self.places.get(name).copied(),
        }
    }
}
