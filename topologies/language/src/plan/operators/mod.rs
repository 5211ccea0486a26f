//! The table of operators: everything that a node of the plan can do.
//!
//! Owns [`Operator`]. Each operator is one file with its parts and its [`PlanOperator`], and one line of the table below; what the language
//! does with operators goes through that contract. Adding one makes the engine's matches fail to compile until it can run it.

mod constant;
mod count_beyond;
pub mod definition;
mod distinct;
mod join;
mod map;
mod reduce;
mod repeat;
mod semijoin;
mod session;
mod side;
mod source_scan;
mod table_scan;
mod temporal_filter;
mod top_k;
mod union;
mod unnest;
mod window;

use std::collections::BTreeSet;

use super::identity::form::{ColumnForm, Form};
use super::identity::types;
use super::scalar::Scalar;
use definition::{InputRows, NodeColumn, NodeId, PlanNames, PlanOperator, ReferenceForm, RowProperties, Uniqueness};

pub use constant::Constant;
pub use count_beyond::CountBeyond;
pub use distinct::Distinct;
pub use join::{Join, JoinField};
pub use map::Map;
pub use reduce::{Aggregate, Reduce};
pub use repeat::Repeat;
pub use semijoin::Semijoin;
pub use session::Session;
pub use side::Side;
pub use source_scan::SourceScan;
pub use table_scan::TableScan;
pub use temporal_filter::TemporalFilter;
pub use top_k::TopK;
pub use union::Union;
pub use unnest::Unnest;
pub use window::{Window, WindowCall};

/// Makes the enum of operators, and the methods that pass a call on to the operator.
macro_rules! operators {
    ($($(#[$about:meta])* $operator:ident($parts:ident),)*) => {
        /// Operator of a node.
        #[derive(Clone, Debug)]
        pub enum Operator {
            $($(#[$about])* $operator($parts),)*
        }

        /// The tags of all operators.
        const TAGS: &[u8] = &[$($parts::TAG),*];

        impl Operator {
            /// The nodes it reads, in order.
            pub fn inputs(&self) -> Vec<NodeId> {
                match self { $(Self::$operator(parts) => parts.inputs(),)* }
            }

            /// Returns what is known of its rows, given what is known of its inputs.
            pub fn properties(&self, inputs: &[InputRows<'_>]) -> RowProperties {
                match self { $(Self::$operator(parts) => parts.properties(inputs),)* }
            }

            /// The inputs of which it keeps every row, each with the words that a refusal names it by.
            pub fn keeps(&self, inputs: &[InputRows<'_>], columns: &[NodeColumn]) -> Vec<(NodeId, String)> {
                match self { $(Self::$operator(parts) => parts.keeps(inputs, columns),)* }
            }

            /// Writes the operator with the types of its columns. `refer` writes what it reads; `column` tells the columns of the input
            /// of expressions apart.
            pub fn write_form(&self, form: &mut Form, columns: &[NodeColumn], refer: ReferenceForm<'_>, column: ColumnForm<'_>) {
                form.each(columns.iter(), |form, column| types::data_type(form, &column.data_type));
                match self { $(Self::$operator(parts) => parts.write_form(form.tagged($parts::TAG), refer, column),)* }
            }

            /// Returns true if at most one of its rows has the same values in these of its `width` columns.
            pub fn is_unique(&self, columns: &BTreeSet<usize>, width: usize, known: &dyn Uniqueness) -> bool {
                match self { $(Self::$operator(parts) => parts.is_unique(columns, width, known),)* }
            }

            /// The expressions that it evaluates.
            pub fn scalars(&self) -> Vec<&Scalar> {
                match self { $(Self::$operator(parts) => parts.scalars(),)* }
            }

            /// Describes it for people; `columns` are the names of its own.
            pub fn describe(&self, columns: &[String], names: &dyn PlanNames) -> String {
                match self { $(Self::$operator(parts) => parts.describe(columns, names),)* }
            }
        }

        $(impl From<$parts> for Operator {
            fn from(parts: $parts) -> Self {
                Self::$operator(parts)
            }
        })*
    };
}

operators! {
    /// the events of a source, all columns of its topic
    Source(SourceScan),
    /// the rows of a table
    Table(TableScan),
    /// rows that are there from the start
    Constant(Constant),
    /// filters, then computes columns
    Map(Map),
    /// rows between two instants of the wall clock
    TemporalFilter(TemporalFilter),
    /// pairs of rows with equal keys
    Join(Join),
    /// rows with a match, or without one
    Semijoin(Semijoin),
    /// rows with the number of rows beyond a bound
    CountBeyond(CountBeyond),
    /// one row for each group
    Reduce(Reduce),
    /// each row once
    Distinct(Distinct),
    /// the first rows of each partition
    TopK(TopK),
    /// all rows of all inputs
    Union(Union),
    /// one row for each element of a list
    Unnest(Unnest),
    /// copies of rows
    Repeat(Repeat),
    /// session windows
    Session(Session),
    /// rows with what functions make of the rows around them
    Window(Window),
}

const fn are_distinct(tags: &[u8]) -> bool {
    let mut at = 0;
    while at < tags.len() {
        let mut other = at + 1;
        while other < tags.len() {
            if tags[at] == tags[other] {
                return false;
            }
            other += 1;
        }
        at += 1;
    }
    true
}

const _: () = assert!(are_distinct(TAGS), "two operators have the same tag: plans that differ would share their state");
