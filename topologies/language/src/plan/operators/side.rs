//! Inputs of operators that compare keys: which columns are compared, and which are carried.

use super::definition::{NodeColumn, NodeId, NodeReference, PlanNames, ReferenceForm};
use crate::plan::identity::form::Form;

/// An input of a join: which columns are its key and which others it must carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// the input
    pub input: NodeId,
    /// columns that are compared, in order
    pub keys: Vec<usize>,
    /// columns that are carried, ascending, without those of the key
    pub values: Vec<usize>,
}

impl Side {
    /// A side that carries every column of its input.
    pub fn with_all_columns(input: NodeId, keys: Vec<usize>, columns: &[NodeColumn]) -> Self {
        let values = (0..columns.len()).filter(|column| !keys.contains(column)).collect();
        Self { input, keys, values }
    }
}

/// Writes two sides.
pub fn write_form(form: &mut Form, (left, right): (&Side, &Side), refer: ReferenceForm<'_>) {
    for side in [left, right] {
        refer(form, NodeReference::Node(side.input));
        form.counts(&side.keys);
        form.counts(&side.values);
    }
}

/// Describes the equalities between two sides.
pub fn describe_keys(left: &Side, right: &Side, names: &dyn PlanNames) -> String {
    let (lefts, rights) = (names.columns(left.input), names.columns(right.input));
    let pairs = left.keys.iter().zip(&right.keys).map(|(&a, &b)| format!("{} = {}", lefts[a], rights[b]));
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { "nothing (one side has a single row)".to_owned() } else { pairs.join(" AND ") }
}
