//! Filters, then computed columns: WHERE and SELECT without state.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::identity::scalar;
use crate::plan::scalar::Scalar;

/// Filters rows, then computes columns.
#[derive(Clone, Debug)]
pub struct Map {
    /// the input
    pub input: NodeId,
    /// conditions, tested in order
    pub predicates: Vec<Scalar>,
    /// the columns
    pub outputs: Vec<Scalar>,
}

impl PlanOperator for Map {
    const TAG: u8 = 4;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties::of(&inputs[0])
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, column: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.each(self.predicates.iter(), |form, predicate| scalar::write(form, predicate, column));
        form.each(self.outputs.iter(), |form, output| scalar::write(form, output, column));
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        let column = |output: &usize| match self.outputs.get(*output) {
            Some(Scalar::Column(column)) => Some(*column),
            _ => None,
        };
        known.is_unique(self.input, &columns.iter().filter_map(column).collect())
    }

    fn scalars(&self) -> Vec<&Scalar> {
        self.predicates.iter().chain(&self.outputs).collect()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let columns = names.columns(self.input);
        let list = |scalars: &[Scalar]| scalars.iter().map(|scalar| scalar.describe(&columns)).collect::<Vec<_>>();
        let filter = match self.predicates.is_empty() {
            true => String::new(),
            false => format!(" where {}", list(&self.predicates).join(" AND ")),
        };
        format!("Map [{}]{filter}", list(&self.outputs).join(", "))
    }
}
