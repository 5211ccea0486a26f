//! Counts have PostgreSQL's types: DataFusion's own have an unsigned type that turns into NUMERIC next to any other number.
//!
//! Owns `row_number()` and the wrapper around the functions that measure lists. A function enters, one of the same name leaves.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Int32Array};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::{Result, ScalarValue, not_impl_err};
use datafusion_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion_expr::{
    ColumnarValue, PartitionEvaluator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, WindowUDFImpl,
};

/// Functions whose result is unsigned.
const UNSIGNED: [&str; 4] = ["array_length", "array_ndims", "array_position", "cardinality"];

/// The function, with a result that SQL can calculate with.
pub fn signed(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    if UNSIGNED.contains(&function.name()) { Arc::new(ScalarUDF::from(Signed { unsigned: function })) } else { function }
}

/// A function that counts.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Signed {
    unsigned: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Signed {
    fn name(&self) -> &str {
        self.unsigned.name()
    }

    fn aliases(&self) -> &[String] {
        self.unsigned.aliases()
    }

    fn signature(&self) -> &Signature {
        self.unsigned.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.unsigned.coerce_types(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let return_field = Arc::new(args.return_field.as_ref().clone().with_data_type(DataType::UInt64));
        let counts =
            self.unsigned.invoke_with_args(ScalarFunctionArgs { return_field, ..args })?.cast_to(&DataType::Int32, None)?;
        if self.name() == "cardinality" {
            return Ok(counts);
        }
        // An empty list has no dimensions, so it has no length either.
        let not_zero = |counts: &ArrayRef| {
            let counts = counts.as_primitive::<Int32Type>().iter().map(|count| count.filter(|count| *count != 0));
            Arc::new(counts.collect::<Int32Array>()) as ArrayRef
        };
        Ok(match counts {
            ColumnarValue::Array(counts) => ColumnarValue::Array(not_zero(&counts)),
            ColumnarValue::Scalar(count) => ColumnarValue::Scalar(ScalarValue::try_from_array(&not_zero(&count.to_array()?), 0)?),
        })
    }
}

/// `row_number()`: only its type is used here, the top-k operator numbers the rows.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct RowNumber {
    signature: Signature,
}

impl Default for RowNumber {
    fn default() -> Self {
        Self { signature: Signature::nullary(Volatility::Immutable) }
    }
}

impl WindowUDFImpl for RowNumber {
    fn name(&self) -> &str {
        "row_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        not_impl_err!("row_number() is computed by the top-k operator")
    }

    fn field(&self, arguments: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(arguments.name(), DataType::Int64, false)))
    }
}
