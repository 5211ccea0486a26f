//! Times that the calendar reaches: a time that was moved by an interval may lie beyond.
//!
//! Owns the check around sums and differences of times and intervals. A compiled expression enters, the same one leaves, for which a time
//! before 4714 BC is an error of the row, as it is to PostgreSQL.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_schema::{DataType, Schema, TimeUnit};
use datafusion_common::{Result, exec_datafusion_err, internal_err};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;

use crate::plan::calls::check_time;

/// The expression, whose times are checked if it has any.
pub fn within(expression: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(match expression.data_type(schema)? {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Arc::new(CalendarRange { moved: expression }),
        _ => expression,
    })
}

/// A time that was moved, unless the calendar does not reach it.
#[derive(Debug)]
struct CalendarRange {
    moved: Arc<dyn PhysicalExpr>,
}

impl PartialEq for CalendarRange {
    fn eq(&self, other: &Self) -> bool {
        self.moved.eq(&other.moved)
    }
}

impl Eq for CalendarRange {}

impl Hash for CalendarRange {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.moved.hash(state);
    }
}

impl fmt::Display for CalendarRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.moved.fmt(f)
    }
}

impl PhysicalExpr for CalendarRange {
    fn data_type(&self, input: &Schema) -> Result<DataType> {
        self.moved.data_type(input)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.moved.nullable(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let moved = self.moved.evaluate(batch)?;
        // A constant is checked where there is no row, too: it would fail for every one.
        let rows = if matches!(moved, ColumnarValue::Scalar(_)) { 1 } else { batch.num_rows() };
        let times = moved.to_array(rows)?;
        for micros in times.as_primitive::<TimestampMicrosecondType>().iter().flatten() {
            check_time(micros).map_err(|fault| exec_datafusion_err!("{fault}"))?;
        }
        Ok(moved)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.moved]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[Arc<dyn PhysicalExpr>; 1]>::try_from(children) {
            Ok([moved]) => Ok(Arc::new(Self { moved })),
            Err(children) => internal_err!("a time that is checked is made of one part, not of {}", children.len()),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.moved.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use datafusion_common::ScalarValue;
    use datafusion_expr::Operator;
    use datafusion_physical_expr::expressions::{BinaryExpr, lit};

    use super::*;

    #[test]
    fn a_constant_is_checked_without_any_row() {
        let schema = Arc::new(Schema::empty());
        let moved = |years: i32| {
            let (time, interval) =
                (ScalarValue::TimestampMicrosecond(Some(0), None), ScalarValue::new_interval_mdn(years * 12, 0, 0));
            let difference = BinaryExpr::new(lit(time), Operator::Minus, lit(interval));
            let checked = within(Arc::new(difference), &schema).expect("it has a type");
            checked.evaluate(&RecordBatch::new_empty(Arc::clone(&schema))).map(|_| ()).map_err(|error| error.strip_backtrace())
        };
        assert_eq!(moved(6_000), Ok(()));
        let refused = moved(8_000).expect_err("the year 6031 BC is before the calendar");
        assert!(refused.contains("timestamp out of range"), "{refused}");
    }
}
