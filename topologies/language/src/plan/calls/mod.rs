//! Functions with PostgreSQL's meaning, computed value by value.
//!
//! Owns the registry of described functions ([`Definition`]) by their names. A call is NULL when an argument is NULL unless the function
//! says otherwise; a constant argument that can never work is found by one call over a row of NULLs.

mod arrays;
mod calendar;
mod call;
mod definition;
mod encoding;
mod hash;
mod json;
mod letters;
mod like;
mod number_format;
mod pattern;
mod regular;
mod series;
mod span;
mod template;
mod text;
mod time;
mod time_format;
mod time_parts;
mod values;
mod written;
mod zone;

use std::sync::Arc;

use datafusion_common::{Result, plan_err};
use datafusion_expr::ScalarUDF;

use call::function;
use definition::Definition;

pub use calendar::check_time;
pub use call::is_call;
pub use definition::Fault;
pub use letters::lowered;
pub use like::{SIMILAR_TO, check_pattern, with_backslash};
pub use time_parts::stride;

/// Every description.
fn definitions() -> impl Iterator<Item = &'static Definition> {
    let tables = [
        time::FUNCTIONS,
        time_parts::FUNCTIONS,
        time_format::FUNCTIONS,
        span::FUNCTIONS,
        like::FUNCTIONS,
        regular::FUNCTIONS,
        series::FUNCTIONS,
        text::FUNCTIONS,
        encoding::FUNCTIONS,
        hash::FUNCTIONS,
        json::FUNCTIONS,
        letters::FUNCTIONS,
        template::FUNCTIONS,
        values::FUNCTIONS,
    ];
    tables.into_iter().flatten()
}

/// Every function that is described here.
pub fn functions() -> impl Iterator<Item = Arc<ScalarUDF>> {
    definitions().map(|definition| Arc::new(function(definition)))
}

/// The function with a name, for expressions that the planner makes; every such name is in [`functions`].
pub fn named(name: &str) -> Result<Arc<ScalarUDF>> {
    match definitions().find(|definition| definition.name == name) {
        Some(definition) => Ok(Arc::new(function(definition))),
        None => plan_err!("function '{name}' does not exist"),
    }
}

#[cfg(test)]
mod tests;
