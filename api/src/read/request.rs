//! Rows that a reader asks for: conditions and an order, in columns and encoded values.
//!
//! A protocol translates its text into a [`RowsRequest`] for a view as it is served; the plan over an index leaves.

use sinks::views::ServedView;

use crate::read::conditions::Conditions;
use crate::read::error::ReadError;
use crate::read::plan::{OrderColumn, Plan, plan};

/// A question for rows of one view.
#[derive(Debug, Default)]
pub(crate) struct RowsRequest {
    /// conditions on columns: those of the request and those that follow from what its reader may see
    pub(crate) conditions: Conditions,
    /// the order; that of the index that fits best when it is empty
    pub(crate) order: Vec<OrderColumn>,
}

impl RowsRequest {
    /// Plans the request over the index that fits best.
    pub(crate) fn plan<'a>(&'a self, served: &'a ServedView) -> Result<Plan<'a>, ReadError> {
        plan(served, &self.conditions, &self.order)
    }
}
