//! The events of a source: all columns of its topic.

use std::collections::BTreeSet;

use super::definition::{
    InputRows, NodeColumn, NodeId, NodeReference, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness,
};
use crate::plan::identity::form::{ColumnForm, Form};
use crate::plan::scalar::Scalar;

/// Reads the events of a source.
#[derive(Clone, Debug)]
pub struct SourceScan {
    /// the number of the source
    pub source: usize,
    /// its name, for refusals
    pub name: String,
}

impl PlanOperator for SourceScan {
    const TAG: u8 = 1;

    fn inputs(&self) -> Vec<NodeId> {
        Vec::new()
    }

    fn properties(&self, _: &[InputRows<'_>]) -> RowProperties {
        RowProperties { append_only: true, unbounded: Some(self.name.clone()), single_row: false }
    }

    fn keeps(&self, _: &[InputRows<'_>], _: &[NodeColumn]) -> Vec<(NodeId, String)> {
        Vec::new()
    }

    fn write_form(&self, form: &mut Form, refer: ReferenceForm<'_>, _: ColumnForm<'_>) {
        refer(form, NodeReference::Source(self.source));
    }

    fn is_unique(&self, _: &BTreeSet<usize>, _: usize, _: &dyn Uniqueness) -> bool {
        false
    }

    fn scalars(&self) -> Vec<&Scalar> {
        Vec::new()
    }

    fn describe(&self, _: &[String], names: &dyn PlanNames) -> String {
        format!("Source {}", names.source(self.source))
    }
}
