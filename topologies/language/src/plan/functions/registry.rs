//! The registry that the planner looks names up in: the functions of the table, the aggregates and the window functions.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion_expr::planner::ExprPlanner;
use datafusion_expr::{AggregateUDF, ScalarUDF, WindowUDF};

use super::own::decayed_sum_function;
use super::table::{self, Implementation};
use super::windows;
use crate::plan::aggregates::signed::signed;
use crate::plan::calls::{SIMILAR_TO, named};
use crate::plan::lists::{NUMBERS, list_functions, list_name};
use crate::plan::postgres::PostgresPlanner;

/// Aggregates whose types DataFusion chooses as PostgreSQL does, and the function that the planner takes out of grouping sets.
const AGGREGATES_OF_DATAFUSION: [&str; 7] = ["array_agg", "bool_and", "bool_or", "count", "grouping", "max", "min"];
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
                Arc::new(crate::plan::numbers::typing::NumberPlanner),
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
                Implementation::Number(name) => crate::plan::numbers::functions::function(name),
                Implementation::Call(name) => described(name),
                Implementation::Own(make) => make(),
                Implementation::Syntax => continue,
            };
            let function = crate::plan::limits::bounded::bounded(function);
            for name in std::iter::once(&entry.name).chain(entry.aliases) {
                functions.scalar.insert((*name).to_owned(), Arc::clone(&function));
            }
        }
        // What syntax stands for has a name that can't be written as a call.
        functions.scalar.insert(SIMILAR_TO.to_owned(), described(SIMILAR_TO));
        for function in crate::plan::windows::bounds::functions() {
            functions.scalar.insert(function.name().to_owned(), function);
        }
        // Lists, which the rewriting of a query takes apart into rows.
        for name in list_functions() {
            let list = match functions.scalar.get(name) {
                Some(known) => Arc::clone(known),
                None => crate::plan::limits::bounded::bounded(described(name)),
            };
            functions.scalar.insert(list_name(name), list);
        }
        functions.scalar.insert(NUMBERS.to_owned(), described(NUMBERS));
        let aggregates = datafusion_functions_aggregate::all_default_aggregate_functions()
            .into_iter()
            .filter(|function| AGGREGATES_OF_DATAFUSION.contains(&function.name()))
            .chain([decayed_sum_function()])
            .chain(crate::plan::numbers::aggregates::functions())
            .chain(crate::plan::aggregates::types::functions());
        for function in aggregates {
            register(&mut functions.aggregate, function.name(), &[], &function);
        }
        for function in windows::functions() {
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

/// A function of [`crate::plan::calls`].
///
/// # Panics
/// When there is no such function: the table names one that is not there.
fn described(name: &str) -> Arc<ScalarUDF> {
    named(name).unwrap_or_else(|error| panic!("the table of functions names one that is not there: {error}"))
}

fn register<F>(functions: &mut BTreeMap<String, Arc<F>>, name: &str, aliases: &[String], function: &Arc<F>) {
    for name in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
        functions.insert(name.to_owned(), Arc::clone(function));
    }
}
