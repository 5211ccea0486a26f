//! `CREATE VIEW`: a query under a name.
//!
//! A query enters; the nodes that compute it are in the graph of the topology afterwards, and a relation has its name.

use std::sync::Arc;

use arrow_schema::{Field, Schema};
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::{Expr, LogicalPlan};
use datafusion_sql::sqlparser::ast::{self, Spanned as _};
use schemas::row::interval_of;

use super::errors::{Outcome, StatementError, at_name, blamed, fail, refused};
use super::state::Builder;
use crate::diagnostic::Diagnostic;
use crate::expression::check::check_nodes;
use crate::parse::{Name, Statement};
use crate::plan::calls::stride;
use crate::plan::costly_call::span_of_call;
use crate::plan::graph::{Graph, NodeId};
use crate::plan::lower::{Lowering, Scans, check_types};
use crate::plan::messages::message;
use crate::plan::missing_relation::MissingRelation;
use crate::plan::relations_read::relations;
use crate::plan::rewrite::{SessionCall, rewrite_query};
use crate::plan::sql::Relations;
use crate::plan::types::interval_micros;
use crate::plan::using::resolve;
use crate::topology::RelationKind;

impl Builder {
    pub(super) fn create_view(
        &mut self,
        statement: &Statement,
        name: &Name,
        materialized: bool,
        columns: &[Name],
        written: &ast::Query,
    ) -> Outcome<()> {
        let mut query = written.clone();
        let windows = rewrite_query(&mut query, &self.payload_columns).map_err(|error| refused(statement, &error))?;
        for size in &windows.sizes {
            self.check_size(statement, size)?;
        }
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
        if materialized {
            self.topology.graph.refuse_unbounded(node, &format!("the view '{}'", name.text)).map_err(at)?;
        }
        let names = self.column_names(name, columns, plan.schema())?;
        reads.retain(|other| self.relations.contains_key(other));
        let kind = if materialized { RelationKind::MaterializedView } else { RelationKind::View };
        self.insert(&name.text, kind, node, names, reads);
        Ok(())
    }

    /// Refuses windows whose length is no constant, or nothing.
    fn check_size(&self, statement: &Statement, size: &ast::Expr) -> Outcome<()> {
        let refused = |message: String| {
            Box::<StatementError>::from(Diagnostic::new(statement.locate(size.span()), format!("the size of TUMBLE: {message}")))
        };
        match self.sql.plan_expression(size.clone(), &[]).map_err(|error| refused(message(&error).0))? {
            Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => {
                stride(&interval_of(interval)).map(|_| ()).map_err(|fault| refused(fault.to_string()))
            }
            _ => Err(refused(format!("'{size}' is not a constant interval"))),
        }
    }

    fn column_names(&self, view: &Name, given: &[Name], schema: &datafusion_common::DFSchema) -> Outcome<Vec<String>> {
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
fn plan_view((sql, scans): (&Relations, &Scans), graph: &mut Graph, query: ast::Query) -> Result<(LogicalPlan, NodeId)> {
    let plan = sql.plan_query(query)?;
    let added = graph.nodes.len();
    let node = Lowering::new(graph, scans).query(&plan)?;
    check_types(graph, node)?;
    check_nodes(graph, added)?;
    Ok((plan, node))
}
