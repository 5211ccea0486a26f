//! `CREATE VIEW`: a query under a name.
//!
//! A query enters; the nodes that compute it are in the graph of the topology afterwards, and a relation has its name.

use std::sync::Arc;

use arrow_schema::{Field, Schema};
use datafusion_common::{Result, plan_err};
use datafusion_expr::{Expr, LogicalPlan};
use datafusion_sql::sqlparser::ast;

use super::errors::{Outcome, StatementError, at_name, blamed, fail, refused};
use super::state::Builder;
use super::table::retention_rule;
use crate::diagnostic::Diagnostic;
use crate::expression::check::check_nodes;
use crate::parse::{Name, Retention, Statement};
use crate::plan::errors::costly_call::span_of_call;
use crate::plan::errors::messages::message;
use crate::plan::errors::missing_relation::MissingRelation;
use crate::plan::graph::{Graph, NodeColumn, NodeId};
use crate::plan::lower::{Lowering, Scans, check_types};
use crate::plan::sql::Relations;
use crate::plan::syntax::relations_read::relations;
use crate::plan::syntax::rewrite::{SessionCall, Windows, rewrite_query};
use crate::plan::syntax::using::resolve;
use crate::plan::types::interval_micros;
use crate::topology::{RelationKind, RetentionRule};

impl Builder {
    pub(super) fn create_view(
        &mut self,
        statement: &Statement,
        name: &Name,
        (materialized, retention): (bool, Option<&Retention>),
        columns: &[Name],
        written: &ast::Query,
    ) -> Outcome<()> {
        let mut query = written.clone();
        let windows = rewrite_query(&mut query, &self.payload_columns).map_err(|error| refused(statement, &error))?;
        self.check_windows(statement, &windows)?;
        let at = |error| {
            let mut placed = at_name(statement, name, &error);
            if let Some(span) = span_of_call(written, &error) {
                placed.diagnostic.location = statement.locate(span);
            }
            placed
        };
        let mut reads = relations(&query);
        for session in windows.sessions {
            reads.insert(session.relation.clone());
            self.add_session(&session).map_err(at)?;
        }
        let known =
            |name: &str| self.sql.schema(name).map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect());
        resolve(&mut query, &known).map_err(|error| refused(statement, &error))?;
        // Nodes of a query that fails must not stay: a second attempt would find them and take them for tried.
        let attempt = |query| {
            let mut graph = self.topology.graph.clone();
            let (plan, node) = plan_view((&self.sql, &self.scans), &mut graph, query)?;
            Ok((graph, plan, node))
        };
        let (graph, plan, node) = attempt(query.clone()).map_err(|error| match span_of_call(written, &error) {
            Some(_) => at(error),
            None => blamed(statement, &query, &error, |query| attempt(query).map(|_| ()), &name.location),
        })?;
        self.topology.graph = graph;
        let names = self.column_names(name, columns, plan.schema())?;
        let node = match retention {
            Some(retention) => self.retained_view(node, &names, retention)?.map_err(at)?,
            None => node,
        };
        if materialized {
            self.topology.graph.refuse_unbounded(node, &format!("the view '{}'", name.text)).map_err(at)?;
        }
        reads.retain(|other| self.relations.contains_key(other));
        let kind = if materialized { RelationKind::MaterializedView } else { RelationKind::View };
        self.insert(&name.text, kind, node, names, reads);
        Ok(())
    }

    /// The rows of a view that are younger than its retention.
    fn retained_view(&mut self, node: NodeId, names: &[String], retention: &Retention) -> Outcome<Result<NodeId>> {
        let columns = self.topology.graph.nodes[node].columns.iter().zip(names);
        let named: Vec<NodeColumn> = columns.map(|(column, name)| NodeColumn { name: name.clone(), ..column.clone() }).collect();
        let RetentionRule { column, micros } = retention_rule(retention, &named)?;
        Ok(self.retain(node, names, (&names[column], micros)))
    }

    /// Refuses windows with a length that is no constant, or nothing, and those that a row would be in too many of.
    pub(super) fn check_windows(&self, statement: &Statement, windows: &Windows) -> Outcome<()> {
        let constant = |length: &ast::Expr| match self.sql.plan_expression(length.clone(), &[]) {
            Ok(Expr::Literal(value, _)) => Ok(value),
            Ok(_) => Err(format!("'{length}' is not a constant interval")),
            Err(error) => Err(message(&error).0),
        };
        for fixed in &windows.fixed {
            fixed
                .check(&constant)
                .map_err(|error| Box::<StatementError>::from(Diagnostic::new(statement.locate(error.span), error.message)))?;
        }
        Ok(())
    }

    pub(super) fn column_names(&self, view: &Name, given: &[Name], schema: &datafusion_common::DFSchema) -> Outcome<Vec<String>> {
        let fields = schema.fields();
        if given.len() > fields.len() {
            return fail(
                &given[fields.len()],
                format!("the query of '{}' has only {} columns", view.text, fields.len()),
                "name fewer columns",
            );
        }
        let mut names: Vec<String> = fields
            .iter()
            .map(|field| match field.name().rsplit_once('.') {
                Some((_, last)) if self.payload_columns.contains(field.name()) => last.to_owned(),
                _ => field.name().clone(),
            })
            .collect();
        for (name, given) in names.iter_mut().zip(given) {
            name.clone_from(&given.text);
        }
        for (place, name) in names.iter().enumerate() {
            if names[..place].contains(name) {
                return fail(view, format!("view '{}' has two columns named '{name}'", view.text), "name them apart with AS");
            }
        }
        Ok(names)
    }

    /// Makes the sessions that a query reads known. The same sessions are the same node; those of a relation that was dropped and created
    /// again take the place of the old ones.
    fn add_session(&mut self, call: &SessionCall) -> Result<()> {
        let (Some(&node), Some(schema)) = (self.scans.get(&call.relation), self.sql.schema(&call.relation)) else {
            return Err(MissingRelation { relation: call.relation.clone(), suggestion: None }.into());
        };
        let column = |name: &String| match schema.index_of(name) {
            Ok(index) => Ok(index),
            Err(_) => plan_err!("'{}' has no column '{name}'", call.relation),
        };
        let time = column(&call.time)?;
        let partition = call.partition.iter().map(column).collect::<Result<Vec<_>>>()?;
        let columns = &self.topology.graph.nodes[node].columns;
        if columns[time].data_type != crate::plan::types::timestamp_type() || columns[time].nullable {
            return plan_err!("SESSION needs a TIMESTAMPTZ column that is NOT NULL: '{}' is not", call.time);
        }
        let gap = match self.sql.plan_expression(call.gap.clone(), &[])? {
            Expr::Literal(value, _) => interval_micros(&value),
            other => return plan_err!("the gap of SESSION: '{other}' is not a constant interval"),
        };
        let gap = match gap {
            Ok(gap) if gap > 0 => gap,
            Ok(_) => return plan_err!("the gap of SESSION must be longer than nothing"),
            Err(fault) => return plan_err!("the gap of SESSION: {fault}"),
        };
        let node = self.topology.graph.session(node, partition, time, gap)?;
        let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        let appended = &self.topology.graph.nodes[node].columns[fields.len()..];
        fields.extend(appended.iter().map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable)));
        self.sql.add(&call.name, Arc::new(Schema::new(fields)));
        self.scans.insert(call.name.clone(), node);
        Ok(())
    }
}

/// Plans a query and tries its expressions; returns the plan and the node of its rows.
pub(super) fn plan_view((sql, scans): (&Relations, &Scans), graph: &mut Graph, query: ast::Query) -> Result<(LogicalPlan, NodeId)> {
    let plan = sql.plan_query(query)?;
    let added = graph.nodes.len();
    let node = Lowering::new(graph, scans).query(&plan)?;
    check_types(graph, node)?;
    check_nodes(graph, added)?;
    Ok((plan, node))
}
