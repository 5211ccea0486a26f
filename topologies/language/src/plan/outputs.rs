//! Columns of the node above another: those of the input, and expressions that are appended to them.

use arrow_schema::DataType;
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{ScalarFunction, Sort};
use datafusion_expr::{Expr, ExprSchemable};

use super::calls::named;
use super::operators::definition::NodeColumn;
use super::scalar::{Scalar, constant, unalias};
use super::types::{is_interval, stored_type};
use super::wording;

/// Every column as it is.
pub fn identity(columns: &[NodeColumn]) -> Vec<(Scalar, NodeColumn)> {
    columns.iter().enumerate().map(|(index, column)| (Scalar::Column(index), column.clone())).collect()
}

/// Appends an expression as a column unless it is one already; returns its number.
pub fn append(outputs: &mut Vec<(Scalar, NodeColumn)>, expression: &Expr, schema: &DFSchema) -> Result<usize> {
    let scalar = Scalar::lower(expression, schema)?;
    if let Scalar::Column(index) = scalar {
        return Ok(index);
    }
    let (data_type, nullable) = match &scalar {
        Scalar::Computed(computed) => (computed.data_type.clone(), computed.nullable),
        Scalar::Constant { data_type, .. } => (data_type.clone(), true),
        Scalar::Column(_) => return plan_err!("a column is already there"),
    };
    outputs.push((scalar, NodeColumn { name: wording::sql(expression), data_type, nullable }));
    Ok(outputs.len() - 1)
}

/// Appends an expression by which rows are grouped or joined. Intervals that are equal are made the same.
pub fn append_key(outputs: &mut Vec<(Scalar, NodeColumn)>, expression: &Expr, schema: &DFSchema) -> Result<usize> {
    if !is_interval(&expression.get_type(schema)?) {
        return append(outputs, expression, schema);
    }
    let in_days = ScalarFunction::new_udf(named("interval_in_days")?, vec![unalias(expression)]);
    append(outputs, &Expr::ScalarFunction(in_days), schema)
}

/// A column with the type that rows keep.
pub fn node_column(name: &str, data_type: &DataType, nullable: bool) -> NodeColumn {
    NodeColumn { name: name.to_owned(), data_type: stored_type(data_type), nullable }
}

/// The columns of a schema with the types that rows keep.
pub fn schema_columns(schema: &DFSchema) -> Vec<NodeColumn> {
    schema.fields().iter().map(|field| node_column(field.name(), field.data_type(), field.is_nullable())).collect()
}

/// Rows are kept in the order of their bytes, in which NULL is the greatest.
pub fn check_nulls_order(sort: &Sort, nullable: bool) -> Result<()> {
    if nullable && sort.nulls_first == sort.asc {
        return plan_err!("only NULLS LAST for ASC and NULLS FIRST for DESC are supported, as PostgreSQL has by default");
    }
    Ok(())
}

/// A typed constant column.
pub fn truth(value: bool) -> Result<Scalar> {
    constant(&ScalarValue::Boolean(Some(value)), DataType::Boolean)
}
