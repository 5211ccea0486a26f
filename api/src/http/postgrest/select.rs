//! `select=name:column->a->>b::type`: the values of an answer.

use schemas::serving::View;

use super::error::PostgrestError;
use super::scanner::{NamedPlace, Scanner};
use crate::read::cast::CastTarget;
use crate::read::columns::column;
use crate::read::expression_error::ExpressionError;
use crate::read::limits::SELECTED_TIMES_MAX;
use crate::read::selection::{SelectedValue, Selection};
use crate::read::source::{PathStep, ValueSource};

/// Functions over rows that PostgREST knows.
const AGGREGATES: [&str; 5] = ["avg", "count", "max", "min", "sum"];

/// The values that are asked for, or all columns.
pub(crate) fn selection<'v>(view: &'v View, text: Option<&str>) -> Result<Selection<'v>, PostgrestError> {
    let values = text.map_or_else(|| Ok(all(view).collect()), |text| selected(view, text))?;
    Ok(Selection::new(view, values)?)
}

fn all(view: &View) -> impl Iterator<Item = SelectedValue> {
    let columns = view.columns.iter().enumerate();
    columns.map(|(number, column)| SelectedValue { name: column.name.clone(), source: ValueSource::Column(number), cast: None })
}

fn selected(view: &View, text: &str) -> Result<Vec<SelectedValue>, PostgrestError> {
    let mut scanner = Scanner::new("select", text);
    let mut values = Vec::new();
    while !scanner.is_end() {
        match scanner.take("*") {
            true => values.extend(all(view)),
            false => values.push(value(view, &mut scanner)?),
        }
        // One of the columns has been selected too often then, whichever it is.
        if values.len() > view.columns.len() * SELECTED_TIMES_MAX {
            let name = values.last().map(|value| value.name.clone()).unwrap_or_else(|| view.name.clone());
            return Err(ExpressionError::SelectedTooOften { name }.into());
        }
        if scanner.is_end() {
            break;
        }
        scanner.expect(",")?;
        if scanner.is_end() {
            return Err(scanner.error("the name of a column"));
        }
    }
    Ok(values)
}

fn value(view: &View, scanner: &mut Scanner<'_>) -> Result<SelectedValue, PostgrestError> {
    let is_spread = scanner.take("...");
    let mut name = scanner.name()?;
    let mut alias = None;
    if !scanner.is_at("::") && scanner.take(":") {
        alias = Some(std::mem::replace(&mut name, scanner.name()?));
    }
    let (steps, is_text) = scanner.steps()?;
    if name == "count" && scanner.is_at("()") {
        return Err(PostgrestError::Aggregate { function: name });
    }
    if is_spread || scanner.is_at("(") || scanner.is_at("!") {
        return Err(PostgrestError::Embedding { view: view.name.clone(), name });
    }
    let cast = scanner.take("::").then(|| CastTarget::of_name(scanner.until(&[',', '.', '(']))).transpose()?;
    if scanner.take(".") {
        let function = scanner.until(&['(', ',']).to_owned();
        return Err(match AGGREGATES.contains(&function.as_str()) {
            true => PostgrestError::Aggregate { function },
            false => scanner.error("one column, '->' or '::'"),
        });
    }
    let position = column(view, &name)?;
    let shown = alias.unwrap_or_else(|| default_name(&name, &steps));
    Ok(SelectedValue { name: shown, source: NamedPlace { name, steps, is_text }.source(view, position), cast })
}

/// The last name on the way to a place.
fn default_name(column: &str, steps: &[PathStep]) -> String {
    let names = steps.iter().rev().filter_map(|step| match step {
        PathStep::Member(name) => Some(name.as_str()),
        PathStep::Element(_) => None,
    });
    names.chain([column]).next().unwrap_or(column).to_owned()
}
