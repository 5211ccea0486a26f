//! `CREATE TABLE` and `MERGE INTO`: what a stream folds into.
//!
//! Statements enter; a table leaves, and the one way in which events change it.

use std::collections::BTreeSet;

use arrow_schema::{Field, Schema};
use datafusion_sql::sqlparser::ast::{self, ArrayElemTypeDef, Spanned as _};

use super::errors::{Outcome, blamed, fail, place, refused};
use super::state::Builder;
use crate::diagnostic::Diagnostic;
use crate::expression::check::{check_scalar, check_value};
use crate::parse::{ColumnDefinition, MergeClause, Name, Statement, StatementKind};
use crate::plan::costly_call::span_of_call;
use crate::plan::graph::{NodeColumn, TableScan};
use crate::plan::merge::{Merge, MergeContext, expressions, plan_clause, plan_expression, plan_key};
use crate::plan::rewrite::rewrite_expression;
use crate::plan::sql::declared_type;
use crate::plan::types::is_interval;
use crate::topology::{RelationKind, Table};

/// Remedy for a column of a type that is not known.
const SUPPORTED_TYPES: &str = "use BIGINT, INTEGER, SMALLINT, BOOLEAN, DOUBLE PRECISION, NUMERIC(p, s), TEXT, BYTEA, TIMESTAMPTZ, \
                               TIMESTAMP, DATE, INTERVAL, or a list such as TEXT[]";

/// Remedy for a list of intervals.
const INSTEAD_OF_INTERVALS: &str = "rows hold lists of everything but intervals: store their lengths in seconds, \
                                    extract(epoch FROM ...), in a DOUBLE PRECISION[]";

impl Builder {
    pub(super) fn create_table(
        &mut self,
        statement: &Statement,
        name: &Name,
        definitions: &[ColumnDefinition],
        primary_key: &[Name],
    ) -> Outcome<()> {
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
            columns[column].nullable = false;
            key.push(column);
        }
        let not_null = columns.iter().map(|column| !column.nullable).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let number = self.topology.tables.len();
        self.topology.tables.push(Table {
            name: name.text.clone(),
            columns: columns.clone(),
            not_null,
            primary_key: key,
            merge: None,
        });
        let node = self.topology.graph.add(TableScan { table: number }, columns);
        let node = node.map_err(|error| place(statement, &error))?;
        self.insert(&name.text, RelationKind::Table, node, names, BTreeSet::new());
        Ok(())
    }

    pub(super) fn merge(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::Merge { table, target_alias, source, source_alias, on, clauses } = &statement.kind else {
            return Ok(());
        };
        if self.relation(table)?.kind != RelationKind::Table {
            return fail(table, format!("'{}' is not a table", table.text), "MERGE INTO takes a relation made by CREATE TABLE");
        }
        if self.relation(source)?.kind != RelationKind::Source {
            return fail(source, format!("'{}' is not a source", source.text), "USING takes a relation made by CREATE SOURCE");
        }
        let (Some(number), Some(source_number)) = (self.table_number(&table.text), self.source_number(&source.text)) else {
            return fail(table, format!("'{}' can't be merged into", table.text), "create the table and the source first");
        };
        if self.topology.tables[number].merge.is_some() {
            return fail(
                table,
                format!("table '{}' already has a MERGE", table.text),
                "put all WHEN clauses into one MERGE: the order of events is only known within one source",
            );
        }
        let aliases = (target_alias.as_ref().unwrap_or(table).text.clone(), source_alias.as_ref().unwrap_or(source).text.clone());
        let merge = self.plan_merge(statement, number, source_number, (&aliases.0, &aliases.1), on, clauses)?;
        self.topology.tables[number].merge = Some(merge);
        self.relation(table)?.reads.insert(source.text.clone());
        Ok(())
    }

    fn plan_merge(
        &self,
        statement: &Statement,
        table: usize,
        source: usize,
        (target, event): (&str, &str),
        on: &ast::Expr,
        clauses: &[MergeClause],
    ) -> Outcome<Merge> {
        let table = &self.topology.tables[table];
        let fields =
            table.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true)).collect::<Vec<_>>();
        let target_schema = Schema::new(fields);
        let event_schema = self.topology.sources[source].schema.arrow_schema();
        let context = MergeContext {
            relations: &self.sql,
            target: (target, &target_schema),
            event: (event, &event_schema),
            columns: &table.columns,
            primary_key: &table.primary_key,
        };
        let mut on = on.clone();
        self.rewrite(statement, &mut on)?;
        let plan = |on: ast::Expr| {
            let key = plan_key(&context, &on)?;
            key.iter().try_for_each(check_scalar)?;
            Ok(key)
        };
        let key = plan(on.clone())
            .map_err(|error| blamed(statement, &on, &error, |on| plan(on).map(|_| ()), &statement.locate(on.span())))?;
        let mut fields = Vec::new();
        let mut planned = Vec::with_capacity(clauses.len());
        for clause in clauses {
            let mut clause = clause.clone();
            self.rewrite_clause(statement, &mut clause)?;
            for (expression, column) in expressions(&context, &clause) {
                let attempt = |expression: ast::Expr| {
                    let (fields, value) = plan_expression(&context, clause.matched, &expression, column)?;
                    fields.iter().try_for_each(check_scalar)?;
                    check_value(&value)
                };
                attempt(expression.clone())
                    .map_err(|error| blamed(statement, expression, &error, attempt, &statement.locate(expression.span())))?;
            }
            let located = |error| {
                let mut placed = place(statement, &error);
                if let Some(span) = span_of_call(&syntax_of(&clause), &error) {
                    placed.diagnostic.location = statement.locate(span);
                } else if placed.diagnostic.location == statement.location {
                    placed.diagnostic.location = clause.location.clone();
                }
                placed
            };
            planned.push(plan_clause(&context, &clause, &mut fields).map_err(located)?);
        }
        Ok(Merge { source, key, fields, clauses: planned })
    }

    fn rewrite_clause(&self, statement: &Statement, clause: &mut MergeClause) -> Outcome<()> {
        use crate::parse::MergeAction;
        let values: Vec<&mut ast::Expr> = match &mut clause.action {
            MergeAction::Insert { values, .. } => values.iter_mut().collect(),
            MergeAction::Update(assignments) => assignments.iter_mut().map(|(_, value)| value).collect(),
            MergeAction::Delete | MergeAction::DoNothing => Vec::new(),
        };
        for expression in values.into_iter().chain(clause.condition.as_mut()) {
            self.rewrite(statement, expression)?;
        }
        Ok(())
    }

    fn rewrite(&self, statement: &Statement, expression: &mut ast::Expr) -> Outcome<()> {
        rewrite_expression(expression, &self.payload_columns).map_err(|error| refused(statement, &error))
    }
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

/// All expressions of a clause.
fn syntax_of(clause: &MergeClause) -> Vec<ast::Expr> {
    use crate::parse::MergeAction;
    let values: Vec<&ast::Expr> = match &clause.action {
        MergeAction::Insert { values, .. } => values.iter().collect(),
        MergeAction::Update(assignments) => assignments.iter().map(|(_, value)| value).collect(),
        MergeAction::Delete | MergeAction::DoNothing => Vec::new(),
    };
    clause.condition.iter().chain(values).cloned().collect()
}
