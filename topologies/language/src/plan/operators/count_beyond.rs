//! The number of rows beyond a bound, such as messages behind a read marker, without making the pairs.

use std::collections::BTreeSet;

use schemas::aggregate::Beyond;

use super::definition::{InputRows, NodeColumn, NodeId, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness};
use super::side::{self, Side, describe_keys};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Counts for each row of one side the rows of the other that have the same key and lie beyond a bound. The columns are the key, the other
/// columns of the rows, and the count. Rows with none are left out.
#[derive(Clone, Debug)]
pub struct CountBeyond {
    /// the rows
    pub rows: Side,
    /// the column that is the bound
    pub bound: usize,
    /// the counted rows; the only value is the position
    pub positions: Side,
    /// side of the bound that counts
    pub beyond: Beyond,
}

impl PlanOperator for CountBeyond {
    const TAG: u8 = 8;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.rows.input, self.positions.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties::changing(inputs[0].single_row)
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        self.inputs().into_iter().map(|input| (input, "JOIN".to_owned())).collect()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        side::write_form(form, (&self.rows, &self.positions), refer);
        form.count(self.bound);
        form.tag(match self.beyond {
            Beyond::Greater => 1,
            Beyond::GreaterOrEqual => 2,
            Beyond::Less => 3,
            Beyond::LessOrEqual => 4,
        });
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        let of_row = |column: &usize| self.rows.keys.iter().chain(&self.rows.values).nth(*column).copied();
        known.is_unique(self.rows.input, &columns.iter().filter_map(of_row).collect())
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let Self { rows, bound, positions, beyond } = self;
        let pairs = describe_keys(rows, positions, names);
        let (bound, position) = (names.list(rows.input, &[*bound]), names.list(positions.input, &positions.values));
        format!("CountBeyond {position} {beyond:?} than {bound} on {pairs}  keeps the positions in order")
    }
}
