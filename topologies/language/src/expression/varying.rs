//! Lists of IN whose items are not constants.
//!
//! Owns the marker around such items, and the order in which a value is compared with them. An expression enters, the same one leaves, in
//! which no list is computed before its rows are known, and no item that may fail is computed where one before it is equal. DataFusion
//! computes a list over no rows to find out if it is constant, where a CASE is NULL to it; and it computes all items for every row.

use arrow_schema::DataType;
use datafusion_common::Result;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_expr::expr::{InList, ScalarFunction};
use datafusion_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::plan::fallible::may_fail;
use crate::plan::limits::expansion::check_copies;

/// The expression, the items of its IN lists marked and in parts of which one is computed after the other.
pub fn in_lists(expression: Expr) -> Result<Expr> {
    let rewritten = |part: Expr| match part {
        Expr::InList(list) if !list.list.iter().all(is_literal) => in_parts(list).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    };
    expression.transform_up(rewritten).data()
}

fn is_literal(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(..))
}

/// `v IN (a, b, f(c), d)` as `v IN (a, b) OR v IN (f(c), d)`, if `f` may fail: OR does not compute its right side for a row of which the
/// left one is true. NOT IN is an AND of the parts.
///
/// # Errors
/// The value is so large that its copies are too many parts.
fn in_parts(InList { expr, list, negated }: InList) -> Result<Expr> {
    let mut lists: Vec<Vec<Expr>> = Vec::new();
    for item in list {
        match lists.last_mut() {
            Some(last) if !item_may_fail(&item) => last.push(per_row(item)),
            _ => lists.push(vec![per_row(item)]),
        }
    }
    if lists.len() > 1 {
        check_copies(&expr, lists.len())?;
    }
    let parts = lists.into_iter().map(|list| Expr::InList(InList::new(expr.clone(), list, negated))).collect();
    Ok(joined(parts, if negated { Operator::And } else { Operator::Or }))
}

/// Returns true if an item may have an error instead of a value. A cast to a type of whole numbers has none of its own: numbers that may not
/// fit, and texts, are cast by functions.
fn item_may_fail(item: &Expr) -> bool {
    match item {
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Int32 | DataType::Int64) => item_may_fail(&cast.expr),
        other => may_fail(other),
    }
}

/// The conditions with an operator between them, in their order, and nested no deeper than needed.
fn joined(mut conditions: Vec<Expr>, operator: Operator) -> Expr {
    while conditions.len() > 1 {
        let mut pairs = Vec::with_capacity(conditions.len().div_ceil(2));
        let mut rest = conditions.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right))),
                None => left,
            });
        }
        conditions = pairs;
    }
    conditions.pop().expect("a list of IN has an item that is not a constant")
}

/// An item of a list, marked unless it is a constant.
fn per_row(item: Expr) -> Expr {
    if is_literal(&item) {
        return item;
    }
    let function = ScalarUDF::from(PerRow { signature: Signature::any(1, Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(function.into(), vec![item]))
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

#[cfg(test)]
mod tests {
    use datafusion_expr::{cast, col, lit};

    use super::*;

    fn rewritten(list: Vec<Expr>, negated: bool) -> String {
        let list = Expr::InList(InList::new(Box::new(col("v")), list, negated));
        in_lists(list).expect("it is small").to_string()
    }

    #[test]
    fn an_item_that_may_fail_is_behind_those_before_it() {
        let failing = || -col("x");
        assert_eq!(rewritten(vec![lit(1), lit(2)], false), "v IN ([Int32(1), Int32(2)])");
        assert_eq!(rewritten(vec![lit(1), col("a")], false), "v IN ([Int32(1), per_row(a)])");
        assert_eq!(rewritten(vec![failing(), lit(1)], false), "v IN ([per_row((- x)), Int32(1)])");
        let parts = "v IN ([Int32(1), Int32(2)]) OR v IN ([per_row((- x)), per_row(a)])";
        assert_eq!(rewritten(vec![lit(1), lit(2), failing(), col("a")], false), parts);
        let parts = "v NOT IN ([Int32(1)]) AND v NOT IN ([per_row((- x))]) AND v NOT IN ([per_row((- x))])";
        assert_eq!(rewritten(vec![lit(1), failing(), failing()], true), parts);
    }

    #[test]
    fn an_item_that_is_only_made_wider_stays_beside_the_others() {
        let wide = |item: Expr| cast(item, DataType::Int64);
        let together = format!("v IN ([Int32(1), per_row({})])", wide(col("a")));
        assert_eq!(rewritten(vec![lit(1), wide(col("a"))], false), together);
        let apart = format!("v IN ([Int32(1)]) OR v IN ([per_row({})])", wide(-col("a")));
        assert_eq!(rewritten(vec![lit(1), wide(-col("a"))], false), apart);
        let text = cast(col("a"), DataType::Utf8);
        assert_eq!(rewritten(vec![lit(1), text.clone()], false), format!("v IN ([Int32(1)]) OR v IN ([per_row({text})])"));
    }

    #[test]
    fn a_large_value_is_not_copied_often() {
        let value = (0..200).fold(col("v"), |value, _| Expr::Not(Box::new(value)));
        let list = |items: usize| Expr::InList(InList::new(Box::new(value.clone()), vec![-col("x"); items], false));
        assert!(in_lists(list(10)).is_ok());
        let refused = in_lists(list(100)).expect_err("20,100 parts").to_string();
        assert!(refused.contains("more than 10000 parts"), "{refused}");
    }
}
