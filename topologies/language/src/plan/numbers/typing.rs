//! Types expressions over numbers as PostgreSQL does, before DataFusion's own rules see them.
//!
//! Owns the pass over a plan and over an expression. A plan as the parser left it enters; one leaves in which whole literals are INTEGER,
//! operators over numbers are functions of ours, casts round, and whatever is compared or chosen from has one type.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, DFSchema, ExprSchema, Result, plan_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::logical_plan::Subquery;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Union};
use datafusion_sql::sqlparser::ast;

use super::functions::negation;
use super::kind::NumberKind;
use super::literals::{literal, typed_literal, with_wide_literals};
use super::typed_parts::{
    as_type, of_one_type, typed_between, typed_binary, typed_call, typed_case, typed_cast, typed_list, typed_operator,
};
use super::typed_windows::typed_window;
use crate::plan::aggregates::grouping;
use crate::plan::fallible::marked;
use crate::plan::jsonb;
use crate::plan::types::is_json;

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
pub fn settled_type(expression: &Expr, schema: &DFSchema) -> Result<DataType> {
    if matches!(expression, Expr::Column(_) | Expr::Literal(..)) {
        return expression.get_type(schema);
    }
    type_expression(expression.clone(), schema)?.get_type(schema)
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
    if let LogicalPlan::Sort(sort) = &plan {
        jsonb::check_order(&sort.expr, &schema)?;
    }
    let plan = match plan {
        LogicalPlan::Aggregate(aggregate) if grouping::has_sets(&aggregate) => {
            let names = NamePreserver::new_for_projection();
            let typed = |expression: Expr| {
                let name = names.save(&expression);
                Ok(name.restore(expression_within(expression, &schema, outer)?))
            };
            return grouping::expanded(&aggregate, &typed);
        }
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
    for column in 0..width {
        let types = inputs.iter().filter_map(|input| Some(input.schema().fields().get(column)?.data_type()));
        jsonb::check_columns("a column of UNION, EXCEPT or INTERSECT", &types.collect::<Vec<_>>())?;
    }
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
            if is_json(&types.0) || is_json(&types.1) {
                return Ok((jsonb::comparable(left, &types.0)?, jsonb::comparable(right, &types.1)?));
            }
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
        Expr::Like(pattern) => {
            jsonb::check_pattern(&pattern, schema)?;
            Expr::Like(pattern)
        }
        Expr::Between(between) => typed_between(between, schema)?,
        Expr::InList(list) => typed_list(list, schema)?,
        Expr::Case(case) => typed_case(case, schema)?,
        Expr::Cast(inner) => typed_cast(inner, schema)?,
        Expr::TryCast(_) => {
            return plan_err!("TRY_CAST is not PostgreSQL's: write CAST, behind a condition that tells what can be cast");
        }
        Expr::ScalarFunction(call) => typed_call(call, schema)?,
        Expr::AggregateFunction(call) => {
            let types: Vec<DataType> = call.params.args.iter().filter_map(|argument| argument.get_type(schema).ok()).collect();
            jsonb::check_aggregate(call.func.name(), &types)?;
            jsonb::check_order(&call.params.order_by, schema)?;
            Expr::AggregateFunction(if call.func.name() == "count" { with_wide_literals(call) } else { call })
        }
        Expr::WindowFunction(call) => {
            jsonb::check_order(&call.params.order_by, schema)?;
            Expr::WindowFunction(Box::new(typed_window(*call, schema)?))
        }
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
            let found = search.subquery.subquery.schema().fields().iter().map(|field| field.data_type());
            jsonb::check_columns("IN", &found.chain([&search.expr.get_type(schema)?]).collect::<Vec<_>>())?;
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

#[cfg(test)]
mod tests {
    use arrow_schema::Field;
    use datafusion_common::ScalarValue;

    use super::*;

    fn field(name: &str, kind: DataType) -> Field {
        Field::new(name, kind, true)
    }

    fn type_of(expression: Expr) -> DataType {
        let columns = vec![
            field("small", DataType::Int16),
            field("whole", DataType::Int32),
            field("big", DataType::Int64),
            field("price", DataType::Decimal128(10, 2)),
            field("real", DataType::Float64),
        ];
        let schema = DFSchema::try_from(arrow_schema::Schema::new(columns)).expect("a schema");
        let typed = type_expression(expression, &schema).expect("the expression has a type");
        typed.get_type(&schema).expect("the expression has a type")
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
        assert_eq!(type_of(five()), DataType::Int32);
        assert_eq!(type_of(number(ScalarValue::Int64(Some(3_000_000_000)))), DataType::Int64);
        assert_eq!(type_of(number(ScalarValue::Decimal128(Some(5), 1, -3))), DataType::Decimal128(4, 0));
        assert_eq!(type_of(binary(column("whole"), Operator::Plus, five())), DataType::Int32);
        assert_eq!(type_of(binary(column("big"), Operator::Plus, five())), DataType::Int64);
        assert_eq!(type_of(binary(column("price"), Operator::Multiply, half())), DataType::Decimal128(12, 3));
        assert_eq!(type_of(binary(column("price"), Operator::Divide, five())), NumberKind::Wide.data_type());
        assert_eq!(type_of(binary(column("real"), Operator::Plus, half())), DataType::Float64);
        assert_eq!(type_of(binary(column("big"), Operator::Eq, half())), DataType::Boolean);
    }
}
