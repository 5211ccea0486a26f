//! Window functions: calls with OVER become functions of the window operator.
//!
//! Owns the choice of a window function's form and of its frame. A plan and its lowered input enter, a node leaves.

use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{AggregateFunction, NullTreatment, Sort, WindowFunction, WindowFunctionParams};
use datafusion_expr::{Expr, ExprSchemable, Window as WindowPlan, WindowFunctionDefinition};
use datafusion_expr::{WindowFrame as PlannedFrame, WindowFrameBound, WindowFrameUnits};
use schemas::numeric::Numeric;
use schemas::serving::IndexColumn;
use schemas::window::{FrameBound, FrameDistance, FrameUnit, WindowFrame, WindowKind};

use crate::plan::aggregates::aggregate::lower_call;
use crate::plan::graph::{Graph, NodeColumn, NodeId, WindowCall};
use crate::plan::outputs::{append, append_key, check_nulls_order, identity, node_column};
use crate::plan::scalar::{Scalar, unalias};
use crate::plan::types::{interval_micros, is_interval, type_name};
use crate::plan::wording;

/// Aggregates whose result has an order.
const LISTS: [&str; 4] = ["array_agg", "string_agg", "json_agg", "jsonb_agg"];

/// Columns that a node above will have: those of its input, and what is computed of them.
type Outputs = Vec<(Scalar, NodeColumn)>;

/// Lowers the functions of a window plan over its lowered input, those with equal windows together.
pub fn lower_window(graph: &mut Graph, input: NodeId, plan: &WindowPlan) -> Result<NodeId> {
    let schema = plan.input.schema();
    let width = graph.nodes[input].columns.len();
    let calls = plan.window_expr.iter().map(called).collect::<Result<Vec<_>>>()?;
    let mut places = vec![0; calls.len()];
    let mut node = input;
    let mut done = vec![false; calls.len()];
    for first in 0..calls.len() {
        if done[first] {
            continue;
        }
        let is_same = |at: &usize| has_same_window(&calls[first], &calls[*at]);
        let together: Vec<usize> = (first..calls.len()).filter(is_same).collect();
        let columns = graph.nodes[node].columns.len();
        let fields = together.iter().map(|&at| (&calls[at], plan.schema.field(width + at)));
        node = lower_together(graph, node, schema, &fields.collect::<Vec<_>>())?;
        for (place, at) in together.into_iter().enumerate() {
            (places[at], done[at]) = (columns + place, true);
        }
    }
    let columns = (0..width).chain(places);
    let outputs = columns.map(|column| (Scalar::Column(column), graph.nodes[node].columns[column].clone())).collect();
    graph.map(node, Vec::new(), outputs)
}

/// The call that an expression of a window plan is.
pub fn called(expression: &Expr) -> Result<WindowFunction> {
    match unalias(expression) {
        Expr::WindowFunction(call) => Ok(*call),
        _ => plan_err!("{} is not a window function", wording::sql(expression)),
    }
}

/// Returns true if two calls are over the same partitions in the same order; their frames may differ.
fn has_same_window(one: &WindowFunction, other: &WindowFunction) -> bool {
    one.params.partition_by == other.params.partition_by && one.params.order_by == other.params.order_by
}

/// Appends the results of functions with one window to the columns of a node, of which the first are those of the schema.
fn lower_together(
    graph: &mut Graph,
    node: NodeId,
    schema: &DFSchema,
    calls: &[(&WindowFunction, &arrow_schema::FieldRef)],
) -> Result<NodeId> {
    let width = graph.nodes[node].columns.len();
    let mut outputs = identity(&graph.nodes[node].columns);
    let Some((first, _)) = calls.first() else { return Ok(node) };
    let (partition, order) = window_columns(&mut outputs, schema, &first.params.partition_by, &first.params.order_by)?;
    let mut lowered = Vec::with_capacity(calls.len());
    for (call, field) in calls {
        let column = node_column(&name(call), field.data_type(), field.is_nullable());
        lowered.push((lower_function(&mut outputs, call, schema, &column)?, column));
    }
    let prepared = graph.map(node, Vec::new(), outputs)?;
    let extended = graph.nodes[prepared].columns.len();
    let windowed = graph.window(prepared, partition, order, lowered)?;
    let columns = (0..width).chain(extended..graph.nodes[windowed].columns.len());
    let outputs = columns.map(|column| (Scalar::Column(column), graph.nodes[windowed].columns[column].clone())).collect();
    graph.map(windowed, Vec::new(), outputs)
}

/// The columns of partitions and those of the order within them, appended where they are computed.
pub fn window_columns(
    outputs: &mut Outputs,
    schema: &DFSchema,
    partition: &[Expr],
    order: &[Sort],
) -> Result<(Vec<usize>, Vec<IndexColumn>)> {
    let partition = partition.iter().map(|part| append_key(outputs, part, schema)).collect::<Result<Vec<_>>>()?;
    let mut columns = Vec::with_capacity(order.len());
    // A constant orders nothing; DataFusion adds one to RANGE without ORDER BY.
    for sort in order.iter().filter(|sort| !matches!(unalias(&sort.expr), Expr::Literal(..))) {
        let column = append(outputs, &sort.expr, schema)?;
        check_nulls_order(sort, outputs[column].1.nullable)?;
        columns.push(IndexColumn { column, descending: !sort.asc });
    }
    Ok((partition, columns))
}

/// The call as people write it, without its window.
fn name(call: &WindowFunction) -> String {
    let arguments: Vec<String> = call.params.args.iter().map(wording::sql).collect();
    match (call.fun.name(), &call.params.args[..]) {
        ("count", [Expr::Literal(value, _)]) if !value.is_null() => "count(*)".to_owned(),
        (name, _) => format!("{name}({})", arguments.join(", ")),
    }
}

fn lower_function(outputs: &mut Outputs, call: &WindowFunction, schema: &DFSchema, column: &NodeColumn) -> Result<WindowCall> {
    let WindowFunctionParams { args, order_by, window_frame, filter, null_treatment, distinct, .. } = &call.params;
    let name = call.fun.name();
    if *null_treatment == Some(NullTreatment::IgnoreNulls) {
        return plan_err!("IGNORE NULLS is not supported, as in PostgreSQL: take the rows without NULL in a sub-query first");
    }
    if *distinct {
        return plan_err!("{name}(DISTINCT ...) OVER is not supported, as in PostgreSQL: write DISTINCT in a sub-query first");
    }
    let frame = lower_frame(window_frame, order_by, schema)?;
    if let WindowFunctionDefinition::AggregateUDF(function) = &call.fun {
        // A list is in the order of the window.
        let order = if LISTS.contains(&name) { order_by.clone() } else { Vec::new() };
        let order = order.into_iter().filter(|sort| !matches!(sort.expr, Expr::Literal(..))).collect();
        let aggregate = AggregateFunction::new_udf(function.clone(), args.clone(), false, filter.clone(), order, None);
        let aggregate = lower_call(outputs, &aggregate, schema, column)?;
        let kind = WindowKind::Aggregate(aggregate.kind);
        return Ok(WindowCall { kind, inputs: aggregate.inputs, filter: aggregate.filter, frame });
    }
    if filter.is_some() {
        return plan_err!("FILTER is for aggregates, not for {name}(): write a CASE around its argument");
    }
    let (kind, values) = lower_kind(name, args)?;
    let reads_frame = matches!(kind, WindowKind::FirstValue | WindowKind::LastValue | WindowKind::NthValue { .. });
    // Numbers, ranks and neighbours are those of the partition: whatever frame is written is the same.
    let whole = WindowFrame { unit: FrameUnit::Rows, start: FrameBound::First, end: FrameBound::Last };
    let frame = if reads_frame { frame } else { whole };
    let inputs = values.iter().map(|value| append(outputs, value, schema)).collect::<Result<Vec<_>>>()?;
    // The fields are copied as they are: another type would be read as something else.
    if inputs.iter().any(|input| outputs[*input].1.data_type != column.data_type) {
        return plan_err!("the values of {name}() have different types: cast them to {}", type_name(&column.data_type));
    }
    Ok(WindowCall { kind, inputs, filter: None, frame })
}

/// The kind of a function that is not an aggregate, and the arguments whose values it takes.
fn lower_kind<'e>(name: &str, arguments: &'e [Expr]) -> Result<(WindowKind, Vec<&'e Expr>)> {
    let value = || arguments.first().into_iter().collect();
    Ok(match name {
        "row_number" => (WindowKind::RowNumber, Vec::new()),
        "rank" => (WindowKind::Rank, Vec::new()),
        "dense_rank" => (WindowKind::DenseRank, Vec::new()),
        "percent_rank" => (WindowKind::PercentRank, Vec::new()),
        "cume_dist" => (WindowKind::CumeDist, Vec::new()),
        "ntile" => (WindowKind::Ntile { buckets: positive(name, "number of buckets", arguments.first())? }, Vec::new()),
        "first_value" => (WindowKind::FirstValue, value()),
        "last_value" => (WindowKind::LastValue, value()),
        "nth_value" => (WindowKind::NthValue { place: positive(name, "place", arguments.get(1))? }, value()),
        "lag" | "lead" => {
            let offset = match arguments.get(1) {
                Some(offset) => whole(name, "offset", offset)?,
                None => 1,
            };
            let offset = if name == "lag" { offset.saturating_neg() } else { offset };
            (WindowKind::Neighbour { offset }, arguments.first().into_iter().chain(arguments.get(2)).collect())
        }
        _ => return plan_err!("the window function '{name}' is not supported: docs/FUNCTIONS.md lists those that are"),
    })
}

fn whole(function: &str, what: &str, argument: &Expr) -> Result<i64> {
    // DataFusion casts it to BIGINT.
    let constant = match unalias(argument) {
        Expr::Cast(cast) => unalias(&cast.expr),
        other => other,
    };
    let found = match constant {
        Expr::Literal(value, _) if value.data_type().is_integer() => value.cast_to(&DataType::Int64)?,
        _ => ScalarValue::Null,
    };
    match found {
        ScalarValue::Int64(Some(number)) => Ok(number),
        _ => plan_err!("the {what} of {function}() must be a constant whole number, not {}", wording::sql(argument)),
    }
}

fn positive(function: &str, what: &str, argument: Option<&Expr>) -> Result<i64> {
    let Some(argument) = argument else { return plan_err!("{function}() takes a {what}") };
    match whole(function, what, argument)? {
        number @ 1.. => Ok(number),
        number => plan_err!("the {what} of {function}() must be greater than zero, not {number}"),
    }
}

fn lower_frame(frame: &PlannedFrame, order: &[Sort], schema: &DFSchema) -> Result<WindowFrame> {
    let unit = match frame.units {
        WindowFrameUnits::Rows => FrameUnit::Rows,
        WindowFrameUnits::Range => FrameUnit::Range,
        WindowFrameUnits::Groups => FrameUnit::Groups,
    };
    let ordered_by = order.first().map(|sort| sort.expr.get_type(schema)).transpose()?;
    let bound = |bound: &WindowFrameBound| -> Result<FrameBound> {
        Ok(match bound {
            WindowFrameBound::CurrentRow => FrameBound::Current,
            WindowFrameBound::Preceding(value) if value.is_null() => FrameBound::First,
            WindowFrameBound::Following(value) if value.is_null() => FrameBound::Last,
            WindowFrameBound::Preceding(value) => FrameBound::Preceding(distance(unit, value, ordered_by.as_ref())?),
            WindowFrameBound::Following(value) => FrameBound::Following(distance(unit, value, ordered_by.as_ref())?),
        })
    };
    Ok(WindowFrame { unit, start: bound(&frame.start_bound)?, end: bound(&frame.end_bound)? })
}

/// The distance of a bound. The texts of those of RANGE were checked when the query was typed.
fn distance(unit: FrameUnit, value: &ScalarValue, ordered_by: Option<&DataType>) -> Result<FrameDistance> {
    let found = match (unit, value) {
        (FrameUnit::Rows | FrameUnit::Groups, ScalarValue::UInt64(Some(count))) => return Ok(FrameDistance::Count(*count)),
        (FrameUnit::Range, ScalarValue::Int16(Some(units))) => FrameDistance::Units(i128::from(*units)),
        (FrameUnit::Range, ScalarValue::Int32(Some(units))) => FrameDistance::Units(i128::from(*units)),
        (FrameUnit::Range, ScalarValue::Int64(Some(units))) => FrameDistance::Units(i128::from(*units)),
        (FrameUnit::Range, ScalarValue::Decimal128(Some(units), ..)) => FrameDistance::Units(*units),
        (FrameUnit::Range, ScalarValue::Decimal256(Some(units), ..)) => FrameDistance::Numeric(Numeric::from_wide(*units)),
        (FrameUnit::Range, ScalarValue::Float64(Some(number))) => FrameDistance::Float(*number),
        (FrameUnit::Range, value) if is_interval(&value.data_type()) => match interval_micros(value) {
            Ok(micros) => FrameDistance::Units(i128::from(micros)),
            Err(fault) => return plan_err!("the distance of RANGE: {fault}"),
        },
        _ => {
            let ordered_by = ordered_by.map_or_else(|| "nothing".to_owned(), type_name);
            return plan_err!(
                "RANGE with a distance needs ORDER BY a number or a time, and not {ordered_by}: write ROWS, or order by another column"
            );
        }
    };
    let is_negative = match &found {
        FrameDistance::Count(_) => false,
        FrameDistance::Units(units) => *units < 0,
        FrameDistance::Numeric(number) => number.sign() < 0,
        FrameDistance::Float(number) => number.is_nan() || *number < 0.0,
    };
    if is_negative {
        return plan_err!("the distance of RANGE can't be negative, as {} is", wording::literal(value));
    }
    Ok(found)
}
