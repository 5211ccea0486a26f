//! Rows with what functions make of the rows around them: `OVER (PARTITION BY ... ORDER BY ...)`.

use std::collections::BTreeSet;

use schemas::serving::IndexColumn;
use schemas::window::{FrameBound, FrameDistance, FrameUnit, WindowFrame, WindowKind};

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use super::reduce::write_kind;
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::identity::serving::index_column;
use crate::plan::scalar::Scalar;

/// Appends the results of functions over the rows of each partition in one order.
#[derive(Clone, Debug)]
pub struct Window {
    /// the input
    pub input: NodeId,
    /// columns of the partition
    pub partition: Vec<usize>,
    /// the order within it; ties are broken by the whole row
    pub order: Vec<IndexColumn>,
    /// the functions, whose results are appended in this order
    pub calls: Vec<WindowCall>,
}

/// One function of a window.
#[derive(Clone, Debug)]
pub struct WindowCall {
    /// the function
    pub kind: WindowKind,
    /// columns of the input: arguments, then ordering columns of an aggregate
    pub inputs: Vec<usize>,
    /// a boolean column: of an aggregate only rows where it is true count
    pub filter: Option<usize>,
    /// the rows around a row
    pub frame: WindowFrame,
}

impl PlanOperator for Window {
    const TAG: u8 = 16;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
        RowProperties::changing(inputs[0].single_row)
    }

    fn keeps(&self, _: &[InputRows<'_>], columns: &[NodeColumn]) -> Vec<(NodeId, String)> {
        let first = columns.len() - self.calls.len();
        columns[first..].iter().take(1).map(|column| (self.input, format!("the window function '{}'", column.name))).collect()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.counts(&self.partition);
        form.each(self.order.iter(), index_column);
        form.each(self.calls.iter(), |form, call| {
            write_window_kind(form, &call.kind);
            form.counts(&call.inputs);
            form.optional(call.filter, Form::count);
            write_frame(form, &call.frame);
        });
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, width: usize, known: &dyn Uniqueness) -> bool {
        let first = width - self.calls.len();
        let is_number = |(_, call): &(usize, &WindowCall)| call.kind == WindowKind::RowNumber;
        let mut numbers = self.calls.iter().enumerate().filter(is_number);
        let by_place = self.partition.iter().all(|column| columns.contains(column))
            && numbers.any(|(place, _)| columns.contains(&(first + place)));
        let below = columns.iter().copied().filter(|column| *column < first).collect();
        by_place || known.is_unique(self.input, &below)
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, columns: &[String], names: &dyn PlanNames) -> String {
        let column = |column: &IndexColumn| {
            format!("{}{}", names.list(self.input, &[column.column]), if column.descending { " DESC" } else { "" })
        };
        let order: Vec<String> = self.order.iter().map(column).collect();
        let computed = columns[columns.len() - self.calls.len()..].join(", ");
        let partition = names.list(self.input, &self.partition);
        format!("Window by [{partition}] order {} {computed}  keeps its rows", order.join(", "))
    }
}

/// Writes a window function. Every kind has a tag that no other ever gets.
fn write_window_kind(form: &mut Form, kind: &WindowKind) {
    match kind {
        WindowKind::RowNumber => form.tag(1),
        WindowKind::Rank => form.tag(2),
        WindowKind::DenseRank => form.tag(3),
        WindowKind::PercentRank => form.tag(4),
        WindowKind::CumeDist => form.tag(5),
        WindowKind::Ntile { buckets } => form.tagged(6).number(*buckets),
        WindowKind::Neighbour { offset } => form.tagged(7).number(*offset),
        WindowKind::FirstValue => form.tag(8),
        WindowKind::LastValue => form.tag(9),
        WindowKind::NthValue { place } => form.tagged(10).number(*place),
        WindowKind::Aggregate(kind) => write_kind(form.tagged(11), kind),
    }
}

fn write_frame(form: &mut Form, frame: &WindowFrame) {
    form.tag(match frame.unit {
        FrameUnit::Rows => 1,
        FrameUnit::Range => 2,
        FrameUnit::Groups => 3,
    });
    for bound in [&frame.start, &frame.end] {
        match bound {
            FrameBound::First => form.tag(1),
            FrameBound::Preceding(distance) => write_distance(form.tagged(2), distance),
            FrameBound::Current => form.tag(3),
            FrameBound::Following(distance) => write_distance(form.tagged(4), distance),
            FrameBound::Last => form.tag(5),
        }
    }
}

fn write_distance(form: &mut Form, distance: &FrameDistance) {
    match distance {
        FrameDistance::Count(count) => form.tagged(1).number(*count),
        FrameDistance::Units(units) => form.tagged(2).number(*units),
        FrameDistance::Numeric(number) => form.tagged(3).text(&number.trimmed().to_string()),
        FrameDistance::Float(number) => form.tagged(4).number(number.to_bits()),
    }
}
