//! Rows with a match, or without one: EXISTS and NOT EXISTS.

use std::collections::BTreeSet;

use super::definition::{InputRows, NodeColumn, NodeId, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness};
use super::side::{self, Side, describe_keys};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Keeps rows of the left side whose key is, or is not, among the keys of the right side; all columns of the left.
#[derive(Clone, Debug)]
pub struct Semijoin {
    /// the rows; `keys` and `values` are all its columns
    pub left: Side,
    /// the keys; no values
    pub right: Side,
    /// keep those without a match instead
    pub anti: bool,
}

impl PlanOperator for Semijoin {
    const TAG: u8 = 7;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.left.input, self.right.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties { append_only: false, ..RowProperties::of(&inputs[0]) }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        let words = if self.anti { "NOT EXISTS" } else { "EXISTS" };
        self.inputs().into_iter().map(|input| (input, words.to_owned())).collect()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        side::write_form(form, (&self.left, &self.right), refer);
        form.flag(self.anti);
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        known.is_unique(self.left.input, columns)
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let word = if self.anti { "Antijoin" } else { "Semijoin" };
        format!("{word} on {}", describe_keys(&self.left, &self.right, names))
    }
}
