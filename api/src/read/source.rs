//! Values that are asked for of a row: a column, or a place within its list or its JSON.
//!
//! Owns [`ValueSource`]. A list is read as the JSON array that the API prints, a TEXT as JSON if it is such a text; of anything else, and
//! where there is nothing, a place is NULL, as with `->` and `->>` of PostgreSQL.

use std::borrow::Cow;

use schemas::field::{FieldKind, Value};
use serde_json::Value as Json;

use crate::read::rows::{LoadedRow, RowReader};

/// One step into a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PathStep {
    /// the member of an object
    Member(String),
    /// the element of an array, from its end when negative
    Element(i64),
}

/// A column, or a place within its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ValueSource {
    /// the column at this position
    Column(usize),
    /// a place within its value, as JSON
    Json {
        /// position of the column
        column: usize,
        /// the way to the place
        steps: Vec<PathStep>,
    },
    /// the same as text: a string without its quotes, and NULL for `null`
    JsonText {
        /// position of the column
        column: usize,
        /// the way to the place
        steps: Vec<PathStep>,
    },
}

/// The JSON at a place within a value.
pub(crate) fn json_at(reader: &RowReader<'_>, row: &LoadedRow, column: usize, steps: &[PathStep]) -> Option<Json> {
    let whole = to_json(&reader.value(row, column))?;
    steps.iter().try_fold(whole, step)
}

/// The same as text.
pub(crate) fn json_text(json: Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// The value as JSON; a text is read as such.
fn to_json(value: &Value<'_>) -> Option<Json> {
    let text: Cow<'_, str> = match value {
        Value::Null => return None,
        Value::Text(text) => Cow::Borrowed(text),
        other => {
            let mut json = String::new();
            other.write_json(&mut json);
            Cow::Owned(json)
        }
    };
    serde_json::from_str(&text).ok()
}

fn step(json: Json, step: &PathStep) -> Option<Json> {
    match (json, step) {
        (Json::Object(mut members), PathStep::Member(name)) => members.remove(name),
        (Json::Array(mut elements), PathStep::Element(at)) => {
            let at =
                usize::try_from(*at).ok().or_else(|| elements.len().checked_sub(usize::try_from(at.unsigned_abs()).ok()?))?;
            (at < elements.len()).then(|| elements.swap_remove(at))
        }
        _ => None,
    }
}

impl ValueSource {
    /// The column that is looked at.
    pub(crate) fn column(&self) -> usize {
        match self {
            Self::Column(column) | Self::Json { column, .. } | Self::JsonText { column, .. } => *column,
        }
    }

    /// Returns true for a place within a value, which is read as JSON for it.
    pub(crate) fn is_place(&self) -> bool {
        !matches!(self, Self::Column(_))
    }

    /// The kind of its values; `None` for JSON.
    pub(crate) fn kind<'k>(&self, kinds: impl Fn(usize) -> &'k FieldKind) -> Option<&'k FieldKind> {
        match self {
            Self::Column(column) => Some(kinds(*column)),
            Self::Json { .. } => None,
            Self::JsonText { .. } => Some(&FieldKind::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_to_a_member_or_an_element_or_nowhere() {
        let value = Value::Text(r#"{"a":{"b":[1,"x",null]}}"#.into());
        let at = |steps: &[PathStep]| steps.iter().try_fold(to_json(&value)?, step);
        let member = |name: &str| PathStep::Member(name.into());
        let list = [member("a"), member("b")];
        let element = |at: i64| at_of(&list, at);
        assert_eq!(at(&element(0)).unwrap(), 1);
        assert_eq!(at(&element(-2)).unwrap(), "x");
        assert_eq!(at(&element(2)), Some(Json::Null));
        assert_eq!(json_text(Json::Null), None);
        for nowhere in [element(3), element(-4), vec![member("c")], vec![PathStep::Element(0)], at_member(&list)] {
            assert_eq!(at(&nowhere), None, "{nowhere:?}");
        }
        assert_eq!(to_json(&Value::Text("no JSON".into())), None);
    }

    fn at_of(list: &[PathStep], at: i64) -> Vec<PathStep> {
        list.iter().cloned().chain([PathStep::Element(at)]).collect()
    }

    fn at_member(list: &[PathStep]) -> Vec<PathStep> {
        list.iter().cloned().chain([PathStep::Member("0".into())]).collect()
    }
}
