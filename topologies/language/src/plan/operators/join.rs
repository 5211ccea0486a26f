//! Pairs of rows with equal keys.

use std::collections::BTreeSet;

use super::definition::{InputRows, NodeColumn, NodeId, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness};
use super::side::{self, Side, describe_keys};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Joins rows with equal keys.
#[derive(Clone, Debug)]
pub struct Join {
    /// one side
    pub left: Side,
    /// the other side
    pub right: Side,
    /// its columns
    pub output: Vec<JoinField>,
}

/// Origin of an output column of a join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JoinField {
    /// the n-th column of the key
    Key(usize),
    /// the n-th carried column of the left side
    Left(usize),
    /// the n-th carried column of the right side
    Right(usize),
}

impl PlanOperator for Join {
    const TAG: u8 = 6;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.left.input, self.right.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties {
            append_only: inputs.iter().all(|input| input.append_only),
            unbounded: None,
            single_row: inputs.iter().all(|input| input.single_row),
        }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        self.inputs().into_iter().map(|input| (input, "JOIN".to_owned())).collect()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        side::write_form(form, (&self.left, &self.right), refer);
        form.each(self.output.iter(), |form, field| {
            let (tag, at) = match *field {
                JoinField::Key(at) => (1, at),
                JoinField::Left(at) => (2, at),
                JoinField::Right(at) => (3, at),
            };
            form.tag(tag);
            form.count(at);
        });
    }

    /// A pair is known when one side's row is, and with it the key, and then the other side's.
    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        let Self { left, right, output } = self;
        let (mut of_left, mut of_right) = (BTreeSet::new(), BTreeSet::new());
        for field in columns.iter().filter_map(|column| output.get(*column)) {
            match field {
                JoinField::Key(place) => {
                    of_left.insert(left.keys[*place]);
                    of_right.insert(right.keys[*place]);
                }
                JoinField::Left(place) => drop(of_left.insert(left.values[*place])),
                JoinField::Right(place) => drop(of_right.insert(right.values[*place])),
            }
        }
        let with = |columns: &BTreeSet<usize>, keys: &[usize]| columns.iter().chain(keys).copied().collect::<BTreeSet<usize>>();
        let left_decides = known.is_unique(left.input, &of_left) && known.is_unique(right.input, &with(&of_right, &right.keys));
        left_decides || (known.is_unique(right.input, &of_right) && known.is_unique(left.input, &with(&of_left, &left.keys)))
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let carried = self.output.iter().filter(|field| !matches!(field, JoinField::Key(_))).count();
        format!("Join on {}  keeps both sides, carries {carried} columns", describe_keys(&self.left, &self.right, names))
    }
}
