//! Steps of a plan that DataFusion has none for.
//!
//! Owns [`RepeatStep`] and [`Unkeyed`]. Rewrites before the optimiser put them into plans, and the lowering takes them out again.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult};
use datafusion_common::{DFSchema, DFSchemaRef, Result, plan_err};
use datafusion_expr::logical_plan::{Extension, UserDefinedLogicalNodeCore};
use datafusion_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

/// As many copies of each row as its last column says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepeatStep {
    input: LogicalPlan,
    schema: DFSchemaRef,
}

/// The rows of the input, without what is known of their columns being unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unkeyed {
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl RepeatStep {
    /// Repeats the rows of a plan.
    pub fn plan(input: LogicalPlan) -> Result<LogicalPlan> {
        let schema = without_keys(input.schema())?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(Self { input, schema }) }))
    }

    /// The rows that are repeated.
    pub fn input(&self) -> &LogicalPlan {
        &self.input
    }
}

impl Unkeyed {
    /// The rows.
    pub fn input(&self) -> &LogicalPlan {
        &self.input
    }
}

/// The columns of a schema, of which none tells rows apart.
fn without_keys(schema: &DFSchema) -> Result<DFSchemaRef> {
    let fields = schema.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
    DFSchema::new_with_metadata(fields, schema.metadata().clone()).map(Arc::new)
}

/// Has UNNEST forget what is unique: an element may be in a list twice. DataFusion believes that what tells lists apart tells their elements
/// apart, and drops a DISTINCT or a part of GROUP BY above.
pub fn forget_keys_of_lists(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Unnest(unnest) if !unnest.input.schema().functional_dependencies().is_empty() => {
            let input = Arc::unwrap_or_clone(unnest.input);
            let schema = without_keys(input.schema())?;
            let input = LogicalPlan::Extension(Extension { node: Arc::new(Unkeyed { input, schema }) });
            let unnested = LogicalPlanBuilder::from(input).unnest_columns_with_options(unnest.exec_columns, unnest.options)?;
            unnested.build().map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

fn only(mut inputs: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    match (inputs.pop(), inputs.pop()) {
        (Some(input), None) => Ok(input),
        _ => plan_err!("this step has one input"),
    }
}

impl PartialOrd for RepeatStep {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PartialOrd for Unkeyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for RepeatStep {
    fn name(&self) -> &str {
        "RepeatStep"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RepeatStep")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input = only(inputs)?;
        let schema = without_keys(input.schema())?;
        Ok(Self { input, schema })
    }
}

impl UserDefinedLogicalNodeCore for Unkeyed {
    fn name(&self) -> &str {
        "Unkeyed"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unkeyed")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let input = only(inputs)?;
        let schema = without_keys(input.schema())?;
        Ok(Self { input, schema })
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }

    fn necessary_children_exprs(&self, columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![columns.to_vec()])
    }
}
