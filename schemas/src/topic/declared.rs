//! Topics whose events are JSON objects without an envelope: a source declares the members that are columns.
//!
//! Owns [`DeclaredTopic`]. The columns of a statement enter; the shape leaves by which events are read. Members that no column names stay in
//! the log and are read by nobody.

use arrow_schema::{DataType, TimeUnit};

use super::column::{ColumnSource, EventColumn};
use crate::field::FieldKind;

/// The most columns that a source declares.
pub const DECLARED_COLUMNS_MAX: usize = 1_000;

/// A column as a source declares it: a member of each event's JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredColumn {
    /// the name of the member
    pub name: String,
    /// its Arrow type, one that rows hold
    pub data_type: DataType,
    /// true if the member may be missing or null
    pub nullable: bool,
    /// reading of its texts
    pub form: TextForm,
}

/// Reading of a column whose type is a text, and of the items of a list of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// a JSON string; also the form of every column that is no text
    Plain,
    /// a JSON string that is a UUID, kept in lower case
    Uuid,
    /// any JSON value, kept as its text without blanks between its parts
    Json,
}

/// A topic and the members of its events that are columns.
#[derive(Debug, PartialEq, Eq)]
pub struct DeclaredTopic {
    /// its name
    pub topic: String,
    columns: Vec<EventColumn>,
    forms: Vec<TextForm>,
    event_time: Option<usize>,
    told_apart_by: Vec<usize>,
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
        let columns = columns.into_iter().enumerate().map(|(place, column)| EventColumn {
            name: column.name,
            data_type: column.data_type,
            nullable: column.nullable,
            source: ColumnSource::Member(place),
        });
        Self { topic: topic.into(), columns: columns.collect(), forms, event_time, told_apart_by }
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
            _ => self.columns.iter().position(|column| column.name == name),
        }
    }
}
