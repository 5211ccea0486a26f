//! The windows of HOP and CUMULATE that a time is in.
//!
//! Owns two functions that the rewriting of these calls makes: a time enters, the starts of the hops around it or the ends of the steps behind it
//! leave as a list. Everything is computed in whole microseconds.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{ListBuilder, TimestampMicrosecondBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_schema::DataType;
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::plan::calls::check_time;
use crate::plan::types::{interval_micros, interval_type, is_timestamp, local_timestamp_type, timestamp_type, type_name};

/// Name of the function with the starts of windows. It stands for HOP, and can't be written as a call without quotes.
pub const HOP_STARTS: &str = "starts of hops";
/// Name of the function with the ends of windows, which stands for CUMULATE.
pub const CUMULATE_ENDS: &str = "ends of steps";

/// The functions, for the registry of the planner.
pub fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    [HOP_STARTS, CUMULATE_ENDS].into_iter().map(|name| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::from(WindowBounds { name, signature }))
    })
}

/// `(time, slide, size, offset)`, or `(time, step, max, offset)`, with constant lengths.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowBounds {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for WindowBounds {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let time = match types.first() {
            Some(DataType::Timestamp(_, None)) => local_timestamp_type(),
            Some(time) if is_timestamp(time) || matches!(time, DataType::Date32 | DataType::Null) => timestamp_type(),
            Some(other) => return plan_err!("windows need a time, and not {}", type_name(other)),
            None => return plan_err!("windows need a time"),
        };
        Ok(std::iter::once(time).chain(std::iter::repeat_n(interval_type(), types.len() - 1)).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(time) => Ok(DataType::new_list(time.clone(), true)),
            None => plan_err!("windows need a time"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut lengths = [0; 3];
        for (length, argument) in lengths.iter_mut().zip(&args.args[1..]) {
            let ColumnarValue::Scalar(interval) = argument else { return plan_err!("the lengths of windows must be constants") };
            *length = interval_micros(interval).or_else(|fault| plan_err!("the length of a window: {fault}"))?;
        }
        let [first, second, offset] = lengths.map(i128::from);
        if first <= 0 || second <= 0 {
            return plan_err!("the lengths of windows must be longer than nothing");
        }
        let times = args.args[0].to_array(args.number_rows)?;
        let data_type = times.data_type().clone();
        let mut lists = ListBuilder::new(TimestampMicrosecondBuilder::new().with_data_type(data_type));
        for time in times.as_primitive::<TimestampMicrosecondType>() {
            let Some(time) = time.map(i128::from) else {
                lists.append_null();
                continue;
            };
            let bounds = if self.name == HOP_STARTS { starts(time, first, second, offset) } else { ends(time, first, second, offset) };
            for bound in bounds {
                match i64::try_from(bound) {
                    Ok(micros) if check_time(micros).is_ok() => lists.values().append_value(micros),
                    _ => return exec_err!("the windows around a time are out of range"),
                }
            }
            lists.append(true);
        }
        Ok(ColumnarValue::Array(Arc::new(lists.finish()) as ArrayRef))
    }
}

/// The starts of the windows `[start, start + size)` that a time is in, ascending. Starts are `slide` apart.
fn starts(time: i128, slide: i128, size: i128, offset: i128) -> Vec<i128> {
    let last = offset + (time - offset).div_euclid(slide) * slide;
    let windows = (last + size - time + slide - 1).div_euclid(slide);
    (0..windows).rev().map(|back| last - back * slide).collect()
}

/// The ends of the windows that a time is in, ascending: they begin together, and end every `step` up to `max`.
fn ends(time: i128, step: i128, max: i128, offset: i128) -> Vec<i128> {
    let since = (time - offset).rem_euclid(max);
    let start = time - since;
    (since.div_euclid(step) + 1..=max / step).map(|steps| start + steps * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_hops_that_begin_before_it_and_end_behind_it() {
        for (slide, size, offset) in [(5, 15, 0), (5, 12, 0), (10, 4, 0), (5, 15, 3), (7, 7, -2), (1, 1, 0)] {
            for time in -40..40 {
                let by_hand: Vec<i128> = (-100..100)
                    .map(|number| offset + number * slide)
                    .filter(|start| *start <= time && time < start + size)
                    .collect();
                assert_eq!(starts(time, slide, size, offset), by_hand, "{time} in hops of {size} every {slide} from {offset} on");
            }
        }
    }

    #[test]
    fn a_time_is_in_the_steps_that_end_behind_it() {
        for (step, max, offset) in [(5, 20, 0), (5, 5, 0), (3, 12, 2), (4, 8, -3)] {
            for time in -40..40 {
                let start = (-100..100).map(|number| offset + number * max).filter(|start| *start <= time).max();
                let start = start.expect("a start before the time");
                let by_hand: Vec<i128> =
                    (1..=max / step).map(|steps| start + steps * step).filter(|end| time < *end).collect();
                assert_eq!(ends(time, step, max, offset), by_hand, "{time} in steps of {step} up to {max} from {offset} on");
            }
        }
    }
}
