//! Constants in PostgreSQL's types: whole ones are INTEGER where they fit, BIGINT, and NUMERIC; and back to those of DataFusion.

use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::Expr;
use datafusion_expr::expr::AggregateFunction;
use num_bigint::BigInt;
use schemas::numeric::{Numeric, WIDE_DIGITS, WIDE_SCALE};

use super::kind::EXACT_DIGITS_MAX;

/// The expression, a literal with PostgreSQL's type.
pub(super) fn typed_literal(expression: &Expr) -> Result<Expr> {
    Ok(match expression {
        Expr::Literal(value, metadata) => Expr::Literal(literal(value.clone())?, metadata.clone()),
        other => other.clone(),
    })
}

/// A literal with PostgreSQL's type: INTEGER where it fits, BIGINT, and NUMERIC.
pub(super) fn literal(value: ScalarValue) -> Result<ScalarValue> {
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

/// A whole literal as DataFusion has it.
pub(super) fn widened(expression: Expr) -> Expr {
    match expression {
        Expr::Literal(ScalarValue::Int32(Some(value)), metadata) => {
            Expr::Literal(ScalarValue::Int64(Some(value.into())), metadata)
        }
        other => other,
    }
}

/// `count(1)`, which `count(*)` becomes, is known by its literal.
pub(super) fn with_wide_literals(mut call: AggregateFunction) -> AggregateFunction {
    call.params.args = call.params.args.into_iter().map(widened).collect();
    call
}
