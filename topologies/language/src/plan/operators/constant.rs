//! Rows that are there from the start: `VALUES`, and conditions that never hold.

use std::collections::BTreeSet;

use schemas::row::Row;

use super::definition::{InputRows, NodeColumn, NodeId, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Gives out the same rows from the start.
#[derive(Clone, Debug)]
pub struct Constant {
    /// the rows
    pub rows: Vec<Row>,
}

impl PlanOperator for Constant {
    const TAG: u8 = 3;

    fn inputs(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn properties(&self, _: &[InputRows<'_>]) -> RowProperties {
        RowProperties { append_only: true, unbounded: None, single_row: self.rows.len() <= 1 }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, _: ReferenceForm<'_>, _: ColumnForm<'_>) {
        form.each(self.rows.iter(), |form, row| form.bytes(row.as_bytes()));
    }

    fn is_unique(&self, _: &BTreeSet<usize>, _: usize, _: &dyn Uniqueness) -> bool {
        false
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], _: &dyn PlanNames) -> String {
        format!("Constant ({} rows)", self.rows.len())
    }
}
