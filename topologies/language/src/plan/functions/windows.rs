//! Window functions that are no aggregates: their names, arguments and the types of their results.
//!
//! Owns the table of them. Only their types are used while a query is planned: the window operator computes them, and the top-k operator numbers
//! rows.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::{Result, not_impl_err, plan_err};
use datafusion_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion_expr::{PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};

use crate::plan::types::type_name;

/// One window function.
pub struct WindowEntry {
    /// its name
    pub name: &'static str,
    /// its arguments as people write them
    pub arguments: &'static str,
    /// the fewest and the most arguments
    counts: (usize, usize),
    /// the type of its result; `None` for that of its first argument
    result: Option<DataType>,
    /// a line about it
    pub about: &'static str,
}

/// All window functions that are no aggregates.
pub const WINDOW_FUNCTIONS: &[WindowEntry] = &[
    WindowEntry {
        name: "row_number",
        arguments: "",
        counts: (0, 0),
        result: Some(DataType::Int64),
        about: "the place of the row in its partition, from 1 on",
    },
    WindowEntry {
        name: "rank",
        arguments: "",
        counts: (0, 0),
        result: Some(DataType::Int64),
        about: "the place of the first of its peers: with gaps behind peers",
    },
    WindowEntry {
        name: "dense_rank",
        arguments: "",
        counts: (0, 0),
        result: Some(DataType::Int64),
        about: "the number of its group of peers: without gaps",
    },
    WindowEntry {
        name: "percent_rank",
        arguments: "",
        counts: (0, 0),
        result: Some(DataType::Float64),
        about: "(rank - 1) / (rows of the partition - 1), 0 of a single row",
    },
    WindowEntry {
        name: "cume_dist",
        arguments: "",
        counts: (0, 0),
        result: Some(DataType::Float64),
        about: "the part of the rows that come before it or are its peers",
    },
    WindowEntry {
        name: "ntile",
        arguments: "buckets",
        counts: (1, 1),
        result: Some(DataType::Int32),
        about: "the number of its bucket, of so many that are as equal as can be; a constant",
    },
    WindowEntry {
        name: "lag",
        arguments: "value, offset, default",
        counts: (1, 3),
        result: None,
        about: "the value of the row `offset` places before, 1 if not given; a constant. Without such a row the default, or NULL",
    },
    WindowEntry {
        name: "lead",
        arguments: "value, offset, default",
        counts: (1, 3),
        result: None,
        about: "the same of the row behind",
    },
    WindowEntry { name: "first_value", arguments: "value", counts: (1, 1), result: None, about: "of the first row of the frame" },
    WindowEntry { name: "last_value", arguments: "value", counts: (1, 1), result: None, about: "of the last row of the frame" },
    WindowEntry {
        name: "nth_value",
        arguments: "value, place",
        counts: (2, 2),
        result: None,
        about: "of the row at a place of the frame, from 1 on; a constant",
    },
];

/// The functions, for the registry of the planner.
pub fn functions() -> impl Iterator<Item = Arc<WindowUDF>> {
    WINDOW_FUNCTIONS.iter().map(window_function)
}

/// The function that numbers rows.
pub fn row_number() -> Arc<WindowUDF> {
    window_function(&WINDOW_FUNCTIONS[0])
}

fn window_function(entry: &'static WindowEntry) -> Arc<WindowUDF> {
    let signature = match entry.counts {
        (0, 0) => Signature::nullary(Volatility::Immutable),
        _ => Signature::user_defined(Volatility::Immutable),
    };
    Arc::new(WindowUDF::from(TypedWindow { name: entry.name, signature }))
}

/// A window function of the table.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TypedWindow {
    name: &'static str,
    signature: Signature,
}

impl TypedWindow {
    fn entry(&self) -> Result<&'static WindowEntry> {
        match WINDOW_FUNCTIONS.iter().find(|entry| entry.name == self.name) {
            Some(entry) => Ok(entry),
            None => plan_err!("the window function '{}' does not exist", self.name),
        }
    }
}

impl WindowUDFImpl for TypedWindow {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let entry = self.entry()?;
        let (fewest, most) = entry.counts;
        if !(fewest..=most).contains(&types.len()) {
            return plan_err!("{0}({1}) does not take {2} arguments", self.name, entry.arguments, types.len());
        }
        let Some(value) = types.first() else { return Ok(Vec::new()) };
        let value = if entry.result.is_none() { value.clone() } else { DataType::Int64 };
        if let Some(count) = types.iter().skip(usize::from(entry.result.is_none())).take(1).find(|count| !is_whole(count)) {
            return plan_err!("{}({}) takes a whole number, not {}", self.name, entry.arguments, type_name(count));
        }
        // A value, a whole number, and a value in its place.
        Ok([value.clone(), DataType::Int64, value].into_iter().take(types.len()).collect())
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        not_impl_err!("{}() is computed by the window operator", self.name)
    }

    fn field(&self, arguments: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let result = match (&self.entry()?.result, arguments.input_fields().first()) {
            (Some(result), _) => result.clone(),
            (None, Some(value)) => value.data_type().clone(),
            (None, None) => return plan_err!("{}() takes a value", self.name),
        };
        // Numbers and ranks are there for every row.
        let nullable = self.entry()?.result.is_none();
        Ok(Arc::new(Field::new(arguments.name(), result, nullable)))
    }
}

fn is_whole(data_type: &DataType) -> bool {
    data_type.is_integer() || *data_type == DataType::Null
}
