//! Session windows: rows that follow one another with short pauses.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Assigns rows to sessions; `window_start` and `window_end` are appended.
#[derive(Clone, Debug)]
pub struct Session {
    /// the input
    pub input: NodeId,
    /// columns of the partition
    pub partition: Vec<usize>,
    /// the time
    pub time: usize,
    /// the longest pause within a session
    pub gap_micros: i64,
}

impl PlanOperator for Session {
    const TAG: u8 = 14;

    fn inputs(&self) -> Vec<NodeId> {
        vec![self.input]
    }

    fn properties(&self, _: &[InputRows<'_>]) -> RowProperties {
        RowProperties::changing(false)
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        vec![(self.input, "SESSION".to_owned())]
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Node(self.input));
        form.counts(&self.partition);
        form.count(self.time);
        form.number(self.gap_micros);
    }

    fn is_unique(&self, columns: &BTreeSet<usize>, _: usize, known: &dyn Uniqueness) -> bool {
        known.is_unique(self.input, columns)
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        let seconds = self.gap_micros as f64 / 1e6;
        let (partition, time) = (names.list(self.input, &self.partition), names.list(self.input, &[self.time]));
        format!("Session by [{partition}] over {time} gap {seconds} s  keeps its rows")
    }
}
