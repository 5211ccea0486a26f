//! One row for each group: GROUP BY and aggregates.

use std::collections::BTreeSet;

use schemas::aggregate::AggregateKind;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::identity::types;
use crate::plan::scalar::Scalar;

/// Groups rows and computes aggregates of each group.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// the input
    pub input: NodeId,
    /// columns of the group
    pub keys: Vec<usize>,
    /// the aggregates of each group
    pub aggregates: Vec<Aggregate>,
    /// no GROUP BY: one row even when there is no input
    pub global: bool,
}

/// One aggregate of a reduce node.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// the function
    pub kind: AggregateKind,
    /// columns of the input: arguments, then ordering columns
    pub inputs: Vec<usize>,
    /// a boolean column: only rows where it is true count
    pub filter: Option<usize>,
}

impl Aggregate {
    /// Returns true if every row of the group has to be kept for it.
    fn keeps_rows(&self, append_only: bool) -> bool {
        match self.kind {
            AggregateKind::CountDistinct
            | AggregateKind::OfDistinct(_)
            | AggregateKind::ArrayAgg { .. }
            | AggregateKind::StringAgg { .. } => true,
            AggregateKind::Min | AggregateKind::Max => !append_only,
            _ => false,
        }
    }
}

impl PlanOperator for Reduce {
    const TAG: u8 = 9;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, _: &[InputRows<'_>]) -> RowProperties {
        RowProperties::changing(self.global)
    }

    fn keeps(&self, inputs: &[InputRows<'_>], columns: &[NodeColumn]) -> Vec<(NodeId, String)> {
        let computed = self.aggregates.iter().zip(&columns[self.keys.len()..]);
        let keeping = computed.filter(|(aggregate, _)| aggregate.keeps_rows(inputs[0].append_only));
        keeping.map(|(_, column)| (self.input, format!("the aggregate '{}'", column.name))).collect()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.counts(&self.keys);
        form.each(self.aggregates.iter(), |form, aggregate| {
            write_kind(form, &aggregate.kind);
            form.counts(&aggregate.inputs);
            form.optional(aggregate.filter, Form::count);
        });
        form.flag(self.global);
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, _: &dyn Uniqueness) -> bool {
        (0..self.keys.len()).all(|column| columns.contains(&column))
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, columns: &[String], names: &dyn PlanNames) -> String {
        let computed = columns[self.keys.len()..].join(", ");
        format!("Reduce by [{}] {computed}  keeps one state per group", names.list(self.input, &self.keys))
    }
}

/// Writes an aggregate function. Every kind has a tag that no other ever gets.
fn write_kind(form: &mut Form, kind: &AggregateKind) {
    match kind {
        AggregateKind::CountAll => form.tag(1),
        AggregateKind::Count => form.tag(2),
        AggregateKind::Sum { output } => {
            form.tag(3);
            types::field_kind(form, output);
        }
        AggregateKind::Average { output } => {
            form.tag(4);
            types::field_kind(form, output);
        }
        AggregateKind::Min => form.tag(5),
        AggregateKind::Max => form.tag(6),
        AggregateKind::CountDistinct => form.tag(7),
        AggregateKind::ArrayAgg { item, order, distinct } => {
            form.tag(8);
            types::field_kind(form, item);
            form.each(order.iter(), |form, descending| form.flag(*descending));
            form.flag(*distinct);
        }
        AggregateKind::StringAgg { separator, order, distinct } => {
            form.tag(9);
            form.text(separator);
            form.each(order.iter(), |form, descending| form.flag(*descending));
            form.flag(*distinct);
        }
        AggregateKind::BoolAnd => form.tag(10),
        AggregateKind::BoolOr => form.tag(11),
        AggregateKind::DecayedSum { half_life_micros } => {
            form.tag(12);
            form.number(*half_life_micros);
        }
        AggregateKind::FloatSum => form.tag(13),
        AggregateKind::FloatAverage => form.tag(14),
        AggregateKind::OfDistinct(of) => {
            form.tag(15);
            write_kind(form, of);
        }
    }
}
