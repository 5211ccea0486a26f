//! Each row once.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Gives out each row once.
#[derive(Clone, Debug)]
pub struct Distinct {
    /// the input
    pub input: NodeId,
}

impl PlanOperator for Distinct {
    const TAG: u8 = 10;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties::of(&inputs[0])
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        vec![(self.input, "DISTINCT".to_owned())]
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, width: usize, known: &dyn Uniqueness) -> bool {
        columns.len() == width || known.is_unique(self.input, columns)
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], _: &dyn PlanNames) -> String {
        "Distinct  keeps a count per row".to_owned()
    }
}
