//! Limits of compiled expressions: what the registry of functions does not see gets its limit here.
//!
//! Owns the concatenation of texts, which is an operator and no function, and functions that the planner makes by itself. A compiled
//! expression enters, the same one under the limits of [`crate::plan::limits::bounded`] leaves.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{DataFusionError, Result, exec_err, internal_err};
use datafusion_expr::{ColumnarValue, Operator};
use datafusion_physical_expr::expressions::{BinaryExpr, Column};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use crate::plan::limits::bounded::{bounded, excess};
use crate::plan::limits::sizes::{Growth, SizedArgument};

/// The expression with a limit on everything in it whose result can be much larger than its arguments.
pub fn limited(expression: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    expression.transform_up(|part| limit(part, schema)).data()
}

fn limit(expression: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    if let Some(call) = expression.downcast_ref::<ScalarFunctionExpr>() {
        let function = bounded(Arc::new(call.fun().clone()));
        let return_field = call.return_field(schema)?;
        let options = Arc::new(call.config_options().clone());
        let call = ScalarFunctionExpr::new(call.name(), function, call.args().to_vec(), return_field, options);
        return Ok(Transformed::yes(Arc::new(call)));
    }
    if let Some(binary) = expression.downcast_ref::<BinaryExpr>()
        && *binary.op() == Operator::StringConcat
    {
        let joined = Concatenation::new(Arc::clone(binary.left()), Arc::clone(binary.right()), schema)?;
        return Ok(Transformed::yes(Arc::new(joined)));
    }
    Ok(Transformed::no(expression))
}

/// `left || right`, unless the result would be too long.
#[derive(Debug)]
struct Concatenation {
    sides: [Arc<dyn PhysicalExpr>; 2],
    /// the columns that both sides are evaluated to, and the operator over them
    schema: SchemaRef,
    operator: BinaryExpr,
}

impl Concatenation {
    fn new(left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>, input: &Schema) -> Result<Self> {
        let fields = [("left", left.data_type(input)?), ("right", right.data_type(input)?)];
        let fields: Vec<Field> = fields.into_iter().map(|(name, data_type)| Field::new(name, data_type, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { sides: [left, right], schema, operator: over_columns() })
    }
}

fn over_columns() -> BinaryExpr {
    BinaryExpr::new(Arc::new(Column::new("left", 0)), Operator::StringConcat, Arc::new(Column::new("right", 1)))
}

impl PartialEq for Concatenation {
    fn eq(&self, other: &Self) -> bool {
        self.sides[0].eq(&other.sides[0]) && self.sides[1].eq(&other.sides[1])
    }
}

impl Eq for Concatenation {}

impl Hash for Concatenation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sides.iter().for_each(|side| side.hash(state));
    }
}

impl fmt::Display for Concatenation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} || {}", self.sides[0], self.sides[1])
    }
}

impl PhysicalExpr for Concatenation {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        self.operator.data_type(&self.schema)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        Ok(self.sides[0].nullable(input)? || self.sides[1].nullable(input)?)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let [left, right] = &self.sides;
        let (left, right) = (left.evaluate(batch)?, right.evaluate(batch)?);
        // Constants are as long where there is no row: the result would be too long for every one.
        let is_constant = matches!((&left, &right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let counted = if is_constant { 1 } else { rows };
        if let Some(text) = excess(Growth::Sum, "||", &[SizedArgument::new(&left)?, SizedArgument::new(&right)?], counted) {
            return exec_err!("{text}");
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let columns = vec![left.into_array(rows)?, right.into_array(rows)?];
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        self.operator.evaluate(&batch.map_err(DataFusionError::from)?)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.sides.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[Arc<dyn PhysicalExpr>; 2]>::try_from(children) {
            Ok(sides) => Ok(Arc::new(Self { sides, schema: Arc::clone(&self.schema), operator: over_columns() })),
            Err(children) => internal_err!("a concatenation has two sides, not {}", children.len()),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sides[0].fmt_sql(f)?;
        f.write_str(" || ")?;
        self.sides[1].fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use datafusion_physical_expr::expressions::lit;

    use super::*;
    use crate::plan::limits::bounded::VALUE_BYTES_MAX;

    #[test]
    fn constants_that_are_too_long_together_are_refused_without_any_row() {
        let schema = Arc::new(Schema::empty());
        let joined = |bytes: u64| {
            let half = lit("x".repeat(usize::try_from(bytes / 2).expect("a short text")));
            let joined = Concatenation::new(Arc::clone(&half), half, &schema).expect("two texts");
            let result = joined.evaluate(&RecordBatch::new_empty(Arc::clone(&schema)));
            result.map(|_| ()).map_err(|error| error.strip_backtrace())
        };
        assert_eq!(joined(VALUE_BYTES_MAX / 2), Ok(()));
        let refused = joined(VALUE_BYTES_MAX + 2).expect_err("it is too long");
        assert!(refused.contains("a value has at most"), "{refused}");
    }
}
