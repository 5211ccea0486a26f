//! Rows as an index stores them, read by the columns of the view.
//!
//! Owns [`RowReader`], which knows where each column lies. Stored bytes enter; fields in ascending form and values leave.

use schemas::field::{FieldEnds, Value};
use schemas::row::Row;
use schemas::serving::IndexLayout;

/// Finds the columns of a view in the rows of one of its indexes.
pub(crate) struct RowReader<'a> {
    layout: &'a IndexLayout,
    places: Vec<usize>,
}

/// One row in ascending form, and where its fields end.
pub(crate) struct LoadedRow {
    row: Row,
    ends: FieldEnds,
}

impl<'a> RowReader<'a> {
    /// A reader of rows of this layout.
    pub(crate) fn new(layout: &'a IndexLayout) -> Self {
        let mut places = vec![0; layout.order.len()];
        for (place, &column) in layout.order.iter().enumerate() {
            places[column] = place;
        }
        Self { layout, places }
    }

    /// Prepares a stored row for reading.
    pub(crate) fn load(&self, stored: &[u8]) -> LoadedRow {
        let (row, ends) = self.layout.load(stored);
        LoadedRow { row, ends }
    }

    /// The encoded field of a column.
    pub(crate) fn field<'r>(&self, row: &'r LoadedRow, column: usize) -> &'r [u8] {
        let place = self.places[column];
        &row.row.as_bytes()[row.start(place)..row.ends[place]]
    }

    /// The value of a column.
    pub(crate) fn value<'r>(&self, row: &'r LoadedRow, column: usize) -> Value<'r> {
        let place = self.places[column];
        self.layout.kinds[place].read(row.row.as_bytes(), row.start(place))
    }
}

impl LoadedRow {
    fn start(&self, place: usize) -> usize {
        if place == 0 { 0 } else { self.ends[place - 1] }
    }
}
