//! Columns of a view by name.

use schemas::serving::View;

use crate::read::error::ReadError;
use crate::read::suggest::nearest;

/// The position of a column.
pub(crate) fn column(view: &View, name: &str) -> Result<usize, ReadError> {
    column_or(view, name, &[])
}

/// The position of a column, where the name might have been meant for one of `others` as well.
pub(crate) fn column_or(view: &View, name: &str, others: &[&str]) -> Result<usize, ReadError> {
    let names = || view.columns.iter().map(|column| column.name.as_str());
    names().position(|known| known == name).ok_or_else(|| ReadError::UnknownColumn {
        view: view.name.clone(),
        column: name.to_owned(),
        suggestion: nearest(name, names().chain(others.iter().copied())),
    })
}
