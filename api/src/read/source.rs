//! Values that are asked for of a row: a column, or a place within its list or its JSON.
//!
//! Owns [`ValueSource`]. A list is read as the JSON array that the API prints, a TEXT as JSON if it is such a text; of anything else, and
//! where there is nothing, a place is NULL, as with `->` and `->>` of PostgreSQL.

use std::borrow::Cow;

use schemas::field::{FieldKind, Value};
use schemas::jsonb::{self, Jsonb};

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
pub(crate) fn json_at(reader: &RowReader<'_>, row: &LoadedRow, column: usize, steps: &[PathStep]) -> Option<Jsonb<'static>> {
    place_in(&reader.value(row, column), steps)
}

fn place_in(value: &Value<'_>, steps: &[PathStep]) -> Option<Jsonb<'static>> {
    if let Value::Json(text) = value {
        // Only what is asked for is taken apart.
        let place = steps.iter().try_fold(text.as_ref(), |text, step| match step {
            PathStep::Member(name) => jsonb::member(text, name),
            PathStep::Element(at) => jsonb::element(text, *at),
        });
        return place.map(|place| Jsonb::read(place).into_owned());
    }
    let place = steps.iter().try_fold(to_json(value)?, step)?;
    // Numbers with exponents have more digits than their text, and what is found has to be written.
    place.canonical().is_ok().then_some(place)
}

/// The same as text.
pub(crate) fn json_text(json: Jsonb<'_>) -> Option<String> {
    match json {
        Jsonb::Null => None,
        Jsonb::Text(text) => Some(text.into_owned()),
        other => Some(jsonb::shown(&written_json(&other))),
    }
}

/// The text of JSON that [`json_at`] found.
///
/// # Panics
/// It is larger than it was when it was read.
pub(crate) fn written_json(json: &Jsonb<'_>) -> String {
    json.canonical().unwrap_or_else(|error| panic!("JSON that was read within its limits can't be written: {error}"))
}

/// The value as JSON; a text is read as such.
fn to_json(value: &Value<'_>) -> Option<Jsonb<'static>> {
    let text: Cow<'_, str> = match value {
        Value::Null => return None,
        Value::Text(text) | Value::Json(text) => Cow::Borrowed(text),
        other => {
            let mut json = String::new();
            other.write_json(&mut json);
            Cow::Owned(json)
        }
    };
    Jsonb::parse(&text).ok().map(Jsonb::into_owned)
}

fn step(json: Jsonb<'static>, step: &PathStep) -> Option<Jsonb<'static>> {
    match (json, step) {
        (Jsonb::Object(members), PathStep::Member(name)) => {
            members.into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
        }
        (Jsonb::Array(mut elements), PathStep::Element(at)) => {
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
        let json = r#"{"a":{"b":[1,"x",null]}}"#;
        for value in [Value::Text(json.into()), Value::Json(json.into())] {
            let at = |steps: &[PathStep]| place_in(&value, steps);
            let member = |name: &str| PathStep::Member(name.into());
            let list = [member("a"), member("b")];
            let element = |at: i64| at_of(&list, at);
            assert_eq!(at(&element(0)), Some(Jsonb::Number("1".into())));
            assert_eq!(at(&element(-2)), Some(Jsonb::Text("x".into())));
            assert_eq!(at(&element(2)), Some(Jsonb::Null));
            assert_eq!(at(&[]).and_then(json_text).as_deref(), Some(r#"{"a": {"b": [1, "x", null]}}"#));
            for nowhere in [element(3), element(-4), vec![member("c")], vec![PathStep::Element(0)], at_member(&list)] {
                assert_eq!(at(&nowhere), None, "{nowhere:?}");
            }
        }
        assert_eq!(json_text(Jsonb::Null), None);
        assert_eq!(to_json(&Value::Text("no JSON".into())), None);
        assert_eq!(to_json(&Value::Text(format!("[{}1]", "1e900,".repeat(2_000)).into())), None);
    }

    #[test]
    fn no_digit_of_a_number_is_lost() {
        let value = Value::Json(r#"{"a":12345678901234567890123.10}"#.into());
        let place = place_in(&value, &[PathStep::Member("a".into())]);
        assert_eq!(place.as_ref().map(written_json).as_deref(), Some("12345678901234567890123.10"));
        assert_eq!(place.and_then(json_text).as_deref(), Some("12345678901234567890123.10"));
    }

    fn at_of(list: &[PathStep], at: i64) -> Vec<PathStep> {
        list.iter().cloned().chain([PathStep::Element(at)]).collect()
    }

    fn at_member(list: &[PathStep]) -> Vec<PathStep> {
        list.iter().cloned().chain([PathStep::Member("0".into())]).collect()
    }
}
