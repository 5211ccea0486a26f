//! Window functions in PostgreSQL's types: the default of `lag` and `lead`, and the distances of RANGE.
//!
//! A call enters whose arguments and order are typed already; it leaves with its values in one type. The distances are texts until DataFusion
//! gives them the type of the order: what would be rounded then, or taken for no bound at all, is refused here.

use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::WindowFunction;
use datafusion_expr::{Expr, ExprSchemable, WindowFrameBound, WindowFrameUnits};
use schemas::numeric::Numeric;

use super::kind::NumberKind;
use super::literals::widened;
use super::typed_parts::of_one_type;
use crate::plan::types::{interval_type, is_timestamp, type_name};

/// The call with its values in one type.
pub(super) fn typed_window(mut call: WindowFunction, schema: &DFSchema) -> Result<WindowFunction> {
    check_frame(&call, schema)?;
    let args = std::mem::take(&mut call.params.args);
    call.params.args = match call.fun.name() {
        "lag" | "lead" if args.len() == 3 => {
            let mut parts = args.into_iter();
            let (Some(value), Some(offset), Some(default)) = (parts.next(), parts.next(), parts.next()) else {
                return plan_err!("lag and lead take (value, offset, default)");
            };
            let mut values = of_one_type(vec![value, default], schema)?.into_iter();
            let (Some(value), Some(default)) = (values.next(), values.next()) else {
                return plan_err!("lag and lead take (value, offset, default)");
            };
            check_default(&value, &default, schema)?;
            vec![value, offset, default]
        }
        "count" => args.into_iter().map(widened).collect(),
        _ => args,
    };
    Ok(call)
}

/// Refuses a default that would be cast to something else. NULL and a text in quotes take the type of the value.
fn check_default(value: &Expr, default: &Expr, schema: &DFSchema) -> Result<()> {
    let types = (value.get_type(schema)?, default.get_type(schema)?);
    let is_untyped = types.1 == DataType::Null || (types.1 == DataType::Utf8 && matches!(default, Expr::Literal(..)));
    if types.0 == types.1 || is_untyped {
        return Ok(());
    }
    plan_err!("the value is {} and the default {}: cast one of them", type_name(&types.0), type_name(&types.1))
}

fn check_frame(call: &WindowFunction, schema: &DFSchema) -> Result<()> {
    let frame = &call.params.window_frame;
    let (WindowFrameUnits::Range, Some(sort)) = (frame.units, call.params.order_by.first()) else { return Ok(()) };
    let ordered_by = sort.expr.get_type(schema)?;
    for bound in [&frame.start_bound, &frame.end_bound] {
        if let WindowFrameBound::Preceding(ScalarValue::Utf8(Some(text)))
        | WindowFrameBound::Following(ScalarValue::Utf8(Some(text))) = bound
        {
            check_distance(text, &ordered_by)?;
        }
    }
    Ok(())
}

/// Refuses a distance that is not one of the type of the order.
fn check_distance(text: &str, ordered_by: &DataType) -> Result<()> {
    let number = Numeric::parse(text.trim()).ok();
    let named = type_name(ordered_by);
    match (NumberKind::of(ordered_by), number) {
        (Some(NumberKind::Float | NumberKind::Wide), Some(_)) => Ok(()),
        (Some(_), Some(number)) => {
            let digits = match ordered_by {
                DataType::Decimal128(_, scale) => u32::try_from(*scale).unwrap_or(0),
                _ => 0,
            };
            if number.units_exactly(digits).is_none() {
                return plan_err!("the distance {text} of RANGE is finer than {named}, by which the rows are ordered: cast it to NUMERIC");
            }
            let fits = ScalarValue::try_from_string(text.trim().to_owned(), ordered_by);
            fits.map(drop).or_else(|_| plan_err!("the distance {text} of RANGE does not fit {named}: cast the order to NUMERIC"))
        }
        (Some(_), None) => plan_err!("the distance of RANGE over {named} is a number, not '{text}'"),
        (None, number) if is_timestamp(ordered_by) || *ordered_by == DataType::Date32 => {
            match (number, ScalarValue::try_from_string(text.to_owned(), &interval_type())) {
                (None, Ok(_)) => Ok(()),
                _ => plan_err!("the distance of RANGE over {named} is an interval such as INTERVAL '5 minutes', not '{text}'"),
            }
        }
        (None, _) => plan_err!(
            "RANGE with a distance needs ORDER BY a number or a time, and not {named}: write ROWS, or order by another column"
        ),
    }
}
