//! The description of a reduction: its key, its inputs and its aggregates. Definitions alone: nothing is computed here.

use schemas::aggregate::AggregateKind;
use schemas::field::FieldKind;

/// The aggregates to compute for each group.
#[derive(Clone, Debug, PartialEq)]
pub struct ReduceSpec {
    /// the kinds of the key's fields
    pub key_kinds: Vec<FieldKind>,
    /// the kinds of the value row's fields
    pub value_kinds: Vec<FieldKind>,
    /// the aggregates, in the order of the output
    pub aggregates: Vec<AggregateSpec>,
    /// there is no GROUP BY: the key is empty, and there is one row even when there is no input
    pub global: bool,
    /// nothing is ever retracted: min and max keep only the best value
    pub append_only: bool,
    /// the view, for error rows
    pub relation: String,
}

/// One aggregate of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateSpec {
    /// the function
    pub kind: AggregateKind,
    /// fields of the value row: the arguments first, then the ordering fields
    pub input: Vec<usize>,
    /// a boolean field of the value row: only rows in which it is true count
    pub filter: Option<usize>,
    /// the aggregate as SQL, for error rows
    pub expression: String,
}
