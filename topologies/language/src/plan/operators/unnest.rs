//! One row for each element of a list, or of several lists side by side.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Makes one row for each element of a list; the element is appended to the columns that are kept. Of several lists the elements at one place make
/// one row, with NULL for those of shorter lists.
#[derive(Clone, Debug)]
pub struct Unnest {
    /// the input
    pub input: NodeId,
    /// the lists, in the order of their elements
    pub columns: Vec<usize>,
    /// the columns of the input that each row has: what is not read above would be there once for each element
    pub keep: Vec<usize>,
}

impl PlanOperator for Unnest {
    const TAG: u8 = 13;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties { single_row: false, ..RowProperties::of(&inputs[0]) }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.count(self.columns[0]);
        form.counts(&self.keep);
        // One list has the form that it had before there were several.
        if self.columns.len() > 1 {
            form.counts(&self.columns[1..]);
        }
    }

    fn is_unique(&self, _: &BTreeSet<usize>, _: usize, _: &dyn Uniqueness) -> bool {
        // An element may be in a list twice.
        false
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        format!("Unnest {}", names.list(self.input, &self.columns))
    }
}
