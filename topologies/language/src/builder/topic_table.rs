//! `CREATE TABLE ... FORMAT UPSERT|DEBEZIUM`: a table whose rows are changed by the records of a topic.
//!
//! A statement enters. It becomes what a person could write by hand: a source of the changes, which no statement reads, a table, and a MERGE of
//! the one into the other. So such a table is folded, kept, explained and restored like every other.

use std::fmt::Write as _;
use std::sync::Arc;

use datafusion_sql::sqlparser::ast::{self, Ident};
use schemas::event::Encoding;
use schemas::topic::TopicSchema;
use schemas::topic::changes::{
    CHANGE_DELETE, CHANGE_KEEPS, CHANGE_OPERATION, CHANGE_PUT, CHANGE_SEQUENCE, ChangeFormat, TopicChanges,
};
use schemas::topic::declared::{DECLARED_COLUMNS_MAX, DeclaredTopic};

use super::errors::{Outcome, fail, place};
use super::included::{definition, including};
use super::source::{CHANGES_SUFFIX, PARTITIONS_DEFAULT};
use super::source_events;
use super::state::Builder;
use crate::diagnostic::SourceFile;
use crate::parse::{ColumnDefinition, Name, Statement, StatementKind, TableTopic, parse};
use crate::plan::outputs;
use crate::topology::{RelationKind, Source};

/// Names of the table's row and of the change in the MERGE.
const ROW: &str = "t";
const CHANGE: &str = "e";

impl Builder {
    /// Creates a table that the records of its topic fill.
    pub(super) fn create_topic_table(&mut self, statement: &Statement, topic: &TableTopic) -> Outcome<()> {
        let StatementKind::CreateTable { name, columns, primary_key, defaults, retention, .. } = &statement.kind else {
            return Ok(());
        };
        if let Some((column, _)) = defaults.first() {
            let message = format!("the column '{}' of a table that is filled from a topic has no default", column.text);
            return fail(
                column,
                message,
                "leave it out: a record says every value of its row; write coalesce(column, value) in a view",
            );
        }
        let schema = topic_schema(name, columns, primary_key, topic)?;
        let changes = Name { text: format!("{}{CHANGES_SUFFIX}", name.text), location: name.location.clone() };
        self.refuse_taken(&changes)?;
        self.create_changes(statement, &changes, topic, &schema)?;

        let mut definitions = columns.clone();
        definitions.extend(topic.included.iter().map(definition));
        let visible = definitions.len();
        if topic.format == ChangeFormat::Debezium {
            definitions.push(sequence_column(name));
        }
        let names: Vec<&str> = definitions[..visible].iter().map(|column| column.name.text.as_str()).collect();
        let key: Vec<&str> = primary_key.iter().map(|part| part.text.as_str()).collect();
        let merge = merge_statement(&name.text, &changes.text, &schema, (&names, &key));
        let kind = StatementKind::CreateTable {
            name: name.clone(),
            columns: definitions,
            primary_key: primary_key.clone(),
            defaults: Vec::new(),
            retention: retention.clone(),
            topic: None,
        };
        self.create_table(&Statement { kind, ..statement.clone() })?;
        self.merge(&merge).map_err(|mut error| {
            error.diagnostic.location = statement.location.clone();
            error
        })?;
        self.show_columns(statement, name, visible)?;
        self.scans.remove(&changes.text);
        self.sql.remove(&changes.text);
        Ok(())
    }

    /// Adds the source of a table's changes, which has a name that statements are not told of.
    fn create_changes(&mut self, statement: &Statement, name: &Name, topic: &TableTopic, schema: &TopicSchema) -> Outcome<()> {
        self.check_declared_topic(&topic.topic)?;
        let number = self.place_of_topic(&topic.topic, schema)?;
        let source = Source {
            name: name.text.clone(),
            connector: topic.connector,
            schema: schema.clone(),
            encoding: Encoding::Json,
            partitions: topic.partitions.unwrap_or(PARTITIONS_DEFAULT),
            deduplication_micros: None,
        };
        match self.topology.sources.get_mut(number) {
            Some(dropped) => *dropped = source,
            None => self.topology.sources.push(source),
        }
        self.add_source_node(statement, name, schema, (number, None))
    }

    /// Leaves out the columns of a table behind the first ones, which only its MERGE reads.
    fn show_columns(&mut self, statement: &Statement, name: &Name, visible: usize) -> Outcome<()> {
        let relation = self.relation(name)?;
        if relation.names.len() == visible {
            return Ok(());
        }
        let (node, names, reads) = (relation.node, relation.names[..visible].to_vec(), relation.reads.clone());
        let mut columns = outputs::identity(&self.topology.graph.nodes[node].columns);
        columns.truncate(visible);
        let node = self.topology.graph.map(node, Vec::new(), columns).map_err(|error| place(statement, &error))?;
        self.insert(&name.text, RelationKind::Table, node, names, reads);
        Ok(())
    }

    /// The name of the source of a table's changes; `None` for a table that statements fill.
    pub(super) fn changes_of(&self, table: &str) -> Option<String> {
        let name = format!("{table}{CHANGES_SUFFIX}");
        let number = self.source_number(&name)?;
        match &self.topology.sources[number].schema {
            TopicSchema::Declared(topic) if topic.changes().is_some() => Some(name),
            _ => None,
        }
    }

    /// Refuses a statement that changes the rows of a table that records change.
    pub(super) fn refuse_topic_table(&self, table: &Name) -> Outcome<()> {
        match self.changes_of(&table.text) {
            None => Ok(()),
            Some(_) => fail(
                table,
                format!("the rows of table '{}' are those of its topic: no statement changes them", table.text),
                "write to a table of its own, and join the two in a view",
            ),
        }
    }
}

/// The topic of a table's changes.
fn topic_schema(name: &Name, definitions: &[ColumnDefinition], primary_key: &[Name], topic: &TableTopic) -> Outcome<TopicSchema> {
    if definitions.len() > DECLARED_COLUMNS_MAX {
        let message = format!("the table '{}' has {} columns", name.text, definitions.len());
        return fail(name, message, format!("declare at most {DECLARED_COLUMNS_MAX}, and an object as one JSONB"));
    }
    let names = definitions.iter().map(|column| &column.name).chain(topic.included.iter().map(|column| &column.name));
    if let Some(column) = names.into_iter().find(|column| TopicChanges::is_reserved(&column.text)) {
        return fail(column, format!("no column of such a table is called '{}'", column.text), "choose another name");
    }
    if let Some(column) = definitions.iter().map(|column| &column.name).find(|name| name.text.contains('.')) {
        let message = format!("the column '{}' has a point in its name", column.text);
        return fail(column, message, "declare the object around it as JSONB");
    }
    let columns = definitions.iter().map(source_events::column).collect::<Outcome<Vec<_>>>()?;
    let mut key = Vec::with_capacity(primary_key.len());
    for part in primary_key {
        match columns.iter().position(|column| column.name == part.text) {
            Some(column) => key.push(column),
            None => {
                return fail(part, format!("column '{}' of the primary key does not exist", part.text), "declare it as a column");
            }
        }
    }
    let declared = DeclaredTopic::new(topic.topic.text.as_str(), columns, None, Vec::new()).of_changes(topic.format, key);
    Ok(TopicSchema::Declared(Arc::new(including(declared, &topic.included)?)))
}

/// The place of the last change of a row in the log of its database.
fn sequence_column(table: &Name) -> ColumnDefinition {
    let location = table.location.clone();
    ColumnDefinition {
        name: Name { text: CHANGE_SEQUENCE.to_owned(), location: location.clone() },
        data_type: ast::DataType::BigInt(None),
        data_type_location: location,
        not_null: false,
    }
}

/// The MERGE of changes into their table.
///
/// # Panics
/// It can't be read, although every name in it is quoted.
fn merge_statement(table: &str, changes: &str, schema: &TopicSchema, (columns, key): (&[&str], &[&str])) -> Statement {
    let text = merge_text(table, changes, schema, (columns, key));
    let read = parse(&[SourceFile { path: "changes.sql".into(), text: text.as_str().into() }]);
    let statement = read.ok().and_then(|statements| statements.into_iter().next());
    statement.unwrap_or_else(|| panic!("the MERGE of a table's changes can't be read: {text}"))
}

/// The text of the MERGE. A truncation has no clause: it has no key, and the fold takes all rows away.
fn merge_text(table: &str, changes: &str, schema: &TopicSchema, (columns, key): (&[&str], &[&str])) -> String {
    let is_ordered = has_column(schema, CHANGE_SEQUENCE);
    let (row, change) = (|name: &str| in_relation(ROW, name), |name: &str| in_relation(CHANGE, name));
    let (operation, sequence) = (change(CHANGE_OPERATION), (change(CHANGE_SEQUENCE), row(CHANGE_SEQUENCE)));
    let newer = match is_ordered {
        true => format!(" AND ({0} IS NULL OR {1} IS NULL OR {0} > {1})", sequence.0, sequence.1),
        false => String::new(),
    };
    let on: Vec<String> = key.iter().map(|name| format!("{} = {}", row(name), change(name))).collect();
    let mut assigned: Vec<String> = Vec::new();
    let mut kept: Vec<String> = Vec::new();
    for name in columns.iter().filter(|name| !key.contains(name)) {
        assigned.push(format!("{} = {}", quoted(name), change(name)));
        let keeps = TopicChanges::kept_name(name);
        kept.push(match has_column(schema, &keeps) {
            true => format!("{} = CASE WHEN {} THEN {} ELSE {} END", quoted(name), change(&keeps), row(name), change(name)),
            false => format!("{} = {}", quoted(name), change(name)),
        });
    }
    let mut inserted: Vec<(String, String)> = columns.iter().map(|name| (quoted(name), change(name))).collect();
    if is_ordered {
        // A change that does not say its place leaves the last one that is known.
        let known = format!("{} = COALESCE({}, {})", quoted(CHANGE_SEQUENCE), sequence.0, sequence.1);
        assigned.push(known.clone());
        kept.push(known);
        inserted.push((quoted(CHANGE_SEQUENCE), sequence.0));
    }
    let (names, values): (Vec<String>, Vec<String>) = inserted.into_iter().unzip();
    let update = |assigned: &[String]| match assigned {
        [] => "DO NOTHING".to_owned(),
        assigned => format!("UPDATE SET {}", assigned.join(", ")),
    };
    let mut text = format!("MERGE INTO {} AS {ROW} USING {} AS {CHANGE} ON {}", quoted(table), quoted(changes), on.join(" AND "));
    let _ = write!(text, " WHEN MATCHED AND {operation} = '{CHANGE_DELETE}'{newer} THEN DELETE");
    if is_ordered {
        // Most changes keep nothing: what they hold depends on nothing but them.
        let keeps = change(CHANGE_KEEPS);
        let _ = write!(text, " WHEN MATCHED AND {operation} = '{CHANGE_PUT}' AND {keeps}{newer} THEN {}", update(&kept));
    }
    let _ = write!(text, " WHEN MATCHED AND {operation} = '{CHANGE_PUT}'{newer} THEN {}", update(&assigned));
    let _ = write!(text, " WHEN NOT MATCHED AND {operation} = '{CHANGE_PUT}'");
    let _ = write!(text, " THEN INSERT ({}) VALUES ({});", names.join(", "), values.join(", "));
    text
}

fn has_column(schema: &TopicSchema, name: &str) -> bool {
    schema.columns().iter().any(|column| column.name == name)
}

fn quoted(name: &str) -> String {
    Ident::with_quote('"', name).to_string()
}

fn in_relation(relation: &str, name: &str) -> String {
    format!("{relation}.{}", quoted(name))
}

#[cfg(test)]
mod tests;
