//! GROUP BY: aggregate calls become aggregates of the reduce operator.
//!
//! Owns the node of a plan's groups. A plan and its lowered input enter, a node leaves; the exact, retractable form of each function is chosen in
//! [`super::kinds`].

use datafusion_common::{DFSchema, Result, plan_err};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::{Aggregate as AggregatePlan, Expr};
use schemas::aggregate::AggregateKind;
use schemas::field::FieldKind;

use super::kinds::{Choice, choose};
use crate::plan::graph::{Aggregate, Graph, NodeColumn, NodeId};
use crate::plan::outputs::{append, append_key, check_nulls_order, identity, node_column};
use crate::plan::scalar::{Scalar, unalias};
use crate::plan::types::type_name;
use crate::plan::{count_join, wording};

/// Lowers an aggregation over a lowered input.
pub fn lower_aggregate(graph: &mut Graph, input: NodeId, plan: &AggregatePlan) -> Result<NodeId> {
    let schema = plan.input.schema();
    let mut outputs = identity(&graph.nodes[input].columns);
    let keys = plan
        .group_expr
        .iter()
        .map(|key| match key {
            Expr::GroupingSet(_) => plan_err!("GROUPING SETS, ROLLUP and CUBE were not made a GROUP BY for each set of keys"),
            key => append_key(&mut outputs, key, schema),
        })
        .collect::<Result<Vec<_>>>()?;
    let mut aggregates = Vec::with_capacity(plan.aggr_expr.len());
    for (expression, field) in plan.aggr_expr.iter().zip(&plan.schema.fields()[plan.group_expr.len()..]) {
        let Expr::AggregateFunction(call) = unalias(expression) else {
            return plan_err!("{} is not an aggregate", wording::sql(expression));
        };
        let column = node_column(&wording::sql(&unalias(expression)), field.data_type(), field.is_nullable());
        aggregates.push((lower_call(&mut outputs, &call, schema, &column)?, column));
    }
    let names: Vec<NodeColumn> = plan.schema.fields()[..keys.len()]
        .iter()
        .map(|field| node_column(field.name(), field.data_type(), field.is_nullable()))
        .collect();
    let prepared = graph.map(input, Vec::new(), outputs)?;
    if aggregates.is_empty() {
        let outputs = keys.iter().copied().map(Scalar::Column).zip(names).collect();
        let groups = graph.map(prepared, Vec::new(), outputs)?;
        return graph.distinct(groups);
    }
    let global = plan.group_expr.is_empty();
    let Some((counted, keys, sums)) = count_join::rewrite(graph, prepared, &keys, &aggregates)? else {
        return graph.reduce(prepared, keys, aggregates, global);
    };
    let sums = graph.reduce(counted, keys, sums, global)?;
    if global { count_join::zero_for_null(graph, sums) } else { Ok(sums) }
}

/// Chooses the form of a call over a group, or over a frame, and appends its arguments.
pub(in crate::plan) fn lower_call(
    outputs: &mut Vec<(Scalar, NodeColumn)>,
    call: &AggregateFunction,
    schema: &DFSchema,
    column: &NodeColumn,
) -> Result<Aggregate> {
    let parameters = &call.params;
    let Some(output) = FieldKind::of(&column.data_type) else {
        return plan_err!(
            "the result of '{}' has type {}, which rows can't hold",
            call.func.name(),
            type_name(&column.data_type)
        );
    };
    let filter = parameters.filter.as_ref().map(|filter| append(outputs, filter, schema)).transpose()?;
    let Choice { kind, arguments, order } = choose(call, output, schema)?;
    let append_argument = if kind == AggregateKind::CountDistinct { append_key } else { append };
    let mut inputs = arguments.iter().map(|argument| append_argument(outputs, argument, schema)).collect::<Result<Vec<_>>>()?;
    for sort in &order {
        let column = append(outputs, &sort.expr, schema)?;
        check_nulls_order(sort, outputs[column].1.nullable)?;
        inputs.push(column);
    }
    Ok(Aggregate { kind, inputs, filter })
}
