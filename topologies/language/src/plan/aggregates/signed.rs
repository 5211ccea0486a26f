//! Counts have PostgreSQL's types: DataFusion's own have an unsigned type that turns into NUMERIC next to any other number.
//!
//! Owns the wrapper around the functions that measure lists. A function enters, one of the same name leaves.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, Int32Array};
use arrow_schema::DataType;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

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
