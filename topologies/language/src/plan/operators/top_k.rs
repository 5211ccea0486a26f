//! The first rows of each partition: `ORDER BY ... LIMIT` and bounded `ROW_NUMBER()`.

use std::collections::BTreeSet;

use schemas::serving::IndexColumn;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::identity::serving::index_column;
use crate::plan::scalar::Scalar;

/// Keeps the first rows of each partition.
#[derive(Clone, Debug)]
pub struct TopK {
    /// the input
    pub input: NodeId,
    /// columns of the partition
    pub partition: Vec<usize>,
    /// the order within it
    pub order: Vec<IndexColumn>,
    /// number of rows
    pub limit: usize,
    /// number of rows that are skipped before
    pub offset: usize,
    /// true if the row number is appended as a column
    pub rank: bool,
}

impl PlanOperator for TopK {
    const TAG: u8 = 11;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, _: &[InputRows<'_>]) -> RowProperties {
        RowProperties::changing(self.partition.is_empty() && self.limit <= 1)
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        // Of a stream, whose rows are never retracted, the first rows are enough.
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.counts(&self.partition);
        form.each(self.order.iter(), index_column);
        form.counts(&[self.limit, self.offset]);
        form.flag(self.rank);
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, width: usize, known: &dyn Uniqueness) -> bool {
        let is_partition = self.partition.iter().all(|column| columns.contains(column));
        let by_place = self.limit == 1 || (self.rank && columns.contains(&(width - 1)));
        (is_partition && by_place) || known.is_unique(self.input, columns)
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let Self { input, partition, order, limit, offset, rank } = self;
        let column = |column: &IndexColumn| {
            format!("{}{}", names.list(*input, &[column.column]), if column.descending { " DESC" } else { "" })
        };
        let order: Vec<String> = order.iter().map(column).collect();
        let skip = if *offset > 0 { format!(" after {offset}") } else { String::new() };
        let rank = if *rank { " with rank" } else { "" };
        format!("TopK {limit}{skip} by [{}] order {}{rank}", names.list(*input, partition), order.join(", "))
    }
}
