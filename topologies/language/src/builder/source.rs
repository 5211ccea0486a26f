//! `CREATE SOURCE`: a stream of events, and how much of it is kept.
//!
//! A statement enters; a source leaves whose message is in the catalogue.

use std::collections::BTreeSet;

use arrow_schema::{Field, Schema};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_sql::sqlparser::ast;
use schemas::catalogue::catalogue;
use schemas::event::Encoding;

use super::errors::{Outcome, place};
use super::state::Builder;
use crate::diagnostic::{Diagnostic, Location, suggestion};
use crate::parse::{self, Statement, StatementKind};
use crate::plan::graph::{NodeColumn, NodeId, SourceScan};
use crate::plan::outputs::node_column;
use crate::plan::temporal;
use crate::topology::{RelationKind, Source};

/// Partitions of a topic unless the source says otherwise.
pub const PARTITIONS_DEFAULT: u32 = 4;

/// Window of event time in which a repeated event is recognised, unless a source declares another: seven days.
pub const DEDUPLICATION_WINDOW_MICROS_DEFAULT: i64 = 7 * 24 * 60 * 60 * 1_000_000;

impl Builder {
    pub(super) fn create_source(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::CreateSource {
            name,
            connector,
            topic,
            topic_location,
            message,
            message_location,
            encoding,
            partitions,
            deduplication,
            retention,
            ..
        } = &statement.kind
        else {
            return Ok(());
        };
        let topics = catalogue().topics();
        let Some(schema) = catalogue().message(message) else {
            let hint = suggestion(message, topics.iter().map(|topic| topic.message.as_str()));
            let diagnostic =
                Diagnostic::new(message_location.clone(), format!("message '{message}' is not in the event catalogue"));
            return Err(Box::from(match hint {
                Some(near) => diagnostic.with_help(format!("did you mean '{near}'?")),
                None => diagnostic,
            }));
        };
        if &schema.topic != topic {
            let text = format!("topic '{topic}' does not carry '{message}'");
            let help = format!("the events of '{message}' are in topic '{}'", schema.topic);
            return Err(Box::from(Diagnostic::new(topic_location.clone(), text).with_help(help)));
        }
        let number = self.place_of_topic(topic, topic_location)?;
        let source = Source {
            name: name.text.clone(),
            connector,
            schema,
            encoding: match encoding {
                parse::Encoding::Json => Encoding::Json,
                parse::Encoding::Protobuf => Encoding::Protobuf,
            },
            partitions: partitions.unwrap_or(PARTITIONS_DEFAULT),
            deduplication_micros: deduplication.unwrap_or(DEDUPLICATION_WINDOW_MICROS_DEFAULT),
        };
        match self.topology.sources.get_mut(number) {
            Some(dropped) => *dropped = source,
            None => self.topology.sources.push(source),
        }
        let columns: Vec<NodeColumn> =
            schema.columns.iter().map(|column| node_column(&column.name, &column.data_type, column.nullable)).collect();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        self.payload_columns.extend(names.iter().filter(|name| name.contains('.')).cloned());
        let node = self.topology.graph.add(SourceScan { source: number, name: name.text.clone() }, columns);
        let node = node.map_err(|error| place(statement, &error))?;
        let node = match retention {
            None => node,
            Some(micros) => self.retain(node, &names, *micros).map_err(|error| place(statement, &error))?,
        };
        self.insert(&name.text, RelationKind::Source, node, names, BTreeSet::new());
        Ok(())
    }

    /// The place of a new source of a topic: that of one that was dropped, since a topic is read once, or the next.
    fn place_of_topic(&self, topic: &str, location: &Location) -> Outcome<usize> {
        let sources = &self.topology.sources;
        let Some(place) = sources.iter().position(|source| source.schema.topic == topic) else { return Ok(sources.len()) };
        if self.relations.keys().all(|name| self.source_number(name) != Some(place)) {
            return Ok(place);
        }
        let text = format!("topic '{topic}' is already read by source '{}'", sources[place].name);
        let help = "one source for a topic is enough: use that one";
        Err(Box::from(Diagnostic::new(location.clone(), text).with_help(help)))
    }

    /// Events younger than the retention, by the wall clock.
    fn retain(&mut self, node: NodeId, names: &[String], micros: i64) -> Result<NodeId> {
        let columns = &self.topology.graph.nodes[node].columns;
        let fields: Vec<Field> =
            columns.iter().zip(names).map(|(column, name)| Field::new(name, column.data_type.clone(), column.nullable)).collect();
        let condition = self.sql.plan_expression(retention_condition(micros)?, &[("source", &Schema::new(fields.clone()))])?;
        let schema = datafusion_common::DFSchema::try_from_qualified_schema("source", &Schema::new(fields))?;
        temporal::lower(&mut self.topology.graph, node, &[condition], &schema)
    }
}

/// `occurred_at > NOW() - INTERVAL '... microseconds'`
fn retention_condition(micros: i64) -> Result<ast::Expr> {
    use datafusion_sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};
    let text = format!("occurred_at > NOW() - INTERVAL '{micros} microseconds'");
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_expr());
    parsed.or_else(|error| plan_err!("the retention of {} could not be planned: {error}", ScalarValue::from(micros)))
}
