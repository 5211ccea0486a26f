//! The description of the windows over the rows of each key. Definitions alone: nothing is computed here.

use schemas::field::FieldKind;
use schemas::window::{WindowFrame, WindowKind};

/// The most rows of one key over which window functions are computed: a key with more has an error in place of its rows.
pub const WINDOW_ROWS_MAX: usize = 1 << 20;

/// The functions to compute for each row, over the rows of its key in one order.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    /// the kinds of the key's fields, for error rows
    pub key_kinds: Vec<FieldKind>,
    /// the kinds of the row's fields
    pub kinds: Vec<FieldKind>,
    /// the ordering fields of the row; true for those that are descending
    pub order: Vec<(usize, bool)>,
    /// the functions, in the order of the output
    pub calls: Vec<WindowCall>,
    /// the most rows of a key, [`WINDOW_ROWS_MAX`] but in tests
    pub rows_max: usize,
    /// the view, for error rows
    pub relation: String,
}

/// One function over the rows around a row.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    /// the function
    pub kind: WindowKind,
    /// fields of the row: the arguments first, then the ordering fields of an aggregate
    pub input: Vec<usize>,
    /// a boolean field: of an aggregate, only rows in which it is true count
    pub filter: Option<usize>,
    /// the rows that aggregates and values of the frame are of
    pub frame: WindowFrame,
    /// the call as SQL, for error rows
    pub expression: String,
}
