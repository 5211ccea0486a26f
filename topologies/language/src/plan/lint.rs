//! Expressions that a view or a MERGE may not contain, because they could not be kept current or recomputed the same.
//!
//! Owns the refusals: answers that differ from call to call, the wall clock outside of a filter, constants that rows do not hold, and
//! sub-queries that no join stands for. A plan or an expression enters; an error that names the culprit and says what to write instead leaves.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_schema::{DataType, TimeUnit};
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DataFusionError, Result, ScalarValue, plan_err};
use datafusion_expr::{Expr, Volatility};

use super::calls::{Fault, check_time};
use super::errors::unusable::Unusable;
use super::limits::bounded::VALUE_BYTES_MAX;
use super::limits::sizes::{is_of_any_size, slice_bytes};

/// Refuses what can't be evaluated row by row, once and for all.
pub fn check(expression: &Expr) -> Result<()> {
    expression
        .apply(|part| match part {
            Expr::Literal(value, _) => check_literal(value).map(|()| TreeNodeRecursion::Continue),
            Expr::ScalarFunction(call) => {
                super::limits::bounded::check_constant(call)?;
                check_call(call.name(), call.func.signature().volatility)
            }
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => plan_err!(
                "a sub-query here can't be turned into a join: relate it to the outer query by plain equalities of columns, such as \
                 s.post_id = p.post_id, or write a JOIN"
            ),
            Expr::OuterReferenceColumn(_, column) => plan_err!(
                "the sub-query can't refer to '{column}' here: relate it to the outer query by plain equalities of columns in its WHERE"
            ),
            _ => Ok(TreeNodeRecursion::Continue),
        })
        .map(|_| ())
}

/// Refuses a constant that rows do not hold. The optimiser computes constants without the checks of rows.
///
/// # Errors
/// It is a time that the calendar does not reach, or larger than a value may be.
pub fn check_literal(value: &ScalarValue) -> Result<()> {
    let values = value.to_array()?;
    let refused = |reason: String| DataFusionError::from(Unusable { function: None, reason });
    check_times(values.as_ref()).map_err(|fault| refused(format!("this can't be computed for any row: {fault}")))?;
    let bytes = if is_of_any_size(values.data_type()) { slice_bytes(values.as_ref(), 0, 1) } else { 0 };
    if bytes > VALUE_BYTES_MAX {
        return Err(refused(format!("the value has {bytes} bytes, and a value has at most {VALUE_BYTES_MAX}")));
    }
    Ok(())
}

/// Fails if the calendar does not reach one of the times, or of those in a list.
fn check_times(values: &dyn Array) -> Result<(), Fault> {
    match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values.as_primitive::<TimestampMicrosecondType>().iter().flatten().try_for_each(check_time)
        }
        DataType::List(_) => values.as_list::<i32>().iter().flatten().try_for_each(|items| check_times(items.as_ref())),
        _ => Ok(()),
    }
}

fn check_call(name: &str, volatility: Volatility) -> Result<TreeNodeRecursion> {
    match (name, volatility) {
        ("now", _) => plan_err!(
            "NOW() can only be compared with a time in WHERE, such as created_at > NOW() - INTERVAL '1 hour': elsewhere every row would \
             change as time passes"
        ),
        (_, Volatility::Immutable) => Ok(TreeNodeRecursion::Continue),
        (_, Volatility::Stable) => plan_err!(
            "'{name}' gives another answer as time passes, so no row could be kept: compare a time with NOW() in WHERE instead"
        ),
        (_, Volatility::Volatile) => plan_err!(
            "'{name}' gives another answer each time, so nothing could be retracted or replayed: derive the value from the event, such as \
             from its event_id"
        ),
    }
}
