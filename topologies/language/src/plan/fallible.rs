//! Questions that need a value to be computed, although the plan knows their answer.
//!
//! Owns the marker of a value that may fail. `1 / id IS NULL` is FALSE to DataFusion where `id` is never NULL, and the division by zero is
//! lost; a marked value may be NULL to it, so it is computed.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The name of the marker, which is not shown to people.
pub const COMPUTED: &str = "computed";

/// The value, marked if it may fail and is never NULL.
pub fn computed(value: Expr, schema: &DFSchema) -> Expr {
    let may_fail = |part: &Expr| Ok(matches!(part, Expr::ScalarFunction(_) | Expr::Cast(_) | Expr::Negative(_)));
    let is_marked = value.nullable(schema).is_ok_and(|nullable| !nullable) && value.exists(may_fail).unwrap_or(true);
    if !is_marked {
        return value;
    }
    let function = ScalarUDF::from(ComputedCall { signature: Signature::any(1, Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![value]))
}

/// The argument, which may be NULL as far as the plan knows.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ComputedCall {
    signature: Signature,
}

impl ScalarUDFImpl for ComputedCall {
    fn name(&self) -> &str {
        COMPUTED
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
        Ok(Arc::new(Field::new(COMPUTED, args.arg_fields[0].data_type().clone(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args[0].clone())
    }
}
