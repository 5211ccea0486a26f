//! Statements of a file, before any name in it is looked up.
//!
//! Owns the statements of the language. Names are folded as PostgreSQL folds them; expressions and queries stay sqlparser's,
//! with spans that count from the start of the file.

use std::sync::Arc;

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Span;
use schemas::connector::{OptionValue, SinkConnector, SinkOption};
use schemas::serving::Language;
use schemas::source_connector::ConnectorSpec;
use schemas::topic::changes::ChangeFormat;
use schemas::topic::column::RecordPart;

use super::file_index::FileIndex;
use crate::diagnostic::Location;

/// A name with its place: lower case unless it was quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// as it is looked up
    pub text: String,
    /// its place
    pub location: Location,
}

/// A statement and where it stands.
#[derive(Clone, Debug)]
pub struct Statement {
    /// its file, for places of the spans inside
    pub file: Arc<FileIndex>,
    /// its first line
    pub location: Location,
    /// its kind and content
    pub kind: StatementKind,
}

impl Statement {
    /// The place of a span of one of its expressions; the whole statement if the span is empty.
    pub fn locate(&self, span: Span) -> Location {
        if span == Span::empty() { self.location.clone() } else { self.file.locate(span) }
    }
}

/// The statements of the language.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `CREATE SOURCE name [(columns)] WITH (...) FORMAT PLAIN ENCODE ...`: a topic of a log as a stream
    CreateSource {
        /// name of the stream
        name: Name,
        /// connector of the log
        connector: &'static ConnectorSpec,
        /// topic of the log
        topic: String,
        /// for an error about the topic
        topic_location: Location,
        /// its events: those of a message, or with declared columns
        events: SourceEvents,
        /// encoding of the records
        encoding: Encoding,
        /// number of partitions that the topic is created with
        partitions: Option<u32>,
        /// parts of the records that are columns too
        included: Vec<IncludedColumn>,
        /// time for which the identity of an event is remembered, in microseconds of event time
        deduplication: Option<i64>,
        /// time for which events are kept, in microseconds
        retention: Option<i64>,
        /// for an error about that time
        retention_location: Location,
    },
    /// `CREATE TABLE name (...)`: what a stream folds into
    CreateTable {
        /// name of the table
        name: Name,
        /// in order
        columns: Vec<ColumnDefinition>,
        /// names of its columns, at least one
        primary_key: Vec<Name>,
        /// values of columns where an INSERT leaves them out
        defaults: Vec<(Name, ast::Expr)>,
        /// age at which its rows go away
        retention: Option<Retention>,
        /// the topic whose records change its rows; without one they come from statements
        topic: Option<Box<TableTopic>>,
    },
    /// `INSERT INTO table [(columns)] VALUES (...), ...`: rows that are there before the first event
    InsertRows {
        /// name of the table
        table: Name,
        /// columns that get the values; empty: all, in order
        columns: Vec<Name>,
        /// the values of each row, at least one row
        rows: Vec<Vec<ast::Expr>>,
    },
    /// `MERGE INTO table USING source ON ...`: how a table follows a stream
    Merge {
        /// the changed table
        table: Name,
        /// name of the table's row in the clauses
        target_alias: Option<Name>,
        /// the followed source, or rows that are made of its events
        source: MergeSource,
        /// name of the event in the clauses
        source_alias: Option<Name>,
        /// condition that relates an event to a row
        on: ast::Expr,
        /// in order, at least one: the first that applies acts
        clauses: Vec<MergeClause>,
    },
    /// `CREATE [MATERIALIZED] VIEW name [(columns)] [WITH (max_age = '5s')] AS SELECT ...`
    CreateView {
        /// name of the view
        name: Name,
        /// kept, so that it can have indexes
        materialized: bool,
        /// new names of its columns; empty: as the query names them
        columns: Vec<Name>,
        /// seconds for which a page of it may be used without asking again; for a materialized view alone
        max_age: Option<u32>,
        /// age at which its rows go away; for a materialized view alone
        retention: Option<Retention>,
        /// its query
        query: Box<ast::Query>,
    },
    /// `CREATE INDEX [name] ON view (columns) [WITH (limit = n)]`: an order in which a view is served
    CreateIndex {
        /// name of the index
        name: Option<Name>,
        /// a materialized view or a table
        view: Name,
        /// and whether it descends
        columns: Vec<(Name, bool)>,
        /// the most rows kept for each value of the first column
        limit: Option<usize>,
    },
    /// `CREATE INDEX [name] ON view USING FULLTEXT (columns) [INCLUDE (columns)] [WITH (...)]`: finds rows by their words
    CreateSearchIndex {
        /// name of the index
        name: Option<Name>,
        /// a materialized view or a table
        view: Name,
        /// columns whose words are found, at least one
        searched: Vec<Name>,
        /// columns that can be compared, ordered by and counted
        included: Vec<Name>,
        /// the rest
        options: SearchOptions,
    },
    /// `CREATE POLICY name ON view FOR SELECT USING (...)`: who reads which rows
    CreatePolicy {
        /// name of the policy
        name: Name,
        /// the view that it opens
        view: Name,
        /// true for the rows that the caller may read
        using: ast::Expr,
    },
    /// `GRANT SELECT ON views TO PUBLIC`: everyone reads all rows
    Grant {
        /// at least one
        views: Vec<Name>,
    },
    /// `CREATE SINK name FROM view WITH (...) [FORMAT ... ENCODE JSON]`: where the changes of a view go
    CreateSink {
        /// name of the sink
        name: Name,
        /// a materialized view or a table
        view: Name,
        /// its connector
        connector: &'static SinkConnector,
        /// the options of its connector; those left out have their defaults
        options: Vec<GivenOption>,
        /// its format
        format: SinkFormat,
    },
    /// `DROP kind [IF EXISTS] name`
    Drop {
        /// the dropped kind
        kind: DropKind,
        /// the dropped name
        name: Name,
        /// fine if there is none
        if_exists: bool,
    },
}

/// Options of a full-text index: analysis and suggestions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchOptions {
    /// the language whose endings are taken off words
    pub stemmer: Option<Language>,
    /// letters that a prefix has at least
    pub prefix_letters: usize,
    /// the column whose values are suggested
    pub suggested: Option<Name>,
    /// the column by which they are ordered
    pub popularity: Option<Name>,
}

/// Encoding of an event's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// the binary form of the message
    Protobuf,
    /// the JSON form of the message
    Json,
}

impl From<Encoding> for schemas::event::Encoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Json,
            Encoding::Protobuf => Self::Protobuf,
        }
    }
}

/// The text of an option and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// without quotes
    pub text: String,
    /// for errors about it
    pub location: Location,
}

/// Option that a statement gives the connector of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenOption {
    /// its declaration
    pub option: &'static SinkOption,
    /// its value, of the declared type
    pub value: OptionValue,
    /// place of the value
    pub location: Location,
}

/// Format of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkFormat {
    /// the last row of each key
    Upsert {
        /// names of its columns
        key: Option<Text>,
    },
    /// every change
    Changelog,
    /// the keys of a cache that became stale
    Invalidate {
        /// template of a key
        key: Text,
    },
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct ColumnDefinition {
    /// name of the column
    pub name: Name,
    /// as written
    pub data_type: ast::DataType,
    /// for an error about the type
    pub data_type_location: Location,
    /// also true for the columns of the primary key
    pub not_null: bool,
}

/// The events of a source.
#[derive(Clone, Debug)]
pub enum SourceEvents {
    /// JSON objects whose members are columns
    Declared(DeclaredEvents),
    /// `ENCODE ... (message = '...', schema.location = '...')`: messages of a file beside the statements
    Schema(SchemaEvents),
}

/// `ENCODE ... (message = '...', schema.location = '...') [DEDUPLICATE BY (columns)]`
#[derive(Clone, Debug)]
pub struct SchemaEvents {
    /// full name of the message
    pub message: Text,
    /// name of the file that has it; without one it is looked for in all that lie beside the statements
    pub location: Option<Text>,
    /// the column that says when an event happened
    pub event_time: Option<Text>,
    /// the columns in which an event that is sent twice equals itself; empty where each counts, or where events have an envelope
    pub told_apart_by: Vec<Name>,
    /// for an error about the option `deduplication`, where it is given
    pub deduplication: Option<Location>,
}

/// `(columns) ... ENCODE JSON [DEDUPLICATE BY (columns)]`
#[derive(Clone, Debug)]
pub struct DeclaredEvents {
    /// in order, at least one
    pub columns: Vec<ColumnDefinition>,
    /// the column that says when an event happened
    pub event_time: Option<Text>,
    /// the columns in which an event that is sent twice equals itself; empty where each counts
    pub told_apart_by: Vec<Name>,
}

/// `INCLUDE part AS name`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludedColumn {
    /// the part of the record
    pub part: RecordPart,
    /// the name of the column
    pub name: Name,
}

/// `WITH (connector = '...', topic = '...') FORMAT UPSERT|DEBEZIUM ENCODE JSON` of a table
#[derive(Clone, Debug)]
pub struct TableTopic {
    /// connector of the log
    pub connector: &'static ConnectorSpec,
    /// topic of the log
    pub topic: Text,
    /// form of the records
    pub format: ChangeFormat,
    /// number of partitions that the topic is created with
    pub partitions: Option<u32>,
    /// parts of the records that are columns too
    pub included: Vec<IncludedColumn>,
}

/// `retention = '30 days', event_time = 'column'`: an age at which rows go away
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// the age in microseconds
    pub micros: i64,
    /// the column by which it counts
    pub event_time: Text,
}

/// Input of a merge.
#[derive(Clone, Debug)]
pub enum MergeSource {
    /// a source, or a view of one
    Relation(Name),
    /// a query over a source
    Query(Box<ast::Query>),
}

/// One `WHEN` of a merge.
#[derive(Clone, Debug)]
pub struct MergeClause {
    /// place of its `WHEN`
    pub location: Location,
    /// true if it is for rows that exist
    pub matched: bool,
    /// further condition
    pub condition: Option<ast::Expr>,
    /// its action
    pub action: MergeAction,
}

/// Action of a clause of a merge on the row.
#[derive(Clone, Debug)]
pub enum MergeAction {
    /// makes it
    Insert {
        /// columns that get the values; empty: all, in order
        columns: Vec<Name>,
        /// as many as columns, if those are named
        values: Vec<ast::Expr>,
    },
    /// sets some of its columns
    Update(Vec<(Name, ast::Expr)>),
    /// takes it away
    Delete,
    /// leaves it, and no later clause acts
    DoNothing,
    /// leaves it, and the event becomes a dead letter with this reason
    Raise(ast::Expr),
}

/// Kinds that a `DROP` takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropKind {
    /// `DROP SOURCE`
    Source,
    /// `DROP TABLE`
    Table,
    /// `DROP VIEW`
    View,
    /// `DROP MATERIALIZED VIEW`
    MaterializedView,
    /// `DROP INDEX`
    Index,
    /// `DROP POLICY`
    Policy,
    /// `DROP SINK`
    Sink,
}

/// The name of an index: the one that is given, or one of the view and the columns.
pub fn index_name<'n>(name: Option<&Name>, view: &Name, columns: impl Iterator<Item = &'n Name>) -> String {
    name.map_or_else(|| format!("{}_{}", view.text, joined(columns)), |name| name.text.clone())
}

/// The name of a full-text index: the one that is given, or one of the view and the columns.
pub fn search_index_name<'n>(name: Option<&Name>, view: &Name, searched: impl Iterator<Item = &'n Name>) -> String {
    name.map_or_else(|| format!("{}_{}_search", view.text, joined(searched)), |name| name.text.clone())
}

fn joined<'n>(columns: impl Iterator<Item = &'n Name>) -> String {
    columns.map(|column| column.text.as_str()).collect::<Vec<_>>().join("_")
}
