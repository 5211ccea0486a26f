//! GROUP BY: aggregate calls become aggregates of the reduce operator.
//!
//! Owns the choice of an exact, retractable form for each aggregate function. A plan and its lowered input enter, a node leaves.
//! Sums of floating-point numbers are exact too, and rounded once.

use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::{Aggregate as AggregatePlan, Expr, ExprSchemable};
use schemas::aggregate::AggregateKind;
use schemas::field::FieldKind;

use super::graph::{Aggregate, Graph, NodeColumn, NodeId};
use super::numbers::kind::NumberKind;
use super::outputs::{append, append_key, check_nulls_order, identity, node_column};
use super::scalar::{Scalar, unalias};
use super::types::{interval_micros, type_name};
use super::{count_join, wording};

/// Lowers an aggregation over a lowered input.
pub fn lower_aggregate(graph: &mut Graph, input: NodeId, plan: &AggregatePlan) -> Result<NodeId> {
    let schema = plan.input.schema();
    let mut outputs = identity(&graph.nodes[input].columns);
    let keys = plan
        .group_expr
        .iter()
        .map(|key| match key {
            Expr::GroupingSet(_) => {
                plan_err!("GROUPING SETS, ROLLUP and CUBE are not supported: UNION ALL one GROUP BY for each")
            }
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

fn lower_call(
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
    let order: Vec<bool> = parameters.order_by.iter().map(|sort| !sort.asc).collect();
    let argument = parameters.args.first();
    let (kind, arguments) = match (call.func.name(), parameters.distinct) {
        ("count", false) if argument.is_none_or(is_constant) => (AggregateKind::CountAll, vec![]),
        ("count", false) => (AggregateKind::Count, first(&parameters.args)),
        ("count", true) => (AggregateKind::CountDistinct, parameters.args.clone()),
        ("sum" | "avg", distinct) => {
            let name = call.func.name();
            let argument = exact(argument, schema, name)?;
            let kind = match (name, is_float(&argument, schema)?) {
                ("sum", true) => AggregateKind::FloatSum,
                ("sum", false) => AggregateKind::Sum { output },
                (_, true) => AggregateKind::FloatAverage,
                (_, false) => AggregateKind::Average { output },
            };
            if distinct { (AggregateKind::OfDistinct(Box::new(kind)), vec![argument]) } else { (kind, vec![argument]) }
        }
        ("min", _) => (AggregateKind::Min, first(&parameters.args)),
        ("max", _) => (AggregateKind::Max, first(&parameters.args)),
        ("bool_and", _) => (AggregateKind::BoolAnd, first(&parameters.args)),
        ("bool_or", _) => (AggregateKind::BoolOr, first(&parameters.args)),
        ("array_agg", distinct) => {
            let FieldKind::List(item) = output else { return plan_err!("array_agg yields a list") };
            (AggregateKind::ArrayAgg { item: *item, order, distinct }, first(&parameters.args))
        }
        ("string_agg", distinct) => {
            let separator = string_constant(parameters.args.get(1))?;
            (AggregateKind::StringAgg { separator, order, distinct }, first(&parameters.args))
        }
        ("decayed_sum", false) => {
            let half_life_micros = half_life(parameters.args.get(2))?;
            (AggregateKind::DecayedSum { half_life_micros }, parameters.args[..2].to_vec())
        }
        (name, true) => return plan_err!("'{name}(DISTINCT ...)' is not supported"),
        (name, false) => {
            return plan_err!(
                "the aggregate '{name}' is not supported: there are count, sum, min, max, avg, bool_and, bool_or, array_agg, string_agg \
                 and decayed_sum"
            );
        }
    };
    let append_argument = if kind == AggregateKind::CountDistinct { append_key } else { append };
    let mut inputs = arguments.iter().map(|argument| append_argument(outputs, argument, schema)).collect::<Result<Vec<_>>>()?;
    if matches!(kind, AggregateKind::ArrayAgg { .. } | AggregateKind::StringAgg { .. }) {
        for sort in &parameters.order_by {
            let column = append(outputs, &sort.expr, schema)?;
            check_nulls_order(sort, outputs[column].1.nullable)?;
            inputs.push(column);
        }
    }
    Ok(Aggregate { kind, inputs, filter })
}

fn first(arguments: &[Expr]) -> Vec<Expr> {
    arguments.iter().take(1).cloned().collect()
}

fn is_constant(expression: &Expr) -> bool {
    matches!(unalias(expression), Expr::Literal(value, _) if !value.is_null())
}

/// The argument of a sum in a type that is added exactly: REAL becomes DOUBLE PRECISION.
fn exact(argument: Option<&Expr>, schema: &DFSchema, name: &str) -> Result<Expr> {
    let Some(argument) = argument else { return plan_err!("'{name}' takes one argument") };
    let argument = unalias(argument);
    let found = argument.get_type(schema)?;
    match NumberKind::of(&found) {
        Some(NumberKind::Float) => argument.cast_to(&DataType::Float64, schema),
        Some(_) => Ok(argument),
        None => plan_err!(
            "{name}() over {} is not supported: cast the argument to NUMERIC(precision, scale) or DOUBLE PRECISION",
            type_name(&found)
        ),
    }
}

fn is_float(argument: &Expr, schema: &DFSchema) -> Result<bool> {
    Ok(argument.get_type(schema)? == DataType::Float64)
}

fn string_constant(argument: Option<&Expr>) -> Result<String> {
    match argument.map(unalias) {
        Some(Expr::Literal(
            ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            _,
        )) => Ok(text),
        _ => plan_err!("the separator of string_agg must be a constant text"),
    }
}

fn half_life(argument: Option<&Expr>) -> Result<i64> {
    let Some(Expr::Literal(value, _)) = argument.map(unalias) else {
        return plan_err!("the half-life of decayed_sum must be a constant such as INTERVAL '6 hours'");
    };
    match interval_micros(&value) {
        Ok(micros) if micros > 0 => Ok(micros),
        Ok(_) => plan_err!("the half-life of decayed_sum must be longer than nothing"),
        Err(error) => plan_err!("the half-life of decayed_sum: {error}"),
    }
}
