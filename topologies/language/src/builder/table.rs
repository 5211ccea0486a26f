//! `CREATE TABLE`: what streams fold into.
//!
//! A statement enters; a table leaves, which has no rows and no MERGE yet.

use std::collections::{BTreeMap, BTreeSet};

use datafusion_common::Result;
use datafusion_sql::sqlparser::ast::{self, ArrayElemTypeDef};

use super::errors::{Outcome, fail, place};
use super::state::Builder;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::parse::{ColumnDefinition, Name, Retention, Statement, StatementKind};
use crate::plan::graph::{NodeColumn, NodeId, TableScan};
use crate::plan::scalar::{Scalar, null};
use crate::plan::sql::declared_type;
use crate::plan::types::{is_interval, is_json, timestamp_type, type_name};
use crate::topology::{RelationKind, RetentionRule, Table};

/// Remedy for a column of a type that is not known.
const SUPPORTED_TYPES: &str = "use BIGINT, INTEGER, SMALLINT, BOOLEAN, DOUBLE PRECISION, NUMERIC(p, s), TEXT, BYTEA, TIMESTAMPTZ, \
                               TIMESTAMP, DATE, INTERVAL, JSONB, or a list such as TEXT[]";

/// Remedy for a list of intervals.
const INSTEAD_OF_INTERVALS: &str = "rows hold lists of everything but intervals: store their lengths in seconds, \
                                    extract(epoch FROM ...), in a DOUBLE PRECISION[]";

impl Builder {
    pub(super) fn create_table(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::CreateTable { name, columns: definitions, primary_key, defaults, retention, .. } = &statement.kind else {
            return Ok(());
        };
        let mut columns = declared_columns(definitions)?;
        let mut key = Vec::with_capacity(primary_key.len());
        for part in primary_key {
            let Some(column) = columns.iter().position(|column| column.name == part.text) else {
                return fail(part, format!("column '{}' of the primary key does not exist", part.text), "declare it as a column");
            };
            if is_interval(&columns[column].data_type) {
                let help = "store the length as a number: extract(epoch FROM ...)";
                return fail(part, format!("'{}' is an INTERVAL, which makes no primary key", part.text), help);
            }
            if is_json(&columns[column].data_type) {
                let help = "take a part of it as a column of its own: content ->> 'id'";
                return fail(part, format!("'{}' is JSONB, which makes no primary key", part.text), help);
            }
            columns[column].nullable = false;
            key.push(column);
        }
        let not_null = columns.iter().map(|column| !column.nullable).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let number = self.topology.tables.len();
        let retention = retention.as_ref().map(|retention| table_retention(retention, &columns)).transpose()?;
        self.topology.tables.push(Table {
            name: name.text.clone(),
            columns: columns.clone(),
            not_null,
            primary_key: key,
            defaults: self.defaults(statement, &columns, defaults)?,
            rows: BTreeMap::new(),
            merges: Vec::new(),
            retention,
        });
        let node = self.add_table_node(number, columns).map_err(|error| place(statement, &error))?;
        self.insert(&name.text, RelationKind::Table, node, names, BTreeSet::new());
        Ok(())
    }

    /// The rows of a table; of one with a retention those that are young enough.
    fn add_table_node(&mut self, number: usize, columns: Vec<NodeColumn>) -> Result<NodeId> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let node = self.topology.graph.add(TableScan { table: number }, columns)?;
        match self.topology.tables[number].retention {
            Some(RetentionRule { column, micros }) => self.retain(node, &names, (&names[column], micros)),
            None => Ok(node),
        }
    }

    /// The value of each column where an INSERT leaves it out.
    fn defaults(&self, statement: &Statement, columns: &[NodeColumn], given: &[(Name, ast::Expr)]) -> Outcome<Vec<Scalar>> {
        let default = |column: &NodeColumn| match given.iter().find(|(name, _)| name.text == column.name) {
            Some((_, value)) => self.constant(statement, value, column),
            None => null(&column.data_type).map_err(|error| place(statement, &error)),
        };
        columns.iter().map(default).collect()
    }
}

/// The column by which a retention counts, which has to be an instant.
pub(super) fn retention_rule(retention: &Retention, columns: &[NodeColumn]) -> Outcome<RetentionRule> {
    let Retention { micros, event_time } = retention;
    let refused = |message: String, help: String| {
        Err(Box::from(Diagnostic::new(event_time.location.clone(), message).with_help(help)))
    };
    let Some(column) = columns.iter().position(|column| column.name == event_time.text) else {
        let names = columns.iter().map(|column| column.name.as_str());
        let help = did_you_mean(&event_time.text, names.clone()).unwrap_or_else(|| {
            format!("the columns are {}", names.collect::<Vec<_>>().join(", "))
        });
        return refused(format!("there is no column '{}', by which the retention would count", event_time.text), help);
    };
    if columns[column].data_type != timestamp_type() {
        let found = type_name(&columns[column].data_type);
        let help = "a retention counts by a TIMESTAMPTZ: name such a column, or cast it".to_owned();
        return refused(format!("the column '{}' is {found}, which says no instant", event_time.text), help);
    }
    Ok(RetentionRule { column, micros: *micros })
}

/// The same for a table, whose rows all have a time.
fn table_retention(retention: &Retention, columns: &[NodeColumn]) -> Outcome<RetentionRule> {
    let rule = retention_rule(retention, columns)?;
    if columns[rule.column].nullable {
        let message = format!("the column '{}' can be NULL, and the retention counts by it", retention.event_time.text);
        let help = "declare it NOT NULL: a row without a time would have no age";
        return Err(Box::from(Diagnostic::new(retention.event_time.location.clone(), message).with_help(help)));
    }
    Ok(rule)
}

/// The columns of a table, as they are declared.
fn declared_columns(definitions: &[ColumnDefinition]) -> Outcome<Vec<NodeColumn>> {
    let mut columns: Vec<NodeColumn> = Vec::with_capacity(definitions.len());
    for ColumnDefinition { name, data_type, data_type_location, not_null } in definitions {
        let Some(kept) = declared_type(data_type) else {
            let text = format!("type '{data_type}' is not supported for column '{}'", name.text);
            let help = if is_list_of_intervals(data_type) { INSTEAD_OF_INTERVALS } else { SUPPORTED_TYPES };
            return Err(Box::from(Diagnostic::new(data_type_location.clone(), text).with_help(help)));
        };
        if columns.iter().any(|column| column.name == name.text) {
            return fail(name, format!("column '{}' is declared twice", name.text), "remove one of them");
        }
        columns.push(NodeColumn { name: name.text.clone(), data_type: kept, nullable: !not_null });
    }
    Ok(columns)
}

/// Returns true if the items of a list, or those of its lists, are intervals.
fn is_list_of_intervals(data_type: &ast::DataType) -> bool {
    match data_type {
        ast::DataType::Array(ArrayElemTypeDef::SquareBracket(item, _) | ArrayElemTypeDef::AngleBracket(item)) => {
            matches!(item.as_ref(), ast::DataType::Interval { .. }) || is_list_of_intervals(item)
        }
        _ => false,
    }
}
