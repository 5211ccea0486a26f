//! Columns of an answer, and rows written with them as JSON.
//!
//! This is the hot path: a value is written straight from the bytes of its row.

use schemas::field::{FieldKind, Value, json_string};
use schemas::serving::View;

use crate::read::rows::{LoadedRow, RowReader};

/// Form of the values of BIGINT in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BigintForm {
    /// a JSON number, which JavaScript rounds to 53 bits
    #[default]
    Number,
    /// a JSON string of its digits
    Text,
}

/// The columns of an answer in their order.
pub(crate) struct Projection {
    columns: Vec<ProjectedColumn>,
    form: BigintForm,
}

/// One of them.
struct ProjectedColumn {
    /// its place in the view
    column: usize,
    /// the JSON text before its value
    before: String,
    is_bigint: bool,
}

impl Projection {
    /// All columns of the view.
    pub(crate) fn all(view: &View) -> Self {
        Self::of(view, 0..view.columns.len())
    }

    /// These columns, each of which is there once.
    pub(crate) fn of(view: &View, columns: impl IntoIterator<Item = usize>) -> Self {
        let mut projected: Vec<ProjectedColumn> = Vec::new();
        for column in columns {
            debug_assert!(projected.iter().all(|known| known.column != column), "column {column} is selected twice");
            let mut before = String::from(if projected.is_empty() { "{" } else { "," });
            json_string(&view.columns[column].name, &mut before);
            before.push(':');
            projected.push(ProjectedColumn { column, before, is_bigint: is_bigint(&view.columns[column].kind) });
        }
        Self { columns: projected, form: BigintForm::default() }
    }

    /// The same with BIGINT in this form.
    pub(crate) fn with_bigints(self, form: BigintForm) -> Self {
        Self { form, ..self }
    }

    /// Appends a row as a JSON object.
    pub(crate) fn write(&self, reader: &RowReader<'_>, row: &LoadedRow, out: &mut String) {
        for ProjectedColumn { column, before, is_bigint } in &self.columns {
            out.push_str(before);
            let value = reader.value(row, *column);
            match self.form {
                BigintForm::Text if *is_bigint => write_quoted(&value, out),
                _ => value.write_json(out),
            }
        }
        out.push('}');
    }
}

/// Appends a value of a kind as JSON, with BIGINT in this form.
pub(crate) fn write_value(kind: &FieldKind, value: &Value<'_>, form: BigintForm, out: &mut String) {
    match form {
        BigintForm::Text if is_bigint(kind) => write_quoted(value, out),
        _ => value.write_json(out),
    }
}

/// Returns true for whole numbers of 64 bits and lists of them.
fn is_bigint(kind: &FieldKind) -> bool {
    match kind {
        FieldKind::Int64 | FieldKind::UInt64 => true,
        FieldKind::List(element) => is_bigint(element),
        _ => false,
    }
}

/// Appends a whole number, or a list of them, with quotes around each.
fn write_quoted(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Int(_) | Value::UInt(_) => {
            out.push('"');
            value.write_json(out);
            out.push('"');
        }
        Value::List(values) => {
            out.push('[');
            for (number, value) in values.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                write_quoted(value, out);
            }
            out.push(']');
        }
        other => other.write_json(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_of_64_bits_are_texts_when_asked_for_and_no_other_value_is() {
        let list = FieldKind::List(Box::new(FieldKind::Int64));
        let cases = [
            (FieldKind::Int64, Value::Int(i64::MIN), "-9223372036854775808", "\"-9223372036854775808\""),
            (FieldKind::UInt64, Value::UInt(u64::MAX), "18446744073709551615", "\"18446744073709551615\""),
            (list.clone(), Value::List(vec![Value::Int(1), Value::Null]), "[1,null]", "[\"1\",null]"),
            (list, Value::List(Vec::new()), "[]", "[]"),
            (FieldKind::Int64, Value::Null, "null", "null"),
            (FieldKind::Int32, Value::Int(7), "7", "7"),
            (FieldKind::Float64, Value::Float(1.5), "1.5", "1.5"),
            (FieldKind::Text, Value::Text("1".into()), "\"1\"", "\"1\""),
        ];
        for (kind, value, number, text) in cases {
            for (form, expected) in [(BigintForm::Number, number), (BigintForm::Text, text)] {
                let mut out = String::new();
                write_value(&kind, &value, form, &mut out);
                assert_eq!(out, expected, "{value:?} as {form:?}");
            }
        }
    }
}
