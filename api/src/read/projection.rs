//! Columns of an answer, and rows written with them as JSON.
//!
//! This is the hot path: a value is written straight from the bytes of its row.

use schemas::field::json_string;
use schemas::serving::View;

use crate::read::rows::{LoadedRow, RowReader};

/// The columns of an answer in their order, each with the JSON text before its value.
pub(crate) struct Projection(Vec<(usize, String)>);

impl Projection {
    /// All columns of the view.
    pub(crate) fn all(view: &View) -> Self {
        Self::of(view, 0..view.columns.len())
    }

    /// These columns, each of which is there once.
    pub(crate) fn of(view: &View, columns: impl IntoIterator<Item = usize>) -> Self {
        let mut fields: Vec<(usize, String)> = Vec::new();
        for column in columns {
            debug_assert!(fields.iter().all(|(known, _)| *known != column), "column {column} is selected twice");
            let mut text = String::from(if fields.is_empty() { "{" } else { "," });
            json_string(&view.columns[column].name, &mut text);
            text.push(':');
            fields.push((column, text));
        }
        Self(fields)
    }

    /// Appends a row as a JSON object.
    pub(crate) fn write(&self, reader: &RowReader<'_>, row: &LoadedRow, out: &mut String) {
        for (column, before) in &self.0 {
            out.push_str(before);
            reader.value(row, *column).write_json(out);
        }
        out.push('}');
    }
}
