//! Evaluation that no row can end: errors and panics are found row by row, and values have a limit.
//!
//! Owns the way from a batch that fails to the rows that are to blame. An expression and a batch enter, values leave in parts that are
//! small enough each; a row that fails is NULL and reported, and the rows beside it have their values.

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use datafusion_common::{DataFusionError, Result, exec_datafusion_err};
use datafusion_physical_expr::PhysicalExpr;

use crate::panics::quietly;
use crate::plan::limits::bounded::VALUE_BYTES_MAX;
use crate::plan::limits::sizes::{is_of_any_size, slice_bytes};

/// Evaluates an expression for every row of a batch. `take` gets the values in parts, in the order of the rows.
pub fn values(
    expression: &dyn PhysicalExpr,
    batch: &RecordBatch,
    fail: &mut dyn FnMut(usize, DataFusionError),
    take: &mut dyn FnMut(ArrayRef) -> Result<()>,
) -> Result<()> {
    // Halves on a stack of our own: the next part is always the last of the stack.
    let mut open = vec![(0, batch.num_rows())];
    while let Some((from, count)) = open.pop() {
        match attempt(expression, &batch.slice(from, count)) {
            Ok(values) => take(without_oversized(values, from, fail)?)?,
            Err(_) if count > 1 => {
                let half = count / 2;
                open.extend([(from + half, count - half), (from, half)]);
            }
            Err(error) => {
                // A constant that fails does so without any row too; but where there is no row, nothing has failed.
                if count == 1 {
                    fail(from, error);
                }
                take(arrow_array::new_null_array(&expression.data_type(&batch.schema())?, count))?;
            }
        }
    }
    Ok(())
}

fn attempt(expression: &dyn PhysicalExpr, batch: &RecordBatch) -> Result<ArrayRef> {
    quietly(|| expression.evaluate(batch)?.into_array(batch.num_rows()))
        .unwrap_or_else(|panic| Err(exec_datafusion_err!("the evaluation panicked: {panic}")))
}

/// Values that are too long are failures of their rows, however they came about.
fn without_oversized(values: ArrayRef, from: usize, fail: &mut dyn FnMut(usize, DataFusionError)) -> Result<ArrayRef> {
    let all = || slice_bytes(values.as_ref(), 0, values.len());
    if !is_of_any_size(values.data_type()) || all() <= VALUE_BYTES_MAX {
        return Ok(values);
    }
    let sizes: Vec<u64> = (0..values.len()).map(|row| slice_bytes(values.as_ref(), row, 1)).collect();
    let is_oversized: BooleanArray = sizes.iter().map(|size| Some(*size > VALUE_BYTES_MAX)).collect();
    if is_oversized.true_count() == 0 {
        return Ok(values);
    }
    for (row, size) in sizes.iter().enumerate().filter(|(_, size)| **size > VALUE_BYTES_MAX) {
        fail(from + row, exec_datafusion_err!("the value has {size} bytes, and a value has at most {VALUE_BYTES_MAX}"));
    }
    arrow_select::nullif::nullif(values.as_ref(), &is_oversized).map_err(DataFusionError::from)
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    use datafusion_common::exec_err;
    use datafusion_expr::ColumnarValue;

    use super::*;

    /// Texts as long as a number says; it panics at 13, fails at 14, and will not make more than 4 at once.
    #[derive(Debug, PartialEq, Eq, Hash)]
    struct Fragile;

    impl fmt::Display for Fragile {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("fragile")
        }
    }

    impl PhysicalExpr for Fragile {
        fn data_type(&self, _: &Schema) -> Result<DataType> {
            Ok(DataType::Utf8)
        }

        fn nullable(&self, _: &Schema) -> Result<bool> {
            Ok(true)
        }

        fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
            if batch.num_rows() > 4 {
                return exec_err!("too many at once");
            }
            let mut texts = Vec::new();
            for number in batch.column(0).as_primitive::<Int64Type>().values() {
                assert_ne!(*number, 13, "an unlucky number");
                if *number == 14 {
                    return exec_err!("it is fourteen");
                }
                texts.push("x".repeat(usize::try_from(*number).unwrap_or(0)));
            }
            Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
        }

        fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
            Vec::new()
        }

        fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
            Ok(self)
        }

        fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("fragile")
        }
    }

    /// The length of each value, NULL where there is none, and what failed.
    fn evaluated(numbers: Vec<i64>) -> (Vec<Option<usize>>, Vec<(usize, String)>) {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(numbers))]).unwrap();
        let (mut lengths, mut failed) = (Vec::new(), Vec::new());
        let mut fail = |row, error: DataFusionError| failed.push((row, error.strip_backtrace()));
        let mut take = |part: ArrayRef| {
            lengths.extend(part.as_string::<i32>().iter().map(|text| text.map(str::len)));
            Ok(())
        };
        values(&Fragile, &batch, &mut fail, &mut take).unwrap();
        (lengths, failed)
    }

    #[test]
    fn a_row_that_panics_or_fails_is_null_and_all_others_have_their_values_in_order() {
        let (lengths, failed) = evaluated(vec![1, 2, 13, 4, 5, 14, 7, 8, 9, 13]);
        let expected = [Some(1), Some(2), None, Some(4), Some(5), None, Some(7), Some(8), Some(9), None];
        assert_eq!(lengths, expected);
        let rows: Vec<usize> = failed.iter().map(|(row, _)| *row).collect();
        assert_eq!(rows, [2, 5, 9]);
        assert!(failed[0].1.contains("panicked") && failed[0].1.contains("an unlucky number"), "{failed:?}");
        assert!(failed[1].1.contains("it is fourteen"), "{failed:?}");
        assert_eq!(evaluated(vec![]), (vec![], vec![]));
    }

    #[test]
    fn a_value_that_is_too_long_is_a_failure_however_it_came_about() {
        let limit = i64::try_from(VALUE_BYTES_MAX).unwrap();
        let (lengths, failed) = evaluated(vec![3, limit, limit + 1, 5]);
        assert_eq!(lengths, [Some(3), Some(limit as usize), None, Some(5)]);
        assert!(matches!(&failed[..], [(2, text)] if text.contains("1048577 bytes")), "{failed:?}");
    }
}
