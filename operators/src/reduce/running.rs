//! One aggregate over rows that come and go, for operators that aggregate other sets of rows than groups.
//!
//! Rows enter with a difference, the result leaves as a field, as often as it is asked for.

use schemas::field::{FieldKind, field_ends};
use schemas::row::{Diff, Row};

use super::accumulator::{Accumulator, Fields};
use super::spec::AggregateSpec;

/// An aggregate over a set of rows that changes.
///
/// Invariant: it is that of the rows that are in the set, whatever has been in it before: taking a row in and out again leaves nothing.
pub(crate) struct Running<'a> {
    spec: &'a AggregateSpec,
    /// the kinds of the rows' fields
    kinds: &'a [FieldKind],
    accumulator: Accumulator,
}

impl<'a> Running<'a> {
    /// The aggregate over no rows.
    pub(crate) fn new(spec: &'a AggregateSpec, kinds: &'a [FieldKind]) -> Self {
        Self { spec, kinds, accumulator: Accumulator::new(spec, false) }
    }

    /// Takes a row in `diff` times, unless the filter is not true for it.
    pub(crate) fn add(&mut self, row: &[u8], diff: Diff) {
        let ends = field_ends(self.kinds, row);
        let fields = Fields { row, ends: &ends, kinds: self.kinds };
        if self.spec.filter.is_none_or(|field| fields.is_true(field)) {
            self.accumulator.add(self.spec, &fields, diff);
        }
    }

    /// Appends the result.
    ///
    /// # Errors
    /// The reason why the rows have none: a result that its column or a limit cannot hold.
    pub(crate) fn finish(&self, out: &mut Row) -> Result<(), String> {
        self.accumulator.finish(self.spec, self.kinds, out).map_err(|error| error.to_string())
    }
}
