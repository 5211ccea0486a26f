//! Evaluating expressions on Arrow batches.
//!
//! Owns [`Evaluator`], a compiled list of conditions and columns. Arrays of the columns that are read enter; which rows pass and the
//! encoded value of every computed column leave. A row on which an expression fails is reported and left out, the others go on.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array as _, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{DFSchema, DataFusionError, Result};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::{Expr, Operator};
use datafusion_physical_expr::expressions::{BinaryExpr, cast};
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use schemas::row::{Row, RowCodec, one_form_of_each_number};

use super::{bounded, calendar_range, guarded, varying};
use crate::plan::errors::messages::{lower_case, message};
use crate::plan::graph::NodeColumn;
use crate::plan::scalar::{Computed, Scalar, numbered};

/// Compiled conditions and columns over some columns of an input.
pub struct Evaluator {
    /// the input's columns that are read, ascending
    pub reads: Vec<usize>,
    schema: SchemaRef,
    predicates: Vec<Compiled>,
    computed: Vec<(Compiled, RowCodec)>,
    /// origin of each output column
    pub outputs: Vec<Output>,
}

/// An output column.
#[derive(Clone, Debug)]
pub enum Output {
    /// a column of the input
    Column(usize),
    /// always the same field
    Constant(Row),
    /// the n-th computed column
    Computed(usize),
}

struct Compiled {
    expression: Arc<dyn PhysicalExpr>,
    text: String,
}

/// A row that an expression failed on.
pub struct Failure<'a> {
    /// number of the row in the batch
    pub row: usize,
    /// the expression
    pub expression: &'a str,
    /// the failure
    pub detail: String,
}

/// The rows that pass.
pub struct Evaluated {
    /// their numbers in the batch
    pub rows: Vec<usize>,
    /// the encoded fields of each computed column, one per passing row
    pub computed: Vec<Vec<Row>>,
}

impl Evaluator {
    /// Compiles expressions over an input with these columns.
    pub fn new(columns: &[NodeColumn], predicates: &[Scalar], outputs: &[Scalar]) -> Result<Self> {
        let mut reads: Vec<usize> = predicates.iter().flat_map(Scalar::columns).collect();
        for output in outputs {
            if matches!(output, Scalar::Computed(_)) {
                reads.extend(output.columns());
            }
        }
        reads.sort_unstable();
        reads.dedup();
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let fields: Vec<Field> =
            reads.iter().map(|&read| Field::new(format!("c{read}"), columns[read].data_type.clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let predicates = predicates
            .iter()
            .map(|predicate| compile(&as_expression(predicate)?, &DataType::Boolean, &schema, predicate.describe(&names)))
            .collect::<Result<_>>()?;
        let mut computed = Vec::new();
        let outputs = outputs
            .iter()
            .map(|output| {
                Ok(match output {
                    Scalar::Column(column) => Output::Column(*column),
                    Scalar::Constant { field, .. } => Output::Constant(field.clone()),
                    Scalar::Computed(Computed { expression, data_type, .. }) => {
                        let codec = RowCodec::new(std::slice::from_ref(data_type)).map_err(DataFusionError::from)?;
                        computed.push((compile(expression, data_type, &schema, output.describe(&names))?, codec));
                        Output::Computed(computed.len() - 1)
                    }
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { reads, schema, predicates, computed, outputs })
    }

    /// Returns true if nothing has to be evaluated.
    pub fn is_trivial(&self) -> bool {
        self.predicates.is_empty() && self.computed.is_empty()
    }

    /// Evaluates a batch of `rows` rows, given the arrays of [`reads`](Self::reads).
    pub fn evaluate(&self, arrays: Vec<ArrayRef>, rows: usize, mut fail: impl FnMut(Failure<'_>)) -> Result<Evaluated> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let arrays = arrays.iter().map(one_form_of_each_number).collect::<Result<_, _>>().map_err(DataFusionError::from)?;
        let mut batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options).map_err(DataFusionError::from)?;
        let mut passing: Vec<usize> = (0..rows).collect();
        for predicate in &self.predicates {
            let mut failed = Vec::new();
            let mut verdicts = Vec::with_capacity(passing.len());
            let take = |part: ArrayRef| {
                verdicts.extend(part.as_boolean().iter().map(|verdict| Some(verdict == Some(true))));
                Ok(())
            };
            predicate.run(&batch, &mut |row, detail| failed.push((row, detail)), take)?;
            for (row, detail) in failed {
                fail(Failure { row: passing[row], expression: &predicate.text, detail });
            }
            retain(&mut batch, &mut passing, &BooleanArray::from_iter(verdicts))?;
        }
        let mut columns: Vec<Vec<Row>> = Vec::with_capacity(self.computed.len());
        let mut bad = vec![false; passing.len()];
        for (computed, codec) in &self.computed {
            let mut failed = Vec::new();
            let mut fields = Vec::with_capacity(passing.len());
            let take = |part: ArrayRef| {
                let rows = part.len();
                fields.extend(codec.encode(&[part], rows).map_err(DataFusionError::from)?);
                Ok(())
            };
            computed.run(&batch, &mut |row, detail| failed.push((row, detail)), take)?;
            columns.push(fields);
            for (row, detail) in failed {
                if !std::mem::replace(&mut bad[row], true) {
                    fail(Failure { row: passing[row], expression: &computed.text, detail });
                }
            }
        }
        for fields in &mut columns {
            let mut row = 0;
            fields.retain(|_| {
                row += 1;
                !bad[row - 1]
            });
        }
        let rows = passing.into_iter().zip(&bad).filter(|(_, bad)| !**bad).map(|(row, _)| row).collect();
        Ok(Evaluated { rows, computed: columns })
    }
}

fn retain(batch: &mut RecordBatch, passing: &mut Vec<usize>, mask: &BooleanArray) -> Result<()> {
    if mask.true_count() < mask.len() {
        *batch = arrow_select::filter::filter_record_batch(batch, mask).map_err(DataFusionError::from)?;
        let mut row = 0;
        passing.retain(|_| {
            row += 1;
            mask.value(row - 1)
        });
    }
    Ok(())
}

impl Compiled {
    /// Evaluates every row; the values leave in parts, in order. Rows that fail are NULL and reported.
    fn run(
        &self,
        batch: &RecordBatch,
        fail: &mut dyn FnMut(usize, String),
        mut take: impl FnMut(ArrayRef) -> Result<()>,
    ) -> Result<()> {
        guarded::values(self.expression.as_ref(), batch, &mut |row, error| fail(row, failure(&error)), &mut take)
    }
}

fn as_expression(scalar: &Scalar) -> Result<Expr> {
    Ok(match scalar {
        Scalar::Column(column) => Expr::Column(numbered(*column)),
        Scalar::Constant { field, data_type, .. } => Expr::Literal(crate::plan::scalar::constant_value(field, data_type)?, None),
        Scalar::Computed(computed) => computed.expression.clone(),
    })
}

/// The expression as it is computed.
pub fn physical(expression: &Expr, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let logical = DFSchema::try_from(schema.as_ref().clone())?;
    let expression = varying::in_lists(expression.clone())?;
    let physical = create_physical_expr(&expression, &logical, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    bounded::limited(physical.transform_up(|part| check_overflow(part, schema)).data()?, schema)
}

fn compile(expression: &Expr, target: &DataType, schema: &SchemaRef, text: String) -> Result<Compiled> {
    let checked = physical(expression, schema)?;
    let expression = if &checked.data_type(schema)? == target { checked } else { cast(checked, schema, target.clone())? };
    Ok(Compiled { expression, text })
}

/// A time that overflows is an error of the row, never a wrapped one; numbers are calculated by functions that see to it themselves.
fn check_overflow(expression: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    let checked = |left, operator, right| Arc::new(BinaryExpr::new(left, operator, right).with_fail_on_overflow(true));
    if let Some(binary) = expression.downcast_ref::<BinaryExpr>()
        && matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply)
    {
        let checked = checked(Arc::clone(binary.left()), *binary.op(), Arc::clone(binary.right()));
        return calendar_range::within(checked, schema).map(Transformed::yes);
    }
    Ok(Transformed::no(expression))
}

/// Returns why an expression failed, in words of this program's own.
pub fn failure(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => return "division by zero".to_owned(),
            ArrowError::CastError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::ArithmeticOverflow(text)
            | ArrowError::ParseError(text)
            | ArrowError::InvalidArgumentError(text) => text.clone(),
            other => other.to_string(),
        },
        _ => message(error).0,
    };
    lower_case(&text)
}
