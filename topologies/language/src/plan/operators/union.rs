//! All rows of all inputs: UNION ALL, and the parts of outer joins.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Gives out all rows of all inputs.
#[derive(Clone, Debug)]
pub struct Union {
    /// the inputs
    pub inputs: Vec<NodeId>,
}

impl PlanOperator for Union {
    const TAG: u8 = 12;

    fn inputs(&self) -> Vec<NodeId> {
        self.inputs.clone()
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties {
            append_only: inputs.iter().all(|input| input.append_only),
            unbounded: inputs.iter().find_map(|input| input.unbounded).map(str::to_owned),
            single_row: false,
        }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        form.each(self.inputs.iter(), |form, input| refer(form, NodeReference::Node(*input)));
    }

    fn is_unique(&self, _: &BTreeSet<usize>, _: usize, _: &dyn Uniqueness) -> bool {
        false
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], _: &dyn PlanNames) -> String {
        format!("Union of {}", self.inputs.len())
    }
}
