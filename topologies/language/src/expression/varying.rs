//! Lists of IN that DataFusion would take for constant.
//!
//! Owns the marker around their items. An expression enters, the same one leaves, in which no list is computed before its rows are known:
//! DataFusion computes a list over no rows to find out if it is constant, and a CASE over no rows is NULL to it.

use arrow_schema::DataType;
use datafusion_common::Result;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The expression, the items of its IN lists marked.
pub fn in_lists(expression: Expr) -> Result<Expr> {
    let marked = |part: Expr| match part {
        Expr::InList(mut list) => {
            let is_marked = list.list.iter().any(|item| !matches!(item, Expr::Literal(..)));
            list.list = list.list.into_iter().map(item).collect();
            Ok(Transformed::new_transformed(Expr::InList(list), is_marked))
        }
        other => Ok(Transformed::no(other)),
    };
    expression.transform_up(marked).data()
}

fn item(expression: Expr) -> Expr {
    if matches!(expression, Expr::Literal(..)) {
        return expression;
    }
    let function = ScalarUDF::from(PerRow { signature: Signature::any(1, Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(function.into(), vec![expression]))
}

/// The argument, one value for each row even where all are the same.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PerRow {
    signature: Signature,
}

impl ScalarUDFImpl for PerRow {
    fn name(&self) -> &str {
        "per_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args[0].to_array(args.number_rows).map(ColumnarValue::Array)
    }
}
