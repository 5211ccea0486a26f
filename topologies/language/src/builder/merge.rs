//! `MERGE INTO`: the ways in which events change a table.
//!
//! A statement enters; the folds of its table leave, one for each way from a source to the rows of USING. They stay in the order in which
//! the statements are written, whatever order they take effect in.

use arrow_schema::{Field, Schema};
use datafusion_sql::sqlparser::ast::{self, Spanned as _};

use super::errors::{Outcome, blamed, fail, place, refused};
use super::state::Builder;
use super::view::plan_view;
use crate::diagnostic::{Diagnostic, Location};
use crate::expression::check::{check_nodes, check_scalar, check_value};
use crate::parse::{MergeAction, MergeClause, MergeSource, Name, Statement, StatementKind};
use crate::plan::errors::costly_call::span_of_call;
use crate::plan::event_rows::{EventRows, NotOfEvents};
use crate::plan::graph::{Graph, NodeId};
use crate::plan::merge::{Merge, MergeContext, expressions, plan_clause, plan_expression, plan_key};
use crate::plan::syntax::relations_read::relations;
use crate::plan::syntax::rewrite::{rewrite_expression, rewrite_query};
use crate::plan::syntax::using::resolve;
use crate::topology::RelationKind;

/// The most folds of one table.
const FOLDS_MAX: usize = 1_024;

/// The input of a MERGE: the ways to its rows, and their columns.
struct MergeInput {
    ways: Vec<EventRows>,
    schema: Schema,
    /// the relations that it names
    reads: Vec<String>,
}

impl Builder {
    pub(super) fn merge(&mut self, statement: &Statement) -> Outcome<()> {
        let StatementKind::Merge { table, target_alias, source, source_alias, on, clauses } = &statement.kind else {
            return Ok(());
        };
        if self.relation(table)?.kind != RelationKind::Table {
            return fail(table, format!("'{}' is not a table", table.text), "MERGE INTO takes a relation made by CREATE TABLE");
        }
        let Some(number) = self.table_number(&table.text) else {
            return fail(table, format!("'{}' can't be merged into", table.text), "create the table first");
        };
        let input = match source {
            MergeSource::Relation(name) => self.merged_relation(name)?,
            MergeSource::Query(query) => self.merged_query(statement, source_alias.as_ref().unwrap_or(table), query)?,
        };
        let event = match (source_alias, source) {
            (Some(alias), _) | (None, MergeSource::Relation(alias)) => &alias.text,
            (None, MergeSource::Query(_)) => return Ok(()),
        };
        let target = &target_alias.as_ref().unwrap_or(table).text;
        let mut planned = Vec::with_capacity(input.ways.len());
        for way in input.ways {
            planned.push(self.plan_merge(statement, number, (way, &input.schema), (target, event), on, clauses)?);
        }
        self.add_folds(table, number, planned, &statement.location)?;
        self.relation(table)?.reads.extend(input.reads);
        Ok(())
    }

    /// Adds folds in the order of their statements in the files.
    fn add_folds(&mut self, table: &Name, number: usize, planned: Vec<Merge>, at: &Location) -> Outcome<()> {
        let place = (at.file.to_string(), at.line, at.column);
        let places = self.merge_places.entry(number).or_default();
        if places.len() + planned.len() > FOLDS_MAX {
            let message = format!("table '{}' would be folded in more than {FOLDS_MAX} ways", table.text);
            return fail(table, message, "merge parts of UNION ALL in a view before");
        }
        let before = places.partition_point(|other| *other <= place);
        places.splice(before..before, planned.iter().map(|_| place.clone()));
        self.topology.tables[number].merges.splice(before..before, planned);
        Ok(())
    }

    /// A source, whose events are the rows, or a view of one.
    fn merged_relation(&mut self, name: &Name) -> Outcome<MergeInput> {
        let (kind, node) = {
            let relation = self.relation(name)?;
            (relation.kind, relation.node)
        };
        let reads = vec![name.text.clone()];
        if let (RelationKind::Source, Some(source)) = (kind, self.source_number(&name.text)) {
            let schema = self.topology.sources[source].schema.arrow_schema();
            let schema = Schema::new(schema.fields().clone());
            return Ok(MergeInput { ways: vec![EventRows { source, steps: Vec::new() }], schema, reads });
        }
        let names = self.relations[&name.text].names.clone();
        let ways = self.ways(&self.topology.graph, node, &name.location)?;
        Ok(MergeInput { ways, schema: schema_of(&self.topology.graph, node, &names), reads })
    }

    /// A query over sources, as they are appended: their retention takes no event back here.
    fn merged_query(&self, statement: &Statement, alias: &Name, written: &ast::Query) -> Outcome<MergeInput> {
        let mut query = written.clone();
        let windows = rewrite_query(&mut query, &self.payload_columns).map_err(|error| refused(statement, &error))?;
        self.check_windows(statement, &windows)?;
        if let Some(session) = windows.sessions.first() {
            let message = format!("a MERGE can't read SESSION of '{}'", session.relation);
            return fail(alias, message, "write USING the source, and cut sessions in a view");
        }
        let reads = relations(&query).into_iter().filter(|name| self.relations.contains_key(name)).collect();
        let known =
            |name: &str| self.sql.schema(name).map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect());
        resolve(&mut query, &known).map_err(|error| refused(statement, &error))?;
        let mut scans = self.scans.clone();
        for (name, relation) in self.relations.iter().filter(|(_, relation)| relation.kind == RelationKind::Source) {
            scans.extend(self.topology.source_node(relation.node).map(|node| (name.clone(), node)));
        }
        let attempt = |query| {
            let mut graph = self.topology.graph.clone();
            let (plan, node) = plan_view((&self.sql, &scans), &mut graph, query)?;
            Ok((graph, plan, node))
        };
        let (graph, plan, node) = attempt(query.clone())
            .map_err(|error| blamed(statement, &query, &error, |query| attempt(query).map(|_| ()), &alias.location))?;
        check_nodes(&graph, self.topology.graph.nodes.len()).map_err(|error| place(statement, &error))?;
        let names = self.column_names(alias, &[], plan.schema())?;
        let ways = self.ways(&graph, node, &statement.locate(written.span()))?;
        Ok(MergeInput { ways, schema: schema_of(&graph, node, &names), reads })
    }

    fn ways(&self, graph: &Graph, node: NodeId, at: &Location) -> Outcome<Vec<EventRows>> {
        let table = |number: usize| self.topology.tables[number].name.clone();
        EventRows::of(graph, node, &table).map_err(|NotOfEvents { part, help }| {
            let message = format!("a MERGE takes rows that are made of one event each, which {part} does not give");
            Box::from(Diagnostic::new(at.clone(), message).with_help(help))
        })
    }

    fn plan_merge(
        &self,
        statement: &Statement,
        table: usize,
        (way, event_schema): (EventRows, &Schema),
        (target, event): (&str, &str),
        on: &ast::Expr,
        clauses: &[MergeClause],
    ) -> Outcome<Merge> {
        let table = &self.topology.tables[table];
        let fields =
            table.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true)).collect::<Vec<_>>();
        let target_schema = Schema::new(fields);
        let context = MergeContext {
            relations: &self.sql,
            target: (target, &target_schema),
            event: (event, event_schema),
            columns: &table.columns,
            primary_key: &table.primary_key,
            defaults: &table.defaults,
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
            for (expression, role) in expressions(&context, &clause) {
                let attempt = |expression: ast::Expr| {
                    let (fields, value) = plan_expression(&context, clause.matched, &expression, role)?;
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
        Ok(Merge { source: way.source, steps: way.steps, key, fields, clauses: planned })
    }

    fn rewrite_clause(&self, statement: &Statement, clause: &mut MergeClause) -> Outcome<()> {
        let values: Vec<&mut ast::Expr> = match &mut clause.action {
            MergeAction::Insert { values, .. } => values.iter_mut().collect(),
            MergeAction::Update(assignments) => assignments.iter_mut().map(|(_, value)| value).collect(),
            MergeAction::Raise(reason) => vec![reason],
            MergeAction::Delete | MergeAction::DoNothing => Vec::new(),
        };
        for expression in values.into_iter().chain(clause.condition.as_mut()) {
            self.rewrite(statement, expression)?;
        }
        Ok(())
    }

    pub(super) fn rewrite(&self, statement: &Statement, expression: &mut ast::Expr) -> Outcome<()> {
        rewrite_expression(expression, &self.payload_columns).map_err(|error| refused(statement, &error))
    }
}

/// The columns of a node under the names that a query gives them.
fn schema_of(graph: &Graph, node: NodeId, names: &[String]) -> Schema {
    let columns = graph.nodes[node].columns.iter().zip(names);
    Schema::new(columns.map(|(column, name)| Field::new(name, column.data_type.clone(), column.nullable)).collect::<Vec<_>>())
}

/// All expressions of a clause.
fn syntax_of(clause: &MergeClause) -> Vec<ast::Expr> {
    let values: Vec<&ast::Expr> = match &clause.action {
        MergeAction::Insert { values, .. } => values.iter().collect(),
        MergeAction::Update(assignments) => assignments.iter().map(|(_, value)| value).collect(),
        MergeAction::Raise(reason) => vec![reason],
        MergeAction::Delete | MergeAction::DoNothing => Vec::new(),
    };
    clause.condition.iter().chain(values).cloned().collect()
}
