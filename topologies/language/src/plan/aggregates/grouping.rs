//! GROUPING SETS, ROLLUP and CUBE: a GROUP BY for each set of keys, one behind the other.
//!
//! Owns one rewrite of a plan while it is typed. Keys that are not in a set are NULL in its rows, and `GROUPING` tells them from keys that are
//! NULL by themselves. The empty set has one row, also over no rows at all.

use std::sync::Arc;

use datafusion_common::tree_node::TreeNodeRecursion;
use datafusion_common::{Column, Result, ScalarValue, plan_err};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::utils::grouping_set_to_exprlist;
use datafusion_expr::{Aggregate, Expr, ExprSchemable, GroupingSet, LogicalPlan, LogicalPlanBuilder, Projection, Union, lit};
use datafusion_functions_aggregate::count::count;

use crate::plan::limits::expansion::QUERY_OPERATORS_MAX;
use crate::plan::wording;

/// The most sets of keys of one GROUP BY: CUBE over six keys.
pub const GROUPING_SETS_MAX: usize = 64;

/// The most arguments of GROUPING, which are the bits of an INTEGER.
const GROUPING_ARGUMENTS_MAX: usize = 31;

/// Types an expression over the input of the aggregate, and keeps its name.
type Typed<'a> = &'a dyn Fn(Expr) -> Result<Expr>;

/// Returns true if an aggregate has sets of keys, or asks which there are.
pub fn has_sets(aggregate: &Aggregate) -> bool {
    matches!(aggregate.group_expr[..], [Expr::GroupingSet(_)]) || aggregate.aggr_expr.iter().any(|call| grouping(call).is_some())
}

/// The call of GROUPING that an expression is.
fn grouping(expression: &Expr) -> Option<&AggregateFunction> {
    match expression {
        Expr::Alias(alias) => grouping(&alias.expr),
        Expr::AggregateFunction(call) if call.func.name() == "grouping" => Some(call),
        _ => None,
    }
}

/// The rows of all sets, under the columns of the aggregate. Its input is typed, its expressions are not.
pub fn expanded(aggregate: &Aggregate, typed: Typed<'_>) -> Result<LogicalPlan> {
    let keys: Vec<Expr> = grouping_set_to_exprlist(&aggregate.group_expr)?.into_iter().cloned().collect();
    let sets = sets_of(&aggregate.group_expr)?;
    check_size(&aggregate.input, sets.len())?;
    let mut branches = Vec::with_capacity(sets.len());
    for set in &sets {
        branches.push(Arc::new(branch(aggregate, &keys, set, typed)?));
    }
    let rows = match (branches.pop(), branches.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            branches.push(last);
            Arc::new(LogicalPlan::Union(Union::try_new_with_loose_types(branches)?))
        }
        (None, _) => return plan_err!("GROUPING SETS needs a set: write () for one row of all rows"),
    };
    let (first, skipped) = (keys.len(), usize::from(matches!(aggregate.group_expr[..], [Expr::GroupingSet(_)])));
    let places = (0..first).chain(first + skipped..aggregate.schema.fields().len());
    let columns = places.enumerate().map(|(place, named)| {
        let (relation, field) = aggregate.schema.qualified_field(named);
        Expr::Column(Column::from(rows.schema().qualified_field(place))).alias_qualified(relation.cloned(), field.name())
    });
    Projection::try_new(columns.collect(), Arc::clone(&rows)).map(LogicalPlan::Projection)
}

/// The sets of keys, in the order in which they are written.
fn sets_of(group: &[Expr]) -> Result<Vec<Vec<Expr>>> {
    let sets = match group {
        [Expr::GroupingSet(GroupingSet::Rollup(keys))] => (0..=keys.len()).rev().map(|count| keys[..count].to_vec()).collect(),
        [Expr::GroupingSet(GroupingSet::Cube(keys))] => {
            let sets = u32::try_from(keys.len()).ok().and_then(|keys| 1_usize.checked_shl(keys)).unwrap_or(usize::MAX);
            check_sets(sets)?;
            let has = |set: usize, place: usize| set & (1 << place) != 0;
            let of = |set: usize| keys.iter().enumerate().filter(|(place, _)| has(set, *place)).map(|(_, key)| key.clone()).collect();
            (0..sets).rev().map(of).collect()
        }
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.clone(),
        keys => vec![keys.to_vec()],
    };
    check_sets(sets.len())?;
    Ok(sets)
}

fn check_sets(sets: usize) -> Result<()> {
    if sets > GROUPING_SETS_MAX {
        return plan_err!("GROUPING SETS, ROLLUP and CUBE make at most {GROUPING_SETS_MAX} sets of keys: name those that are read");
    }
    Ok(())
}

/// Each set reads the input again, so the plan grows with them.
fn check_size(input: &LogicalPlan, sets: usize) -> Result<()> {
    let mut operators = 0_u64;
    input.apply_with_subqueries(|_| {
        operators += sets as u64;
        Ok(if operators > QUERY_OPERATORS_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if operators > QUERY_OPERATORS_MAX {
        return plan_err!("GROUPING SETS would read more than {QUERY_OPERATORS_MAX} operators: name fewer sets, or put the query in a view");
    }
    Ok(())
}

/// The rows of one set: all keys, of which those that are not in it are NULL, and all aggregates, under numbered names.
fn branch(aggregate: &Aggregate, keys: &[Expr], set: &[Expr], typed: Typed<'_>) -> Result<LogicalPlan> {
    let mut own: Vec<&Expr> = Vec::new();
    set.iter().for_each(|key| if !own.contains(&key) { own.push(key) });
    let group = own.iter().map(|key| typed((*key).clone())).collect::<Result<Vec<_>>>()?;
    let calls = aggregate.aggr_expr.iter().filter(|call| grouping(call).is_none());
    let mut calls = calls.map(|call| typed(call.clone())).collect::<Result<Vec<_>>>()?;
    if group.is_empty() && calls.is_empty() {
        calls.push(count(lit(1_i64)).alias("rows of the group"));
    }
    let groups = Aggregate::try_new(Arc::clone(&aggregate.input), group, calls)?;
    let schema = Arc::clone(&groups.schema);
    let column = |place: usize| Expr::Column(Column::from(schema.qualified_field(place)));
    let mut columns = Vec::with_capacity(keys.len() + aggregate.aggr_expr.len());
    for key in keys {
        columns.push(match own.iter().position(|other| *other == key) {
            Some(place) => column(place),
            None => {
                let data_type = typed(key.clone())?.get_type(aggregate.input.schema())?;
                Expr::Literal(ScalarValue::try_from(&data_type)?, None)
            }
        });
    }
    let mut computed = own.len();
    for call in &aggregate.aggr_expr {
        if let Some(call) = grouping(call) {
            columns.push(lit(missing(call, keys, &own)?));
            continue;
        }
        columns.push(column(computed));
        computed += 1;
    }
    let named = columns.into_iter().enumerate().map(|(place, column)| column.alias(format!("grouped {place}")));
    LogicalPlanBuilder::from(LogicalPlan::Aggregate(groups)).project(named.collect::<Vec<_>>())?.build()
}

/// The answer of GROUPING: a bit for each argument, the last one the least, which is set when the key is not in the set.
fn missing(call: &AggregateFunction, keys: &[Expr], set: &[&Expr]) -> Result<i32> {
    if call.params.args.len() > GROUPING_ARGUMENTS_MAX {
        return plan_err!("GROUPING takes at most {GROUPING_ARGUMENTS_MAX} keys");
    }
    let mut bits = 0;
    for argument in &call.params.args {
        if !keys.contains(argument) {
            return plan_err!("GROUPING({0}): {0} is no key of the GROUP BY", wording::sql(argument));
        }
        bits = bits << 1 | i32::from(!set.contains(&argument));
    }
    Ok(bits)
}
