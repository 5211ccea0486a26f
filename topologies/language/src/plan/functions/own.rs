//! Functions of this crate that are no functions of values: `now()` (the wall clock of the epoch, only usable as a temporal filter),
//! `decayed_sum(weight, time, half_life)` and `decayed_value(score, at, half_life)`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Float64Array};
use arrow_schema::{DataType, IntervalUnit};
use datafusion_common::{Result, exec_err, not_impl_err, plan_err};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use schemas::aggregate::DECAY_LANDMARK_MICROS;

use crate::plan::types::{interval_micros, timestamp_type};

/// The function `now()`.
pub fn now() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Now::default()))
}

/// The function `decayed_value(score, at, half_life)`.
pub fn decayed_value_function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(DecayedValue::default()))
}

/// The aggregate `decayed_sum(weight, time, half_life)`.
pub fn decayed_sum_function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(DecayedSum::default()))
}

/// `now()`: the wall clock of the epoch. It is never evaluated: the planner turns comparisons with it into temporal filters.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    signature: Signature,
    aliases: Vec<String>,
}

impl Default for Now {
    fn default() -> Self {
        Self { signature: Signature::nullary(Volatility::Volatile), aliases: vec!["current_timestamp".to_owned()] }
    }
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &str {
        "now"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(timestamp_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("now() can only be compared with a column in WHERE")
    }
}

/// `decayed_value(score, at, half_life)`: what a `decayed_sum` amounts to at a given time.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DecayedValue {
    signature: Signature,
}

impl Default for DecayedValue {
    fn default() -> Self {
        let interval = DataType::Interval(IntervalUnit::MonthDayNano);
        Self { signature: Signature::exact(vec![DataType::Float64, timestamp_type(), interval], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for DecayedValue {
    fn name(&self) -> &str {
        "decayed_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let half_life = match &args.args[2] {
            ColumnarValue::Scalar(interval) => interval_micros(interval).or_else(|error| plan_err!("{error}"))?,
            ColumnarValue::Array(_) => return plan_err!("the half-life of decayed_value must be a constant"),
        };
        let scores = args.args[0].to_array(args.number_rows)?;
        let times = args.args[1].to_array(args.number_rows)?;
        let values: Float64Array = scores
            .as_primitive::<Float64Type>()
            .iter()
            .zip(times.as_primitive::<TimestampMicrosecondType>().iter())
            .map(|(score, at)| Some(decayed_value(score?, at?, half_life)))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(values) as ArrayRef))
    }
}

/// Returns the value of a `decayed_sum` score at an instant, in units of the weights.
pub fn decayed_value(score: f64, at_micros: i64, half_life_micros: i64) -> f64 {
    libm::exp2(score - (at_micros - DECAY_LANDMARK_MICROS) as f64 / half_life_micros as f64)
}

/// `decayed_sum(weight, time, half_life)`: only its type is used here, the reduce operator computes it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DecayedSum {
    signature: Signature,
}

impl Default for DecayedSum {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for DecayedSum {
    fn name(&self) -> &str {
        "decayed_sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [weight, time, half_life] = arguments else {
            return plan_err!(
                "decayed_sum takes (weight, time, half_life), such as decayed_sum(1, liked_at, INTERVAL '6 hours')"
            );
        };
        if !weight.is_integer() || !matches!(time, DataType::Timestamp(_, _)) || !matches!(half_life, DataType::Interval(_)) {
            return plan_err!(
                "decayed_sum takes (an integer weight, a TIMESTAMPTZ, an INTERVAL), not ({weight}, {time}, {half_life})"
            );
        }
        Ok(vec![DataType::Int64, timestamp_type(), DataType::Interval(IntervalUnit::MonthDayNano)])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("decayed_sum is computed by the reduce operator")
    }
}
