//! Values of an answer with names and casts, written as JSON or as CSV.
//!
//! Owns [`Selection`]. Rows enter; their text leaves, or the error of a cast that a row does not allow.

use schemas::field::{FieldKind, Value, json_string};
use schemas::jsonb::{Jsonb, shown};
use schemas::serving::View;

use crate::read::cast::{CastTarget, cast, cast_json};
use crate::read::expression_error::ExpressionError;
use crate::read::limits::SELECTED_TIMES_MAX;
use crate::read::projection::{BigintForm, write_value};
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::source::{ValueSource, json_at, json_text, written_json};

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SelectedValue {
    /// its name in the answer
    pub(crate) name: String,
    /// the value
    pub(crate) source: ValueSource,
    /// the type that it is cast to
    pub(crate) cast: Option<CastTarget>,
}

/// The values of an answer in their order; each name is there once.
#[derive(Debug)]
pub(crate) struct Selection<'v> {
    view: &'v View,
    values: Vec<SelectedValue>,
    form: BigintForm,
    strips_nulls: bool,
}

/// A value as it is written.
enum WrittenValue<'r> {
    Typed(Value<'r>),
    Json(Jsonb<'static>),
}

impl<'v> Selection<'v> {
    /// The selection of these values of a view's rows.
    pub(crate) fn new(view: &'v View, values: Vec<SelectedValue>) -> Result<Self, ExpressionError> {
        for (number, value) in values.iter().enumerate() {
            if values[..number].iter().any(|known| known.name == value.name) {
                return Err(ExpressionError::SelectedTwice { name: value.name.clone() });
            }
            let column = value.source.column();
            if values[..number].iter().filter(|known| known.source.column() == column).count() >= SELECTED_TIMES_MAX {
                return Err(ExpressionError::SelectedTooOften { name: view.columns[column].name.clone() });
            }
            if let Some(target) = &value.cast {
                target.check(value.source.kind(|column| &view.columns[column].kind))?;
            }
        }
        Ok(Self { view, values, form: BigintForm::default(), strips_nulls: false })
    }

    /// Number of times that the bytes of a row are read for it, beside being written.
    pub(crate) fn weight(&self) -> usize {
        self.values.iter().filter(|value| value.source.is_place()).count()
    }

    /// The same with BIGINT in this form.
    pub(crate) fn with_bigints(self, form: BigintForm) -> Self {
        Self { form, ..self }
    }

    /// The same without members that are NULL.
    pub(crate) fn without_nulls(self) -> Self {
        Self { strips_nulls: true, ..self }
    }

    /// Appends a row as a JSON object.
    pub(crate) fn write_object(&self, reader: &RowReader<'_>, row: &LoadedRow, out: &mut String) -> Result<(), ExpressionError> {
        let mut separator = '{';
        for value in &self.values {
            let written = self.value(value, reader, row)?;
            if self.strips_nulls && written.is_null() {
                continue;
            }
            out.push(separator);
            separator = ',';
            json_string(&value.name, out);
            out.push(':');
            self.write_json(value, &written, out);
        }
        out.push_str(if separator == '{' { "{}" } else { "}" });
        Ok(())
    }

    /// Appends the names as the first line of CSV.
    pub(crate) fn write_header(&self, out: &mut String) {
        for (number, value) in self.values.iter().enumerate() {
            out.push_str(if number == 0 { "" } else { "," });
            csv_field(&value.name, out);
        }
        out.push('\n');
    }

    /// Appends a row as a line of CSV: NULL is nothing, and a text without letters is `""`.
    pub(crate) fn write_line(&self, reader: &RowReader<'_>, row: &LoadedRow, out: &mut String) -> Result<(), ExpressionError> {
        for (number, value) in self.values.iter().enumerate() {
            out.push_str(if number == 0 { "" } else { "," });
            match self.value(value, reader, row)? {
                WrittenValue::Typed(Value::Null) => {}
                WrittenValue::Typed(Value::Text(text)) => csv_field(&text, out),
                WrittenValue::Typed(Value::Json(json)) => csv_json(Jsonb::read(&json), out),
                WrittenValue::Json(json) => csv_json(json, out),
                written => {
                    let mut json = String::new();
                    self.write_json(value, &written, &mut json);
                    // The text of a string is written without the quotes and escapes that JSON needs.
                    let text = serde_json::from_str::<String>(&json).ok();
                    csv_field(text.as_deref().unwrap_or(&json), out);
                }
            }
        }
        out.push('\n');
        Ok(())
    }

    fn value<'r>(
        &self,
        value: &SelectedValue,
        reader: &RowReader<'_>,
        row: &'r LoadedRow,
    ) -> Result<WrittenValue<'r>, ExpressionError> {
        let found = match &value.source {
            ValueSource::Column(column) => WrittenValue::Typed(reader.value(row, *column)),
            ValueSource::Json { column, steps } => of_json(json_at(reader, row, *column, steps)),
            ValueSource::JsonText { column, steps } => {
                let text = json_at(reader, row, *column, steps).and_then(json_text);
                WrittenValue::Typed(text.map_or(Value::Null, |text| Value::Text(text.into())))
            }
        };
        Ok(match (found, &value.cast) {
            (found, None) => found,
            (WrittenValue::Typed(found), Some(CastTarget::Kind(to))) => WrittenValue::Typed(cast(found, to)?),
            (WrittenValue::Json(found), Some(CastTarget::Kind(to))) => WrittenValue::Typed(cast_json(found, to)?),
            (WrittenValue::Typed(Value::Text(text)), Some(CastTarget::Json)) => {
                let bad = |_| ExpressionError::BadSyntax { kind: "json".to_owned(), text: text.to_string() };
                WrittenValue::Json(Jsonb::parse(&text).and_then(|json| json.canonical().map(|_| json.into_owned())).map_err(bad)?)
            }
            (found, Some(CastTarget::Json)) => found,
        })
    }

    fn write_json(&self, value: &SelectedValue, written: &WrittenValue<'_>, out: &mut String) {
        let kind = match (&value.cast, &value.source) {
            (Some(CastTarget::Kind(kind)), _) => kind,
            (_, ValueSource::Column(column)) => &self.view.columns[*column].kind,
            _ => &FieldKind::Text,
        };
        match written {
            WrittenValue::Typed(found) => write_value(kind, found, self.form, out),
            WrittenValue::Json(json) => out.push_str(&written_json(json)),
        }
    }
}

impl WrittenValue<'_> {
    fn is_null(&self) -> bool {
        matches!(self, Self::Typed(Value::Null) | Self::Json(Jsonb::Null))
    }
}

fn of_json<'r>(json: Option<Jsonb<'static>>) -> WrittenValue<'r> {
    json.map_or(WrittenValue::Typed(Value::Null), WrittenValue::Json)
}

/// Appends JSON as a field of CSV: a string as its text, anything else as PostgreSQL prints it.
fn csv_json(json: Jsonb<'_>, out: &mut String) {
    match json {
        Jsonb::Text(text) => csv_field(&text, out),
        other => csv_field(&shown(&written_json(&other)), out),
    }
}

/// Appends a field of CSV (RFC 4180), with quotes where it needs them.
fn csv_field(text: &str, out: &mut String) {
    if !text.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return out.push_str(text);
    }
    out.push('"');
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv_are_quoted_where_they_need_it() {
        for (text, expected) in [("a b", "a b"), ("", "\"\""), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\nb", "\"a\nb\"")] {
            let mut out = String::new();
            csv_field(text, &mut out);
            assert_eq!(out, expected);
        }
    }
}
