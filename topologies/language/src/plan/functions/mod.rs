//! The functions that SQL may call: those of the [`table`] and the aggregates.
//!
//! Owns the registry that the planner looks names up in, and some own functions: `now()` (the wall clock of the epoch, only usable as a
//! temporal filter), `decayed_sum(weight, time, half_life)` and `decayed_value(score, at, half_life)`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Float64Array};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use datafusion_common::{Result, ScalarValue, exec_err, not_impl_err, plan_err};
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::planner::ExprPlanner;
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, WindowUDF,
};

use self::table::Implementation;
use super::calls::{SIMILAR_TO, named};
use super::postgres::PostgresPlanner;
use super::signed::{RowNumber, signed};

mod conditions;
pub mod documentation;
mod lists;
mod numbers;
mod refused;
pub mod table;
mod texts;
mod times;

pub use refused::advice;

/// Instants from which decayed scores are counted: 2020-01-01T00:00:00Z in microseconds since 1970.
pub use schemas::aggregate::DECAY_LANDMARK_MICROS;

/// Name of the function that lists a series of numbers or times.
const SERIES: &str = "generate_series";
/// Functions that are known, so that `lint` can say why they are refused.
const REFUSED: [&str; 4] = ["current_date", "current_time", "random", "uuid"];

/// Everything that can be called.
pub struct Functions {
    /// scalar functions by name and alias
    pub scalar: BTreeMap<String, Arc<ScalarUDF>>,
    /// aggregate functions by name and alias
    pub aggregate: BTreeMap<String, Arc<AggregateUDF>>,
    /// window functions by name
    pub window: BTreeMap<String, Arc<WindowUDF>>,
    /// planners that turn syntax such as `EXTRACT(x FROM y)` and `a[1]` into calls
    pub planners: Vec<Arc<dyn ExprPlanner>>,
}

impl Default for Functions {
    fn default() -> Self {
        let mut functions = Self {
            scalar: BTreeMap::new(),
            aggregate: BTreeMap::new(),
            window: BTreeMap::new(),
            planners: vec![
                Arc::new(PostgresPlanner),
                Arc::new(super::numbers::typing::NumberPlanner),
                Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
                Arc::new(datafusion_functions_nested::planner::NestedFunctionPlanner),
                Arc::new(datafusion_functions_nested::planner::FieldAccessPlanner),
                Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
                Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
                Arc::new(datafusion_functions_aggregate::planner::AggregateFunctionPlanner),
                Arc::new(datafusion_functions_window::planner::WindowFunctionPlanner),
            ],
        };
        for name in REFUSED {
            functions.scalar.insert(name.to_owned(), datafusion_function(name));
        }
        for entry in table::entries() {
            let function = match entry.implementation {
                Implementation::DataFusion(name) => datafusion_function(name),
                Implementation::Number(name) => super::numbers::functions::function(name),
                Implementation::Call(name) => described(name),
                Implementation::Own(make) => make(),
                Implementation::Syntax => continue,
            };
            let function = super::bounded::bounded(function);
            for name in std::iter::once(&entry.name).chain(entry.aliases) {
                functions.scalar.insert((*name).to_owned(), Arc::clone(&function));
            }
        }
        // What syntax stands for has a name that can't be written as a call.
        functions.scalar.insert(SIMILAR_TO.to_owned(), described(SIMILAR_TO));
        // A list here, which the rewriting of a query takes apart into rows.
        functions.scalar.insert(SERIES.to_owned(), super::bounded::bounded(datafusion_function(SERIES)));
        let aggregates = datafusion_functions_aggregate::all_default_aggregate_functions()
            .into_iter()
            .chain([Arc::new(AggregateUDF::from(DecayedSum::default()))])
            .chain(super::numbers::aggregates::functions());
        for function in aggregates {
            register(&mut functions.aggregate, function.name(), function.aliases(), &function);
        }
        let row_number = Arc::new(WindowUDF::from(RowNumber::default()));
        for function in datafusion_functions_window::all_default_window_functions().into_iter().chain([row_number]) {
            register(&mut functions.window, function.name(), function.aliases(), &function);
        }
        functions
    }
}

/// A function of DataFusion by its name or one of its aliases.
///
/// # Panics
/// When DataFusion has no such function: the table names one that is not there.
fn datafusion_function(name: &str) -> Arc<ScalarUDF> {
    static THEIRS: LazyLock<BTreeMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
        let mut theirs = BTreeMap::new();
        let all = datafusion_functions::all_default_functions()
            .into_iter()
            .chain(datafusion_functions_nested::all_default_nested_functions().into_iter().map(signed));
        for function in all {
            register(&mut theirs, function.name(), function.aliases(), &function);
        }
        theirs
    });
    let found = THEIRS.get(name);
    Arc::clone(found.unwrap_or_else(|| panic!("the table of functions names '{name}', which DataFusion does not have")))
}

/// A function of [`super::calls`].
///
/// # Panics
/// When there is no such function: the table names one that is not there.
fn described(name: &str) -> Arc<ScalarUDF> {
    named(name).unwrap_or_else(|error| panic!("the table of functions names one that is not there: {error}"))
}

/// The function `now()`.
pub(crate) fn now() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Now::default()))
}

/// The function `decayed_value(score, at, half_life)`.
pub(crate) fn decayed_value_function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(DecayedValue::default()))
}

fn register<F>(functions: &mut BTreeMap<String, Arc<F>>, name: &str, aliases: &[String], function: &Arc<F>) {
    for name in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
        functions.insert(name.to_owned(), Arc::clone(function));
    }
}

/// The type of every TIMESTAMPTZ.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

/// The type of every TIMESTAMP, which is the time on a clock whose zone is not known.
pub fn local_timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// The type of every INTERVAL.
pub fn interval_type() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// The length of a constant interval in microseconds; months have no fixed length and are refused.
pub fn interval_micros(value: &ScalarValue) -> Result<i64, String> {
    let ScalarValue::IntervalMonthDayNano(Some(interval)) = value else {
        return Err(format!("'{value}' is not a constant interval such as INTERVAL '6 hours'"));
    };
    if interval.months != 0 {
        return Err("an interval here must have a fixed length: write days instead of months".to_owned());
    }
    i64::from(interval.days)
        .checked_mul(86_400_000_000)
        .and_then(|days| days.checked_add(interval.nanoseconds / 1_000))
        .ok_or_else(|| "the interval is too long".to_owned())
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
