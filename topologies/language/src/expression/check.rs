//! Expressions tried out while a topology is planned, so that nothing can fail for every row only after it was deployed.
//!
//! An expression enters; it is compiled, computed once over a row of NULLs and once over no rows, and each of its constant parts is computed
//! too. What fails over both is an error that names the smallest part that does. What fails over NULLs alone, as `ln(coalesce(a, 0))` does, has
//! a value in other rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{Field, Schema, SchemaRef};
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DataFusionError, Result};
use datafusion_expr::Expr;

use super::evaluate::{failure, physical};
use crate::plan::errors::unusable::Unusable;
use crate::plan::graph::{Graph, NodeId};
use crate::plan::merge::{Clause, FoldValue, Merge};
use crate::plan::scalar::{Computed, Scalar};
use crate::topology::Topology;

/// Tries every expression of a topology.
pub fn check(topology: &Topology) -> Result<()> {
    check_nodes(&topology.graph, 0)?;
    topology.tables.iter().flat_map(|table| &table.merges).try_for_each(check_merge)
}

/// Tries the expressions of a MERGE.
pub fn check_merge(merge: &Merge) -> Result<()> {
    let steps = merge.steps.iter().flat_map(|step| step.operator.scalars());
    steps.chain(&merge.key).chain(merge.fields.iter().map(|(field, _)| field)).try_for_each(check_scalar)?;
    merge.clauses.iter().flat_map(Clause::values).try_for_each(check_value)
}

/// Tries a value of a clause; what the event brings along is tried where it is computed.
pub fn check_value(value: &FoldValue) -> Result<()> {
    match value {
        FoldValue::Event(_) => Ok(()),
        FoldValue::Late(scalar) => check_scalar(scalar),
    }
}

/// Tries the expressions of the nodes from `first` on.
pub fn check_nodes(graph: &Graph, first: NodeId) -> Result<()> {
    for node in &graph.nodes[first..] {
        node.operator.scalars().into_iter().try_for_each(check_scalar)?;
    }
    Ok(())
}

/// Tries one expression.
pub fn check_scalar(scalar: &Scalar) -> Result<()> {
    let Scalar::Computed(Computed { expression, inputs, .. }) = scalar else { return Ok(()) };
    let fields: Vec<Field> =
        inputs.iter().map(|(column, (data_type, _))| Field::new(format!("c{column}"), data_type.clone(), true)).collect();
    let trial = Trial::new(fields)?;
    trial.check(expression)?;
    let mut outcome = Ok(());
    expression.apply(|part| {
        let is_constant = !matches!(part, Expr::Literal(..)) && is_constant(part);
        if !is_constant && !takes_a_constant(part) {
            return Ok(TreeNodeRecursion::Continue);
        }
        // A branch that the row of NULLs does not reach is tried by itself.
        outcome = trial.check(part);
        Ok(match (&outcome, is_constant) {
            (Err(_), _) => TreeNodeRecursion::Stop,
            (Ok(()), true) => TreeNodeRecursion::Jump,
            (Ok(()), false) => TreeNodeRecursion::Continue,
        })
    })?;
    outcome
}

/// Returns true if an expression has the same value for every row.
fn is_constant(expression: &Expr) -> bool {
    let varies = |part: &Expr| Ok(matches!(part, Expr::Column(_)) || is_lambda(part));
    !expression.exists(varies).unwrap_or(true)
}

/// Returns true if an expression is a call with a constant among its arguments, outside of a call that it means something in.
fn takes_a_constant(expression: &Expr) -> bool {
    let Expr::ScalarFunction(call) = expression else { return false };
    call.args.iter().any(|argument| matches!(argument, Expr::Literal(..)))
        && !expression.exists(|part| Ok(is_lambda(part))).unwrap_or(true)
}

/// Returns true if an expression means something only inside of a call.
fn is_lambda(expression: &Expr) -> bool {
    matches!(expression, Expr::Lambda(_) | Expr::LambdaVariable(_))
}

/// One row of NULLs, and none.
struct Trial {
    schema: SchemaRef,
    row: RecordBatch,
    nothing: RecordBatch,
}

impl Trial {
    fn new(mut fields: Vec<Field>) -> Result<Self> {
        // A batch without columns has no rows, and an expression without columns is computed all the same.
        fields.push(Field::new("row", arrow_schema::DataType::Null, true));
        let schema = Arc::new(Schema::new(fields));
        let nulls: Vec<ArrayRef> = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
        let row = RecordBatch::try_new(Arc::clone(&schema), nulls).map_err(DataFusionError::from)?;
        Ok(Self { nothing: RecordBatch::new_empty(Arc::clone(&schema)), schema, row })
    }

    /// Fails with the smallest part that does.
    fn check(&self, expression: &Expr) -> Result<()> {
        match self.failure(expression) {
            None => Ok(()),
            Some(reason) => Err(self.culprit(expression, reason).into()),
        }
    }

    fn failure(&self, expression: &Expr) -> Option<String> {
        let compiled = match physical(expression, &self.schema) {
            Ok(compiled) => compiled,
            Err(error) => return Some(failure(&error)),
        };
        let over = |batch: &RecordBatch| compiled.evaluate(batch)?.into_array(batch.num_rows()).map(drop);
        match (over(&self.row), over(&self.nothing)) {
            (Err(error), Err(_)) => Some(failure(&error)),
            _ => None,
        }
    }

    fn culprit(&self, expression: &Expr, reason: String) -> Unusable {
        let mut inner = None;
        let searched = expression.apply_children(|child| {
            if !is_lambda(child)
                && let Some(reason) = self.failure(child)
            {
                inner = Some(self.culprit(child, reason));
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        let function = match expression {
            Expr::ScalarFunction(call) => Some(call.name().to_owned()),
            _ => None,
        };
        match (searched, inner) {
            (Ok(_), Some(inner)) => inner,
            _ => Unusable { function, reason: format!("this can't be computed for any row: {reason}") },
        }
    }
}
