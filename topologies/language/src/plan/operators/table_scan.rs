//! The rows of a table: the state that a stream folds into.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, TableNames, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Reads the rows of a table.
#[derive(Clone, Debug)]
pub struct TableScan {
    /// the number of the table
    pub table: usize,
}

impl PlanOperator for TableScan {
    const TAG: u8 = 2;

    fn inputs(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn properties(&self, _: &[InputRows<'_>]) -> RowProperties {
        RowProperties::changing(false)
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Table(self.table));
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        known.primary_key(self.table).iter().all(|column| columns.contains(column))
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let TableNames { table, key, folded, rows } = names.table(self.table);
        let begins = if rows == 0 { String::new() } else { format!("begins with {rows} rows, ") };
        let folded = folded.as_deref().unwrap_or("nothing");
        format!("Table {table} ({})  {begins}folds {folded}, keeps one row per key", key.join(", "))
    }
}
