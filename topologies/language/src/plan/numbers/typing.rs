//! Types expressions over numbers as PostgreSQL does, before DataFusion's own rules see them.
//!
//! Owns the pass over a plan and over an expression. A plan as the parser left it enters; one leaves in which whole literals are INTEGER,
//! operators over numbers are functions of ours, casts round, and whatever is compared or chosen from has one type.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, DFSchema, ExprSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{AggregateFunction, InList, ScalarFunction};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::logical_plan::Subquery;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{
    Between, BinaryExpr, Case, Cast, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, Operator, Projection, ScalarUDF,
    Union,
};
use datafusion_sql::sqlparser::ast;
use num_bigint::BigInt;
use schemas::numeric::{Numeric, WIDE_DIGITS, WIDE_SCALE};

use super::cast::cast;
use super::functions::{NumberFunction, negation, of_operator};
use super::kind::{EXACT_DIGITS_MAX, NumberKind};
use crate::plan::calls::is_call;
use crate::plan::expansion::check_copy;
use crate::plan::fallible::marked;
use crate::plan::types::type_name;
use crate::plan::{list_functions, wording};

/// Functions whose arguments are of one type, which is that of the result.
const ONE_TYPE: [&str; 4] = ["coalesce", "greatest", "least", "make_array"];

/// Types operators over NUMERIC while a query is planned: DataFusion would refuse some for want of digits.
#[derive(Debug)]
pub struct NumberPlanner;

impl ExprPlanner for NumberPlanner {
    fn plan_binary_op(&self, expression: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let Some(operator) = operator(&expression.op) else { return Ok(PlannerResult::Original(expression)) };
        let (left, right) = (typed_literal(&expression.left)?, typed_literal(&expression.right)?);
        let kinds = (NumberKind::of(&left.get_type(schema)?), NumberKind::of(&right.get_type(schema)?));
        let is_exact = |kind: Option<NumberKind>| matches!(kind, Some(NumberKind::Exact { .. } | NumberKind::Wide));
        if kinds.0.is_none() || kinds.1.is_none() || !(is_exact(kinds.0) || is_exact(kinds.1)) {
            return Ok(PlannerResult::Original(expression));
        }
        let types = (settled_type(&left, schema)?, settled_type(&right, schema)?);
        typed_operator((left, &types.0), operator, (right, &types.1), schema).map(PlannerResult::Planned)
    }
}

/// The type that an expression has once all of it is typed: a choice of INTEGER and BIGINT is INTEGER to DataFusion before that.
fn settled_type(expression: &Expr, schema: &DFSchema) -> Result<DataType> {
    if matches!(expression, Expr::Column(_) | Expr::Literal(..)) {
        return expression.get_type(schema);
    }
    type_expression(expression.clone(), schema)?.get_type(schema)
}

/// The expression, a literal with PostgreSQL's type.
fn typed_literal(expression: &Expr) -> Result<Expr> {
    Ok(match expression {
        Expr::Literal(value, metadata) => Expr::Literal(literal(value.clone())?, metadata.clone()),
        other => other.clone(),
    })
}

/// The operators that are planned early.
fn operator(syntax: &ast::BinaryOperator) -> Option<Operator> {
    Some(match syntax {
        ast::BinaryOperator::Plus => Operator::Plus,
        ast::BinaryOperator::Minus => Operator::Minus,
        ast::BinaryOperator::Multiply => Operator::Multiply,
        ast::BinaryOperator::Divide => Operator::Divide,
        ast::BinaryOperator::Modulo => Operator::Modulo,
        ast::BinaryOperator::Eq => Operator::Eq,
        ast::BinaryOperator::NotEq => Operator::NotEq,
        ast::BinaryOperator::Lt => Operator::Lt,
        ast::BinaryOperator::LtEq => Operator::LtEq,
        ast::BinaryOperator::Gt => Operator::Gt,
        ast::BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// Types every expression of a plan.
pub fn type_plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan_within(plan, &[])
}

/// Types an expression over the columns of a schema.
pub fn type_expression(expression: Expr, schema: &DFSchema) -> Result<Expr> {
    expression_within(expression, schema, &[])
}

/// Types a plan inside of others, whose columns it may refer to.
fn plan_within(plan: LogicalPlan, outer: &[&DFSchema]) -> Result<LogicalPlan> {
    let plan = match plan {
        // The right side of a LATERAL join may refer to columns of the left.
        LogicalPlan::Join(mut join) => {
            join.left = Arc::new(plan_within(Arc::unwrap_or_clone(join.left), outer)?);
            let mut around = outer.to_vec();
            around.push(join.left.schema());
            join.right = Arc::new(plan_within(Arc::unwrap_or_clone(join.right), &around)?);
            LogicalPlan::Join(join)
        }
        plan => plan.map_children(|input| plan_within(input, outer).map(Transformed::yes))?.data,
    };
    let schema = merge_schema(&plan.inputs());
    let plan = match plan {
        LogicalPlan::Join(join) => LogicalPlan::Join(typed_join(join, outer)?),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_) => {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expression| {
                let name = names.save(&expression);
                Ok(Transformed::yes(name.restore(expression_within(expression, &schema, outer)?)))
            })?
            .data
        }
        LogicalPlan::Union(union) => return typed_union(union.inputs),
        LogicalPlan::Values(values) => return typed_values(values.values, outer),
        other => other,
    };
    plan.recompute_schema()
}

/// Rows of VALUES: each cell is typed by itself, and a column has the type that its cells have in common.
fn typed_values(rows: Vec<Vec<Expr>>, outer: &[&DFSchema]) -> Result<LogicalPlan> {
    let schema = DFSchema::empty();
    let width = rows.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<Expr>> = vec![Vec::with_capacity(rows.len()); width];
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(expression_within(cell, &schema, outer)?);
        }
    }
    let columns = columns.into_iter().map(|column| of_one_type(column, &schema)).collect::<Result<Vec<_>>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let mut rows = Vec::new();
    while let Some(row) = columns.iter_mut().map(Iterator::next).collect::<Option<Vec<Expr>>>().filter(|row| !row.is_empty()) {
        rows.push(row);
    }
    LogicalPlanBuilder::values(rows)?.build()
}

/// Columns of numbers that differ get the type that they have in common.
fn typed_union(inputs: Vec<Arc<LogicalPlan>>) -> Result<LogicalPlan> {
    let width = inputs.first().map_or(0, |input| input.schema().fields().len());
    let kinds = |column: usize| {
        let of = |input: &Arc<LogicalPlan>| NumberKind::of(input.schema().fields().get(column)?.data_type());
        inputs.iter().filter_map(of).reduce(NumberKind::common)
    };
    let common: Vec<Option<NumberKind>> = (0..width).map(kinds).collect();
    let inputs = inputs.into_iter().map(|input| with_columns(input, &common)).collect::<Result<Vec<_>>>()?;
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?))
}

fn with_columns(input: Arc<LogicalPlan>, kinds: &[Option<NumberKind>]) -> Result<Arc<LogicalPlan>> {
    let mut is_changed = false;
    let mut columns = Vec::with_capacity(kinds.len());
    for (place, kind) in kinds.iter().enumerate() {
        let (relation, field) = input.schema().qualified_field(place);
        let column = Expr::Column(Column::from((relation, field)));
        columns.push(match kind {
            Some(kind) if NumberKind::of(field.data_type()).is_some_and(|found| found != *kind) => {
                is_changed = true;
                as_type(column, field.data_type(), &kind.data_type())?.alias_qualified(relation.cloned(), field.name())
            }
            _ => column,
        });
    }
    if !is_changed { Ok(input) } else { Ok(Arc::new(LogicalPlan::Projection(Projection::try_new(columns, input)?))) }
}

fn typed_join(mut join: Join, outer: &[&DFSchema]) -> Result<Join> {
    let mut both = join.left.schema().as_ref().clone();
    both.merge(join.right.schema());
    join.filter = join.filter.map(|filter| expression_within(filter, &both, outer)).transpose()?;
    join.on = join
        .on
        .into_iter()
        .map(|(left, right)| {
            let left = expression_within(left, join.left.schema(), outer)?;
            let right = expression_within(right, join.right.schema(), outer)?;
            let types = (left.get_type(join.left.schema())?, right.get_type(join.right.schema())?);
            match (NumberKind::of(&types.0), NumberKind::of(&types.1)) {
                (Some(left_kind), Some(right_kind)) if left_kind != right_kind => {
                    let common = left_kind.common(right_kind).data_type();
                    Ok((as_type(left, &types.0, &common)?, as_type(right, &types.1, &common)?))
                }
                _ => Ok((left, right)),
            }
        })
        .collect::<Result<_>>()?;
    Ok(join)
}

fn expression_within(expression: Expr, schema: &DFSchema, outer: &[&DFSchema]) -> Result<Expr> {
    expression.transform_up(|part| part_within(part, schema, outer).map(Transformed::yes)).data()
}

fn part_within(part: Expr, schema: &DFSchema, outer: &[&DFSchema]) -> Result<Expr> {
    Ok(match part {
        Expr::Literal(value, metadata) => Expr::Literal(literal(value)?, metadata),
        Expr::Negative(inner) => match NumberKind::of(&inner.get_type(schema)?) {
            Some(_) => Expr::ScalarFunction(ScalarFunction::new_udf(negation(), vec![*inner])),
            None => Expr::Negative(inner),
        },
        Expr::BinaryExpr(binary) if binary.op == Operator::Eq && binary.left == binary.right => {
            typed_binary(BinaryExpr { left: Box::new(marked(*binary.left, schema)), ..binary }, schema)?
        }
        Expr::BinaryExpr(binary) => typed_binary(binary, schema)?,
        Expr::IsNull(inner) => Expr::IsNull(Box::new(marked(*inner, schema))),
        Expr::IsNotNull(inner) => Expr::IsNotNull(Box::new(marked(*inner, schema))),
        Expr::IsUnknown(inner) => Expr::IsUnknown(Box::new(marked(*inner, schema))),
        Expr::IsNotUnknown(inner) => Expr::IsNotUnknown(Box::new(marked(*inner, schema))),
        Expr::Between(between) => typed_between(between, schema)?,
        Expr::InList(list) => typed_list(list, schema)?,
        Expr::Case(case) => typed_case(case, schema)?,
        Expr::Cast(inner) => typed_cast(inner, schema)?,
        Expr::TryCast(_) => {
            return plan_err!("TRY_CAST is not PostgreSQL's: write CAST, behind a condition that tells what can be cast");
        }
        Expr::ScalarFunction(call) => typed_call(call, schema)?,
        Expr::AggregateFunction(call) if call.func.name() == "count" => Expr::AggregateFunction(with_wide_literals(call)),
        Expr::OuterReferenceColumn(field, column) => {
            // The type may have changed since the sub-query was planned.
            let found = outer.iter().rev().find_map(|outer| outer.field_from_column(&column).ok());
            let field = found.map_or(field, |found| Arc::new(found.as_ref().clone()));
            Expr::OuterReferenceColumn(field, column)
        }
        Expr::ScalarSubquery(subquery) => Expr::ScalarSubquery(typed_subquery(subquery, schema, outer)?),
        Expr::Exists(mut exists) => {
            exists.subquery = typed_subquery(exists.subquery, schema, outer)?;
            Expr::Exists(exists)
        }
        Expr::InSubquery(mut search) => {
            search.subquery = typed_subquery(search.subquery, schema, outer)?;
            Expr::InSubquery(search)
        }
        Expr::SetComparison(mut comparison) => {
            comparison.subquery = typed_subquery(comparison.subquery, schema, outer)?;
            Expr::SetComparison(comparison)
        }
        other => other,
    })
}

fn typed_subquery(subquery: Subquery, schema: &DFSchema, outer: &[&DFSchema]) -> Result<Subquery> {
    let mut around = outer.to_vec();
    around.push(schema);
    let plan = plan_within(Arc::unwrap_or_clone(subquery.subquery), &around)?;
    let columns = subquery.outer_ref_columns.into_iter().map(|column| part_within(column, schema, &around));
    Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns: columns.collect::<Result<_>>()?, spans: subquery.spans })
}

/// A literal with PostgreSQL's type: INTEGER where it fits, BIGINT, and NUMERIC.
fn literal(value: ScalarValue) -> Result<ScalarValue> {
    Ok(match value {
        ScalarValue::Int64(Some(whole)) if whole >= i64::from(i32::MIN) => match i32::try_from(whole) {
            Ok(narrow) => ScalarValue::Int32(Some(narrow)),
            Err(_) => ScalarValue::Int64(Some(whole)),
        },
        ScalarValue::UInt64(Some(whole)) => narrowest(&Numeric::new(whole, 0))?,
        ScalarValue::Decimal128(Some(units), _, scale) => narrowest(&Numeric::with_signed_scale(units.into(), scale))?,
        ScalarValue::Decimal256(Some(units), _, scale) if scale != WIDE_SCALE => {
            narrowest(&Numeric::with_signed_scale(BigInt::from_signed_bytes_le(&units.to_le_bytes()), scale))?
        }
        other => other,
    })
}

/// The number as a constant of the narrowest NUMERIC.
fn narrowest(number: &Numeric) -> Result<ScalarValue> {
    let scale = number.scale();
    let units = number.units_exactly(scale).and_then(|units| i128::try_from(units).ok());
    let digits = units.map(|units| units.unsigned_abs().to_string().len().max(scale as usize));
    if let (Some(units), Some(digits), Ok(scale)) =
        (units, digits.and_then(|digits| u8::try_from(digits).ok()), i8::try_from(scale))
        && digits <= EXACT_DIGITS_MAX
    {
        return Ok(ScalarValue::Decimal128(Some(units), digits, scale));
    }
    match number.to_wide() {
        Some(units) => Ok(ScalarValue::Decimal256(Some(units), WIDE_DIGITS, WIDE_SCALE)),
        None => {
            plan_err!("the number {number} has too many digits: there are 28 before the point and 48 behind it, or 38 in all")
        }
    }
}

fn typed_binary(binary: BinaryExpr, schema: &DFSchema) -> Result<Expr> {
    let BinaryExpr { left, op, right } = binary;
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    typed_operator((*left, &types.0), op, (*right, &types.1), schema)
}

/// An operator over operands of these types.
fn typed_operator(
    (left, left_type): (Expr, &DataType),
    op: Operator,
    (right, right_type): (Expr, &DataType),
    schema: &DFSchema,
) -> Result<Expr> {
    let kinds = (NumberKind::of(left_type), NumberKind::of(right_type));
    if kinds.0.is_none() && kinds.1.is_none() {
        return Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))));
    }
    // A text that stands for a number is the only operand that changes its type here.
    let (left_text, right_text) = (*left_type == DataType::Utf8, *right_type == DataType::Utf8);
    let (left, right) = with_typed_texts((left, left_type), (right, right_type), op)?;
    let left_type = if left_text { left.get_type(schema)? } else { left_type.clone() };
    let right_type = if right_text { right.get_type(schema)? } else { right_type.clone() };
    let types = (left_type, right_type);
    let kinds = (NumberKind::of(&types.0), NumberKind::of(&types.1));
    let null = |kind: &DataType| *kind == DataType::Null;
    let are_numbers = (kinds.0.is_some() || null(&types.0)) && (kinds.1.is_some() || null(&types.1));
    if are_numbers && let Some(function) = of_operator(op) {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![left, right])));
    }
    let (left, right) = match kinds {
        (Some(left_kind), Some(right_kind)) if left_kind != right_kind && is_comparison(op) => {
            let common = left_kind.common(right_kind).data_type();
            (as_type(left, &types.0, &common)?, as_type(right, &types.1, &common)?)
        }
        _ => (left, right),
    };
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// A constant text beside a number is one: `price > '1.5'`. Any other text is refused, as PostgreSQL does.
fn with_typed_texts(
    (left, left_type): (Expr, &DataType),
    (right, right_type): (Expr, &DataType),
    operator: Operator,
) -> Result<(Expr, Expr)> {
    let typed = |text: Expr, from: &DataType, other: &DataType| {
        if *from != DataType::Utf8 || NumberKind::of(other).is_none() || operator == Operator::StringConcat {
            return Ok(text);
        }
        if !matches!(text, Expr::Literal(_, _)) {
            return plan_err!(
                "{} is TEXT and the other side of '{operator}' is {}: write CAST(... AS {})",
                wording::sql(&text),
                type_name(other),
                type_name(other)
            );
        }
        // An unknown literal takes the type of the other side, but no scale.
        let target = match NumberKind::of(other) {
            Some(NumberKind::Exact { .. }) => NumberKind::Wide.data_type(),
            _ => other.clone(),
        };
        as_type(text, from, &target)
    };
    Ok((typed(left, left_type, right_type)?, typed(right, right_type, left_type)?))
}

fn typed_between(between: Between, schema: &DFSchema) -> Result<Expr> {
    let Between { expr, negated, low, high } = between;
    let types = [expr.get_type(schema)?, low.get_type(schema)?, high.get_type(schema)?];
    let differ = types.iter().any(|kind| *kind != types[0]);
    if !differ || types.iter().all(|kind| NumberKind::of(kind).is_none()) {
        return Ok(Expr::Between(Between { expr, negated, low, high }));
    }
    check_copy(&expr)?;
    // Each bound is compared in the type that it has in common with the value.
    let (first, second, joined) =
        if negated { (Operator::Lt, Operator::Gt, Operator::Or) } else { (Operator::GtEq, Operator::LtEq, Operator::And) };
    let low = typed_binary(BinaryExpr::new(expr.clone(), first, low), schema)?;
    let high = typed_binary(BinaryExpr::new(expr, second, high), schema)?;
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(low), joined, Box::new(high))))
}

fn typed_list(list: InList, schema: &DFSchema) -> Result<Expr> {
    let InList { expr, list, negated } = list;
    let mut all = vec![*expr];
    all.extend(list);
    let mut all = of_one_type(all, schema)?.into_iter();
    match all.next() {
        Some(expr) => {
            let list = constants_first(&expr, all.collect());
            Ok(Expr::InList(InList::new(Box::new(expr), list, negated)))
        }
        None => plan_err!("IN needs a value"),
    }
}

/// The items of a list in the order in which PostgreSQL compares a value with them: two constants or more are one array, which comes before
/// the others, and a constant that is compared with a constant is known before any row.
fn constants_first(value: &Expr, mut list: Vec<Expr>) -> Vec<Expr> {
    let constants = list.iter().filter(|item| !item.any_column_refs()).count();
    if constants > 1 || !value.any_column_refs() {
        // Stable: the others keep their order.
        list.sort_by_key(Expr::any_column_refs);
    }
    list
}

fn typed_case(case: Case, schema: &DFSchema) -> Result<Expr> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (whens, thens): (Vec<Expr>, Vec<Expr>) = when_then_expr.into_iter().map(|(when, then)| (*when, *then)).unzip();
    let (expr, whens) = match expr {
        Some(expr) => {
            let mut all = vec![*expr];
            all.extend(whens);
            let mut all = of_one_type(all, schema)?.into_iter();
            (all.next().map(Box::new), all.collect())
        }
        None => (None, whens),
    };
    let has_else = else_expr.is_some();
    let mut results = of_one_type(thens.into_iter().chain(else_expr.map(|other| *other)).collect(), schema)?;
    let else_expr = if has_else { results.pop().map(Box::new) } else { None };
    let when_then_expr = whens.into_iter().zip(results).map(|(when, then): (Expr, Expr)| (Box::new(when), Box::new(then)));
    Ok(Expr::Case(Case { expr, when_then_expr: when_then_expr.collect(), else_expr }))
}

fn typed_cast(inner: Cast, schema: &DFSchema) -> Result<Expr> {
    let (from, to) = (inner.expr.get_type(schema)?, inner.field.data_type().clone());
    if matches!(to, DataType::Float32 | DataType::Float16) {
        return plan_err!("REAL is not supported: write DOUBLE PRECISION");
    }
    if matches!(to, DataType::List(_)) && matches!(from, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) {
        return plan_err!("a text can't be cast to a list: write ARRAY[...] or string_to_array(text, separator)");
    }
    Ok(match cast(&inner.expr, &from, &to)? {
        Some(expression) => expression,
        None => Expr::Cast(inner),
    })
}

fn typed_call(call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let ScalarFunction { func, args } = call;
    let name = func.name();
    if func.inner().is::<NumberFunction>() {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)));
    }
    if ONE_TYPE.contains(&name) {
        let args = of_one_type(args, schema)?;
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)));
    }
    if name == "nullif"
        && let [value, other] = &args[..]
        && NumberKind::of(&value.get_type(schema)?).is_some()
    {
        check_copy(value)?;
        // NULL where both are equal in their common type, otherwise the value in its own.
        let equality = BinaryExpr::new(Box::new(value.clone()), Operator::Eq, Box::new(other.clone()));
        let null = Expr::Literal(ScalarValue::try_from(&value.get_type(schema)?)?, None);
        let when = vec![(Box::new(typed_binary(equality, schema)?), Box::new(null))];
        return Ok(Expr::Case(Case { expr: None, when_then_expr: when, else_expr: Some(Box::new(value.clone())) }));
    }
    if let Some(function) = list_functions::instead_of(name) {
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args)));
    }
    match name {
        "array_element" => return typed_subscript(func, args),
        "array_slice" => {
            return plan_err!("slices of lists are not supported: write the elements that are wanted, such as ARRAY[a[1], a[2]]");
        }
        _ => {}
    }
    // DataFusion's functions are declared for its literals, ours for those of SQL.
    let is_ours = name.starts_with("cast to ") || is_call(&func);
    let args = if is_call(&func) { as_taken(&func, args, schema)? } else { args };
    let args = args.into_iter().map(|argument| if is_ours { argument } else { widened(argument) }).collect();
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)))
}

/// The arguments in the types of numbers that a function takes: DataFusion's own cast of NUMERIC is not the nearest DOUBLE PRECISION.
fn as_taken(function: &ScalarUDF, args: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let types = args.iter().map(|argument| argument.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let taken = function.coerce_types(&types)?;
    let are_numbers = |from, to| NumberKind::of(from).is_some() && NumberKind::of(to).is_some();
    args.into_iter()
        .zip(types.iter().zip(&taken))
        .map(|(argument, (from, to))| if are_numbers(from, to) { as_type(argument, from, to) } else { Ok(argument) })
        .collect()
}

/// An element of a list. DataFusion counts negative places from the end, where there is nothing.
fn typed_subscript(function: Arc<ScalarUDF>, args: Vec<Expr>) -> Result<Expr> {
    args.get(1).map_or(Ok(()), check_copy)?;
    let place = args.get(1).cloned().map(widened);
    let args: Vec<Expr> = args.into_iter().map(widened).collect();
    let element = Expr::ScalarFunction(ScalarFunction::new_udf(function, args));
    Ok(match place {
        Some(Expr::Literal(ScalarValue::Int64(Some(1..)), _)) | None => element,
        Some(place) => {
            let first = Expr::Literal(ScalarValue::Int64(Some(1)), None);
            let is_inside = Expr::BinaryExpr(BinaryExpr::new(Box::new(place), Operator::GtEq, Box::new(first)));
            Expr::Case(Case { expr: None, when_then_expr: vec![(Box::new(is_inside), Box::new(element))], else_expr: None })
        }
    })
}

/// A whole literal as DataFusion has it.
fn widened(expression: Expr) -> Expr {
    match expression {
        Expr::Literal(ScalarValue::Int32(Some(value)), metadata) => {
            Expr::Literal(ScalarValue::Int64(Some(value.into())), metadata)
        }
        other => other,
    }
}

/// `count(1)`, which `count(*)` becomes, is known by its literal.
fn with_wide_literals(mut call: AggregateFunction) -> AggregateFunction {
    call.params.args = call.params.args.into_iter().map(widened).collect();
    call
}

/// The expressions in the type that all of them have in common, where they are numbers.
fn of_one_type(expressions: Vec<Expr>, schema: &DFSchema) -> Result<Vec<Expr>> {
    let types = expressions.iter().map(|expression| expression.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let Some(common) = types.iter().filter_map(NumberKind::of).reduce(NumberKind::common) else { return Ok(expressions) };
    // A text literal takes the type of the others, but not their scale: it would be rounded.
    let is_text_literal =
        |(expression, kind): (&Expr, &DataType)| matches!((expression, kind), (Expr::Literal(_, _), DataType::Utf8));
    let has_text = expressions.iter().zip(&types).any(is_text_literal);
    let common = match common {
        NumberKind::Exact { .. } if has_text => NumberKind::Wide.data_type(),
        common => common.data_type(),
    };
    expressions
        .into_iter()
        .zip(&types)
        .map(|(expression, from)| match (NumberKind::of(from), from, &expression) {
            (Some(_), _, _) | (None, DataType::Utf8, Expr::Literal(_, _)) => as_type(expression, from, &common),
            _ => Ok(expression),
        })
        .collect()
}

/// The expression as one of a type of numbers.
fn as_type(expression: Expr, from: &DataType, to: &DataType) -> Result<Expr> {
    match cast(&expression, from, to)? {
        Some(expression) => Ok(expression),
        None => plan_err!("{} is {}, which is not a number", wording::sql(&expression), type_name(from)),
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

    use super::*;

    fn field(name: &str, kind: DataType) -> Field {
        Field::new(name, kind, true)
    }

    fn typed(expression: Expr) -> (Expr, DataType) {
        let columns = vec![
            field("small", DataType::Int16),
            field("whole", DataType::Int32),
            field("big", DataType::Int64),
            field("price", DataType::Decimal128(10, 2)),
            field("real", DataType::Float64),
        ];
        let schema = DFSchema::try_from(arrow_schema::Schema::new(columns)).expect("a schema");
        let typed = type_expression(expression, &schema).expect("the expression has a type");
        let kind = typed.get_type(&schema).expect("the expression has a type");
        (typed, kind)
    }

    fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
        Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
    }

    fn column(name: &str) -> Expr {
        Expr::Column(datafusion_common::Column::from_name(name))
    }

    fn number(value: ScalarValue) -> Expr {
        Expr::Literal(value, None)
    }

    #[test]
    fn literals_and_results_have_the_types_of_postgresql() {
        let five = || number(ScalarValue::Int64(Some(5)));
        let half = || number(ScalarValue::Decimal128(Some(15), 2, 1));
        assert_eq!(typed(five()).1, DataType::Int32);
        assert_eq!(typed(number(ScalarValue::Int64(Some(3_000_000_000)))).1, DataType::Int64);
        assert_eq!(typed(number(ScalarValue::Decimal128(Some(5), 1, -3))).1, DataType::Decimal128(4, 0));
        assert_eq!(typed(binary(column("whole"), Operator::Plus, five())).1, DataType::Int32);
        assert_eq!(typed(binary(column("big"), Operator::Plus, five())).1, DataType::Int64);
        assert_eq!(typed(binary(column("price"), Operator::Multiply, half())).1, DataType::Decimal128(12, 3));
        assert_eq!(typed(binary(column("price"), Operator::Divide, five())).1, NumberKind::Wide.data_type());
        assert_eq!(typed(binary(column("real"), Operator::Plus, half())).1, DataType::Float64);
        assert_eq!(typed(binary(column("big"), Operator::Eq, half())).1, DataType::Boolean);
    }

    #[test]
    fn several_constants_of_a_list_come_before_the_others() {
        let list = |items: Vec<Expr>| match typed(Expr::InList(InList::new(Box::new(column("whole")), items, false))).0 {
            Expr::InList(list) => list.list,
            other => panic!("{other} is not a list"),
        };
        let constant = |value: i32| number(ScalarValue::Int32(Some(value)));
        let ordered = [constant(1), constant(2), column("whole")];
        assert_eq!(list(vec![column("whole"), constant(1), constant(2)]), ordered);
        assert_eq!(list(vec![column("whole"), constant(1)]), [column("whole"), constant(1)]);
    }
}
