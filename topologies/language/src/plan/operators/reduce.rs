//! One row for each group: GROUP BY and aggregates.

use std::collections::BTreeSet;

use schemas::aggregate::{AggregateKind, BitOperation, Deviation, Fractions, Percentile, Regression};

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
            | AggregateKind::StringAgg { .. }
            | AggregateKind::Percentile(_)
            | AggregateKind::Mode { .. }
            | AggregateKind::JsonArray { .. }
            | AggregateKind::JsonObject { .. } => true,
            AggregateKind::Min | AggregateKind::Max | AggregateKind::First { .. } => !append_only,
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
pub(super) fn write_kind(form: &mut Form, kind: &AggregateKind) {
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
            directions(form, order);
            form.flag(*distinct);
        }
        AggregateKind::StringAgg { separator, order, distinct } => {
            form.tag(9);
            form.text(separator);
            directions(form, order);
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
        AggregateKind::Deviation(of) => deviation(form.tagged(16), *of),
        AggregateKind::FloatDeviation(of) => deviation(form.tagged(17), *of),
        AggregateKind::Regression(of) => form.tagged(18).tag(regression_tag(*of)),
        AggregateKind::Percentile(of) => percentile(form.tagged(19), of),
        AggregateKind::Mode { is_descending } => form.tagged(20).flag(*is_descending),
        AggregateKind::First { order, needs_key } => {
            form.tag(21);
            directions(form, order);
            form.flag(*needs_key);
        }
        AggregateKind::Bits(BitOperation::And) => form.tagged(22).tag(1),
        AggregateKind::Bits(BitOperation::Or) => form.tagged(22).tag(2),
        AggregateKind::Bits(BitOperation::Xor) => form.tagged(22).tag(3),
        AggregateKind::JsonArray { order, distinct } => {
            form.tag(23);
            directions(form, order);
            form.flag(*distinct);
        }
        AggregateKind::JsonObject { order } => directions(form.tagged(24), order),
    }
}

/// Writes the directions of ordering columns.
fn directions(form: &mut Form, order: &[bool]) {
    form.each(order.iter(), |form, descending| form.flag(*descending));
}

fn deviation(form: &mut Form, of: Deviation) {
    form.flag(of.is_sample);
    form.flag(of.is_root);
}

fn percentile(form: &mut Form, of: &Percentile) {
    form.flag(of.is_continuous);
    form.flag(of.is_descending);
    match &of.fractions {
        Fractions::One(fraction) => form.tagged(1).number(fraction.to_bits()),
        Fractions::List(fractions) => {
            form.tagged(2).each(fractions.iter(), |form, fraction| form.number(fraction.to_bits()));
        }
    }
}

/// The tag of a statistic of pairs. Every one has a tag that no other ever gets.
fn regression_tag(of: Regression) -> u8 {
    match of {
        Regression::Count => 1,
        Regression::AverageX => 2,
        Regression::AverageY => 3,
        Regression::SquaresX => 4,
        Regression::SquaresY => 5,
        Regression::Products => 6,
        Regression::CovariancePopulation => 7,
        Regression::CovarianceSample => 8,
        Regression::Correlation => 9,
        Regression::Slope => 10,
        Regression::Intercept => 11,
        Regression::Determination => 12,
    }
}
