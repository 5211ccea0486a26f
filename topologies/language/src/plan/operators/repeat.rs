//! Copies of rows: EXCEPT ALL and INTERSECT ALL.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Makes as many copies of each row as a BIGINT column says; none when it is not positive.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// the input
    pub input: NodeId,
    /// the column that says how many copies
    pub copies: usize,
}

impl PlanOperator for Repeat {
    const TAG: u8 = 15;

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
        form.count(self.copies);
    }

    fn is_unique(&self, _: &BTreeSet<usize>, _: usize, _: &dyn Uniqueness) -> bool {
        false
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        format!("Repeat {} times", names.list(self.input, &[self.copies]))
    }
}
