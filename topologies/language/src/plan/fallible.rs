//! Questions that need a value to be computed, although the plan knows their answer.
//!
//! Owns which expressions may fail, and the marker of such a value. `1 / id IS NULL` is FALSE to DataFusion where `id` is
//! never NULL, and the division by zero is lost; a marked value may be NULL to it, so it is computed.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};

/// The name of the marker, which is not shown to people. It is part of identities, so it stays as it was.
pub const MAY_FAIL: &str = "computed";

/// The value, marked if it may fail and is never NULL.
pub fn marked(value: Expr, schema: &DFSchema) -> Expr {
    if !may_fail(&value) || !is_never_null(&value, schema) {
        return value;
    }
    let function = ScalarUDF::from(MayFail { signature: Signature::any(1, Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![value]))
}

/// Returns true if a value is never NULL, also when the optimiser has computed its constant parts: it knows more of their results than of the
/// functions that they are results of.
fn is_never_null(value: &Expr, schema: &DFSchema) -> bool {
    let computed = |part: Expr| {
        let is_constant = matches!(part, Expr::ScalarFunction(_) | Expr::Cast(_))
            && !part.exists(|inner| Ok(matches!(inner, Expr::Column(_) | Expr::OuterReferenceColumn(..)) || is_null(inner)))?;
        let result = if is_constant { ScalarValue::new_default(&part.get_type(schema)?).ok() } else { None };
        Ok(match result {
            Some(result) => Transformed::yes(Expr::Literal(result, None)),
            None => Transformed::no(part),
        })
    };
    let computed = value.clone().transform_down(computed).data();
    computed.and_then(|value| value.nullable(schema)).is_ok_and(|nullable| !nullable)
}

fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(value, _) if value.is_null())
}

/// Returns true if an expression may have an error instead of a value.
pub fn may_fail(expression: &Expr) -> bool {
    let part_may_fail = |part: &Expr| match part {
        Expr::ScalarFunction(_) | Expr::Cast(_) | Expr::Negative(_) => true,
        // Numbers are calculated by functions: what is left are times and intervals, which may leave their range, and texts, which may get
        // too long.
        Expr::BinaryExpr(BinaryExpr { op, .. }) => matches!(op, Operator::Plus | Operator::Minus | Operator::StringConcat),
        _ => false,
    };
    expression.exists(|part| Ok(part_may_fail(part))).expect("the walk has no errors of its own")
}

/// The argument, which may be NULL as far as the plan knows.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MayFail {
    signature: Signature,
}

impl ScalarUDFImpl for MayFail {
    fn name(&self) -> &str {
        MAY_FAIL
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args[0].schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(MAY_FAIL, args.arg_fields[0].data_type().clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args[0].clone())
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::{Schema, TimeUnit};
    use datafusion_common::ScalarValue;
    use datafusion_expr::col;

    use super::*;

    #[test]
    fn texts_side_by_side_may_be_too_long() {
        let text = |name| Field::new(name, DataType::Utf8, false);
        let schema = DFSchema::try_from(Schema::new(vec![text("a"), text("b")])).expect("a schema");
        let both = Expr::BinaryExpr(BinaryExpr::new(Box::new(col("a")), Operator::StringConcat, Box::new(col("b"))));
        assert!(may_fail(&both) && !may_fail(&col("a")));
        let result = marked(both, &schema);
        assert!(matches!(&result, Expr::ScalarFunction(call) if call.name() == MAY_FAIL), "{result}");
    }

    #[test]
    fn a_time_that_is_moved_by_an_interval_may_fail() {
        let at = Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), false);
        let schema = DFSchema::try_from(Schema::new(vec![at])).expect("a schema");
        let day = Expr::Literal(ScalarValue::new_interval_mdn(0, 1, 0), None);
        for operator in [Operator::Plus, Operator::Minus] {
            let moved = Expr::BinaryExpr(BinaryExpr::new(Box::new(col("at")), operator, Box::new(day.clone())));
            let result = marked(moved, &schema);
            assert!(matches!(&result, Expr::ScalarFunction(call) if call.name() == MAY_FAIL), "{operator}: {result}");
        }
        assert_eq!(marked(col("at"), &schema), col("at"));
        let compared = col("at").eq(col("at"));
        assert_eq!(marked(compared.clone(), &schema), compared);
    }
}
