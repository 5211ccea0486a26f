//! Rows between two instants of the wall clock: comparisons with `NOW()`.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Holds rows from `from` on and until `until`, columns of the input, by the wall clock of the epochs.
#[derive(Clone, Debug)]
pub struct TemporalFilter {
    /// the input
    pub input: NodeId,
    /// first instant, inclusive
    pub from: Option<usize>,
    /// last instant, exclusive
    pub until: Option<usize>,
}

impl PlanOperator for TemporalFilter {
    const TAG: u8 = 5;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        let below = RowProperties::of(&inputs[0]);
        RowProperties {
            append_only: below.append_only && self.until.is_none(),
            // With an end, old rows go: the size is bounded by time.
            unbounded: below.unbounded.filter(|_| self.until.is_none()),
            single_row: below.single_row,
        }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        // The lowering of conditions refuses a stream that only begins to satisfy one, in words of its own.
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.optional(self.from, Form::count);
        form.optional(self.until, Form::count);
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        known.is_unique(self.input, columns)
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let bound = |word: &str, column: Option<usize>| match column {
            Some(column) => format!(" {word} {}", names.list(self.input, &[column])),
            None => String::new(),
        };
        let (from, until) = (bound("from", self.from), bound("until", self.until));
        format!("TemporalFilter{from}{until}  keeps rows that can still change")
    }
}
