//! The canonical form of what is served: columns of views, indexes.

use schemas::serving::{Column, Index, IndexColumn};

use super::form::Form;
use super::types;

/// Writes the columns of a view: readers know them by their names.
pub fn view_columns(form: &mut Form, columns: &[Column]) {
    form.each(columns.iter(), |form, column| {
        form.text(&column.name);
        types::field_kind(form, &column.kind);
    });
}

/// Writes an index of a view.
pub fn index(form: &mut Form, index: &Index) {
    form.text(&index.name);
    form.each(index.columns.iter(), index_column);
    form.optional(index.limit, Form::count);
}

/// Writes a column of an order.
pub fn index_column(form: &mut Form, column: &IndexColumn) {
    form.count(column.column);
    form.flag(column.descending);
}
