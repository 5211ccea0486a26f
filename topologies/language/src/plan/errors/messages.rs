//! Planning errors in the words of SQL, and what may help.
//!
//! Owns the translation of what DataFusion's planner says. An error enters, text leaves: no name of a Rust type is in it.

use datafusion_common::{DataFusionError, SchemaError};

use super::unusable::unusable;
use crate::diagnostic::suggestion;
use crate::plan::functions::refused::advice;
use crate::plan::types::sql_types;

/// The message of a planning error, without DataFusion's wrapping, and what may help.
pub fn message(error: &DataFusionError) -> (String, Option<String>) {
    if let Some(unusable) = unusable(error) {
        return (unusable.reason.clone(), None);
    }
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => schema_message(schema),
        DataFusionError::Diagnostic(diagnostic, _) => plan_message(&diagnostic.message),
        DataFusionError::External(error) => plan_message(&error.to_string()),
        DataFusionError::Plan(text) | DataFusionError::NotImplemented(text) | DataFusionError::Execution(text) => {
            plan_message(text)
        }
        other => plan_message(&other.strip_backtrace()),
    }
}

fn plan_message(text: &str) -> (String, Option<String>) {
    let first = without_coercion(text.lines().next().unwrap_or_default());
    let named = |prefix: &str| first.strip_prefix(prefix).map(|rest| rest.trim_matches(['\'', '.', ' ']).to_owned());
    let with_help = |message: &str, help: &str| (message.to_owned(), Some(help.to_owned()));
    if let Some(name) = named("Invalid function ") {
        return advice(&name);
    }
    if let Some(name) = named("Ambiguous reference to unqualified field ") {
        return ambiguous(&name);
    }
    if first.contains("ecursive CTE") {
        return with_help("WITH RECURSIVE is not supported", "join as many levels as are needed");
    }
    if first.starts_with("Correlated scalar subquery must be aggregated") {
        return with_help(
            "a sub-query in place of a value may have several rows",
            "take their min, max or count, or write a JOIN",
        );
    }
    if first.starts_with("Aggregate functions are not allowed in the WHERE clause") {
        return with_help("aggregates are not allowed in WHERE", "write the condition in HAVING");
    }
    if first.starts_with("Column in SELECT must be in GROUP BY") {
        let column =
            first.split_once("column \"").and_then(|(_, rest)| rest.split_once('"')).map_or("a column", |(column, _)| column);
        return with_help(
            &format!("'{column}' is neither in GROUP BY nor in an aggregate"),
            "add it to GROUP BY, or take its min or max",
        );
    }
    if let Some(message) = no_common_type(first) {
        return (message, Some("cast each of them to one type, such as CAST(... AS NUMERIC)".to_owned()));
    }
    (lower_case(&sql_types(first.trim_end_matches('.'))), None)
}

/// The message about values that DataFusion finds no type for. Two forms of NUMERIC may be among them: one with 38 digits before the point, as
/// sums have, and one with digits behind it, as averages have.
fn no_common_type(text: &str) -> Option<String> {
    if let Some(function) = text.strip_prefix("Cannot find a common type for arguments to ") {
        return Some(format!("the arguments of {} have no type in common", function.trim_end_matches('.')));
    }
    if text.starts_with("Fail to find the coerced type") {
        return Some("the values to choose from have no type in common".to_owned());
    }
    let is_comparison = text.starts_with("Cannot infer common argument type for comparison operation ");
    (is_comparison && text.contains("Decimal")).then(|| lower_case(&sql_types(text.trim_end_matches('.'))))
}

/// Returns what a function says about its arguments, without what DataFusion puts around it.
fn without_coercion(text: &str) -> &str {
    let Some((_, said)) = text.rsplit_once("user-defined coercion failed with: ") else { return text };
    let prefixes = ["Error during planning: ", "Execution error: "];
    let said = prefixes.into_iter().find_map(|prefix| said.strip_prefix(prefix)).unwrap_or(said);
    said.split_once(" No function matches the given name").map_or(said, |(said, _)| said)
}

fn schema_message(error: &SchemaError) -> (String, Option<String>) {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<String> = valid_fields.iter().flat_map(|field| [field.name.clone(), field.flat_name()]).collect();
            let path = format!("{}.", field.name);
            if let Some(inside) = valid_fields.iter().find(|column| column.name.starts_with(&path)) {
                let help = format!("its fields are columns: write {}", inside.name);
                return (format!("'{}' is an object, and no column by itself", field.flat_name()), Some(help));
            }
            let near = suggestion(&field.flat_name(), known.iter().map(String::as_str));
            (format!("column '{}' does not exist", field.flat_name()), near.map(|near| format!("did you mean '{near}'?")))
        }
        SchemaError::AmbiguousReference { field } => ambiguous(&field.flat_name()),
        SchemaError::DuplicateUnqualifiedField { name } => (
            format!("'{name}' is computed twice, with and without a cast, which can't be told apart"),
            Some("cast in a sub-query first".to_owned()),
        ),
        SchemaError::DuplicateQualifiedField { name, .. } => {
            (format!("two columns are named '{name}'"), Some("name them apart with AS".to_owned()))
        }
    }
}

fn ambiguous(name: &str) -> (String, Option<String>) {
    let column = name.rsplit('.').next().unwrap_or(name);
    let help = format!("say of which relation it is, or name them apart with AS: r.{column} AS other");
    (format!("'{column}' may be any of several columns"), Some(help))
}

/// A sentence of someone else's inside of a message; words in capitals stay as they are.
pub fn lower_case(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), text.chars().nth(1)) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}
