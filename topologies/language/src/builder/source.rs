//! `CREATE SOURCE`: a stream of events, and how much of it is kept.
//!
//! A statement enters; a source leaves whose message is in a file beside the statements, or whose columns are declared.

use std::collections::BTreeSet;

use arrow_schema::{Field, Schema};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_sql::sqlparser::ast;
use schemas::position::{TOPIC_NAME_LENGTH_MAX, Topic};
use schemas::topic::TopicSchema;

use super::errors::{Outcome, place};
use super::sink::RESERVED_TOPICS;
use super::source_events;
use super::state::Builder;
use crate::diagnostic::Diagnostic;
use crate::parse::{Name, SourceEvents, Statement, StatementKind, Text};
use crate::plan::graph::{NodeColumn, NodeId, SourceScan};
use crate::plan::outputs::node_column;
use crate::plan::temporal;
use crate::topology::{RelationKind, Source};

/// Partitions of a topic unless the source says otherwise.
pub const PARTITIONS_DEFAULT: u32 = 4;

/// End of the name of the source of a table's changes, which no statement names.
pub(super) const CHANGES_SUFFIX: &str = "$changes";

/// Window of event time in which a repeated event is recognised, unless a source declares another: seven days.
pub const DEDUPLICATION_WINDOW_MICROS_DEFAULT: i64 = 7 * 24 * 60 * 60 * 1_000_000;

impl Builder {
    pub(super) fn create_source(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::CreateSource {
            name,
            connector,
            topic,
            topic_location,
            events,
            encoding,
            partitions,
            included,
            deduplication,
            retention,
            retention_location,
        } = &statement.kind
        else {
            return Ok(());
        };
        let topic = Text { text: topic.clone(), location: topic_location.clone() };
        self.check_declared_topic(&topic)?;
        let schema = match events {
            SourceEvents::Declared(declared) => source_events::declared(name, &topic, declared, included)?,
            SourceEvents::Schema(events) => {
                source_events::of_file(name, &topic, (events, included, *encoding), &mut self.proto_files)?
            }
        };
        if retention.is_some() && event_time(&schema).is_none() {
            let message = format!("the source '{}' has no event time, by which a retention is counted", name.text);
            let help = "add event_time = 'column', the TIMESTAMPTZ that says when an event happened";
            return Err(Box::from(Diagnostic::new(retention_location.clone(), message).with_help(help)));
        }
        let number = self.place_of_topic(&topic, &schema)?;
        let source = Source {
            name: name.text.clone(),
            connector,
            encoding: (*encoding).into(),
            partitions: partitions.unwrap_or(PARTITIONS_DEFAULT),
            deduplication_micros: has_ids(&schema).then(|| deduplication.unwrap_or(DEDUPLICATION_WINDOW_MICROS_DEFAULT)),
            schema: schema.clone(),
        };
        match self.topology.sources.get_mut(number) {
            Some(dropped) => *dropped = source,
            None => self.topology.sources.push(source),
        }
        self.add_source_node(statement, name, &schema, (number, *retention))
    }

    /// The relation of a source, which has the columns of its events.
    pub(super) fn add_source_node(
        &mut self,
        statement: &Statement,
        name: &Name,
        schema: &TopicSchema,
        (number, retention): (usize, Option<i64>),
    ) -> Outcome<()> {
        let columns = schema.columns().iter();
        let columns: Vec<NodeColumn> =
            columns.map(|column| node_column(&column.name, &column.data_type, column.nullable)).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        self.payload_columns.extend(names.iter().filter(|name| name.contains('.')).cloned());
        let node = self.topology.graph.add(SourceScan { source: number, name: name.text.clone() }, columns);
        let node = node.map_err(|error| place(statement, &error))?;
        let node = match (retention, event_time(schema)) {
            (Some(micros), Some(column)) => {
                self.retain(node, &names, (column, micros)).map_err(|error| place(statement, &error))?
            }
            _ => node,
        };
        self.insert(&name.text, RelationKind::Source, node, names, BTreeSet::new());
        Ok(())
    }

    /// A topic of declared events is the source's own.
    pub(super) fn check_declared_topic(&self, topic: &Text) -> Outcome<()> {
        let name = topic.text.as_str();
        let refused =
            |message: String, help: &str| Err(Box::from(Diagnostic::new(topic.location.clone(), message).with_help(help)));
        if !Topic::is_name(name) {
            let help = format!("a name has 1 to {TOPIC_NAME_LENGTH_MAX} of the characters a-z, 0-9, '.', '_' and '-'");
            return refused(format!("'{name}' is not a name of a topic"), &help);
        }
        if name.starts_with(RESERVED_TOPICS) {
            return refused(format!("topic '{name}' is one of the process itself"), "choose another name");
        }
        match self.sinks.values().find(|sink| sink.topic() == Some(name)) {
            Some(sink) => {
                let message = format!("topic '{name}' is written by sink '{}': what is derived would be read again", sink.name);
                refused(message, "read the view that the sink follows")
            }
            None => Ok(()),
        }
    }

    /// The place of a new source of a topic: that of one that was dropped, since a topic is read once, or the next. What was planned over the
    /// dropped one numbers its columns, so they have to be the same.
    pub(super) fn place_of_topic(&self, Text { text: topic, location }: &Text, schema: &TopicSchema) -> Outcome<usize> {
        let sources = &self.topology.sources;
        let Some(place) = sources.iter().position(|source| source.schema.topic() == topic.as_str()) else {
            return Ok(sources.len());
        };
        if self.relations.keys().all(|name| self.source_number(name) != Some(place)) {
            if sources[place].schema == *schema {
                return Ok(place);
            }
            let reader = reader_words(&sources[place].name);
            let text = format!("topic '{topic}' was read with other columns by {reader}, which was dropped");
            let help = "change the CREATE statement of that one, and leave out the DROP";
            return Err(Box::from(Diagnostic::new(location.clone(), text).with_help(help)));
        }
        let text = format!("topic '{topic}' is already read by {}", reader_words(&sources[place].name));
        let help = "one source for a topic is enough: use that one";
        Err(Box::from(Diagnostic::new(location.clone(), text).with_help(help)))
    }

    /// Rows younger than the retention, by the wall clock.
    pub(super) fn retain(&mut self, node: NodeId, names: &[String], (event_time, micros): (&str, i64)) -> Result<NodeId> {
        let columns = &self.topology.graph.nodes[node].columns;
        let fields: Vec<Field> =
            columns.iter().zip(names).map(|(column, name)| Field::new(name, column.data_type.clone(), column.nullable)).collect();
        let schema = Schema::new(fields.clone());
        let condition = self.sql.plan_expression(retention_condition(event_time, micros)?, &[("source", &schema)])?;
        let schema = datafusion_common::DFSchema::try_from_qualified_schema("source", &Schema::new(fields))?;
        temporal::lower(&mut self.topology.graph, node, &[condition], &schema)
    }
}

/// The statement that reads a topic, in words.
fn reader_words(source: &str) -> String {
    source.strip_suffix(CHANGES_SUFFIX).map_or_else(|| format!("source '{source}'"), |table| format!("table '{table}'"))
}

/// The column that says when an event happened.
fn event_time(schema: &TopicSchema) -> Option<&str> {
    match schema {
        TopicSchema::Enveloped(_) => Some("occurred_at"),
        TopicSchema::Declared(topic) => topic.event_time().map(|column| topic.columns()[column].name.as_str()),
    }
}

/// Returns true if an event that is sent twice is known to be one.
fn has_ids(schema: &TopicSchema) -> bool {
    match schema {
        TopicSchema::Enveloped(_) => true,
        TopicSchema::Declared(topic) => !topic.told_apart_by().is_empty(),
    }
}

/// `"occurred_at" > NOW() - INTERVAL '... microseconds'`
fn retention_condition(event_time: &str, micros: i64) -> Result<ast::Expr> {
    use datafusion_sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};
    let text = format!("{} > NOW() - INTERVAL '{micros} microseconds'", ast::Ident::with_quote('"', event_time));
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_expr());
    parsed.or_else(|error| plan_err!("the retention of {} could not be planned: {error}", ScalarValue::from(micros)))
}
