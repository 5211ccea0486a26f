//! Scalar expressions of a lowered plan: a column, a constant, or something to compute.
//!
//! Owns [`Scalar`]. DataFusion expressions over a logical schema enter; expressions over numbered columns leave, which
//! `expression::evaluate` compiles. Column `i` of the input is spelled `c{i}` inside.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, DataFusionError, Result, ScalarValue, plan_err};
use datafusion_expr::{Cast, Expr, ExprSchemable};
use schemas::row::{Row, RowCodec};

use super::numbers::cast;
use super::types::{is_json, stored_type};
use super::wording;

/// One expression over the columns of a node's input.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// a column as it is
    Column(usize),
    /// the same value for every row, encoded
    Constant {
        /// the encoded field
        field: Row,
        /// its type
        data_type: DataType,
        /// text in SQL
        text: String,
    },
    /// computed from columns
    Computed(Computed),
}

/// An expression that needs evaluation.
#[derive(Clone, Debug)]
pub struct Computed {
    /// the expression; its columns are `c{i}`
    pub expression: Expr,
    /// the columns it reads and their types, ascending
    pub inputs: BTreeMap<usize, (DataType, bool)>,
    /// the type of the result as rows keep it
    pub data_type: DataType,
    /// true if the result can be NULL
    pub nullable: bool,
}

impl Scalar {
    /// Lowers an expression over `schema`, whose columns are the node's columns in order.
    pub fn lower(expression: &Expr, schema: &DFSchema) -> Result<Self> {
        let expression = unalias(expression);
        if let Expr::Column(column) = &expression {
            return Ok(Self::Column(schema.index_of_column(column)?));
        }
        super::lint::check(&expression)?;
        super::identity::expression::check(&expression)?;
        super::jsonb::check_casts(&expression, schema)?;
        let data_type = stored_type(&expression.get_type(schema)?);
        if let Expr::Literal(value, _) = &expression {
            return constant(value, data_type);
        }
        let nullable = expression.nullable(schema)?;
        let mut inputs = BTreeMap::new();
        let numbered = expression.transform(|part| match part {
            Expr::Column(column) => {
                let index = schema.index_of_column(&column)?;
                let field = schema.field(index);
                let stored = stored_type(field.data_type());
                let column = Expr::Column(numbered(index));
                inputs.insert(index, (stored.clone(), field.is_nullable()));
                // The expression was typed for DataFusion's type of the column, which may not be the one that rows keep.
                let same = &stored == field.data_type();
                Ok(Transformed::yes(if same {
                    column
                } else {
                    Expr::Cast(Cast::new(Box::new(column), field.data_type().clone()))
                }))
            }
            other => Ok(Transformed::no(other)),
        });
        let expression = numbered.data()?;
        Ok(Self::Computed(Computed { expression, inputs, data_type, nullable }))
    }

    /// Lowers an expression and casts it to the type of the column it is assigned to.
    pub fn lower_as(expression: &Expr, schema: &DFSchema, target: &DataType) -> Result<Self> {
        let found = stored_type(&expression.get_type(schema)?);
        if &found == target {
            return Self::lower(expression, schema);
        }
        let expression = unalias(expression);
        if let Expr::Literal(value, _) = &expression {
            return constant(&cast::constant(value, target)?, target.clone());
        }
        match cast::cast(&expression, &expression.get_type(schema)?, target)? {
            Some(number) => Self::lower(&number, schema),
            None => Self::lower(&Expr::Cast(Cast::new(Box::new(expression), target.clone())), schema),
        }
    }

    /// The expression over the input of a map whose outputs are `outputs`: maps on maps become one.
    pub fn substitute(&self, outputs: &[Scalar]) -> Result<Self> {
        let computed = match self {
            Self::Column(index) => return Ok(outputs[*index].clone()),
            Self::Constant { .. } => return Ok(self.clone()),
            Self::Computed(computed) => computed,
        };
        let mut inputs = BTreeMap::new();
        let substituted = computed.expression.clone().transform(|part| {
            let Expr::Column(column) = &part else { return Ok(Transformed::no(part)) };
            let index = column_number(column)?;
            match &outputs[index] {
                Scalar::Column(inner) => {
                    inputs.insert(*inner, computed.inputs[&index].clone());
                    Ok(Transformed::yes(Expr::Column(numbered(*inner))))
                }
                Scalar::Computed(inner) => {
                    inputs.extend(inner.inputs.clone());
                    // The node's column has the stored type; the expression inside may have another (a view of a string, nanoseconds).
                    let cast = Expr::Cast(Cast::new(Box::new(inner.expression.clone()), inner.data_type.clone()));
                    Ok(Transformed::new(cast, true, datafusion_common::tree_node::TreeNodeRecursion::Jump))
                }
                Scalar::Constant { field, data_type, .. } => {
                    Ok(Transformed::yes(Expr::Literal(constant_value(field, data_type)?, None)))
                }
            }
        });
        let expression = substituted.data()?;
        super::limits::bounded::check_constants(&expression)?;
        Ok(Self::Computed(Computed { expression, inputs, data_type: computed.data_type.clone(), nullable: computed.nullable }))
    }

    /// Size of what [`substitute`](Self::substitute) would make, known without making it.
    pub fn substituted_size(&self, outputs: &[Scalar]) -> Size {
        match self {
            Self::Column(index) => outputs[*index].size(),
            Self::Constant { .. } => Size::ONE,
            Self::Computed(computed) => Size::of(&computed.expression, &|index| outputs[index].size()),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Column(_) | Self::Constant { .. } => Size::ONE,
            Self::Computed(computed) => Size::of(&computed.expression, &|_| Size::ONE),
        }
    }

    /// The columns it reads.
    pub fn columns(&self) -> Vec<usize> {
        match self {
            Self::Column(index) => vec![*index],
            Self::Constant { .. } => Vec::new(),
            Self::Computed(computed) => computed.inputs.keys().copied().collect(),
        }
    }

    /// Describes the expression for people; `names` are those of the input's columns.
    pub fn describe(&self, names: &[String]) -> String {
        match self {
            Self::Column(index) => names[*index].clone(),
            Self::Constant { text, .. } => text.clone(),
            Self::Computed(computed) => {
                let named = computed.expression.clone().transform(|part| match &part {
                    Expr::Column(column) => {
                        let index = column_number(column)?;
                        Ok(Transformed::yes(Expr::Column(Column::from_name(names[index].clone()))))
                    }
                    _ => Ok(Transformed::no(part)),
                });
                named.data().map_or_else(|error| error.to_string(), |expression| wording::sql(&expression))
            }
        }
    }
}

/// Size of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// columns, constants, operators and calls
    pub parts: usize,
    /// the most of them within one another
    pub depth: usize,
}

impl Size {
    const ONE: Self = Self { parts: 1, depth: 1 };

    fn of(expression: &Expr, column: &dyn Fn(usize) -> Self) -> Self {
        if let Expr::Column(found) = expression {
            return column_number(found).map_or(Self::ONE, column);
        }
        let mut size = Self { parts: 1, depth: 0 };
        // The walk has no errors of its own.
        let walked = expression.apply_children(|child| {
            let child = Self::of(child, column);
            size.parts = size.parts.saturating_add(child.parts);
            size.depth = size.depth.max(child.depth);
            Ok(TreeNodeRecursion::Continue)
        });
        debug_assert!(walked.is_ok());
        Self { depth: size.depth + 1, ..size }
    }
}

/// A typed NULL.
pub fn null(data_type: &DataType) -> Result<Scalar> {
    constant(&ScalarValue::Null, data_type.clone())
}

/// A constant of a type.
///
/// # Errors
/// The value is not one of the type, or rows do not hold it.
pub fn constant(value: &ScalarValue, data_type: DataType) -> Result<Scalar> {
    let is_json_alone = is_json(&data_type) != is_json(&value.data_type());
    let cast = if is_json_alone { cast::constant(value, &data_type)? } else { value.cast_to(&data_type)? };
    super::lint::check_literal(&cast)?;
    let codec = RowCodec::new(std::slice::from_ref(&data_type)).map_err(DataFusionError::from)?;
    let rows = codec.encode(&[cast.to_array()?], 1).map_err(DataFusionError::from)?;
    match rows.into_iter().next() {
        Some(field) => Ok(Scalar::Constant { field, data_type, text: wording::literal(value) }),
        None => plan_err!("the constant {value} could not be encoded"),
    }
}

/// The value of an encoded field.
pub fn constant_value(field: &Row, data_type: &DataType) -> Result<ScalarValue> {
    let codec = RowCodec::new(std::slice::from_ref(data_type)).map_err(DataFusionError::from)?;
    let arrays = codec.decode([field.as_bytes()]).map_err(DataFusionError::from)?;
    ScalarValue::try_from_array(&arrays[0], 0)
}

/// The name of column `index` inside a lowered expression.
pub fn numbered(index: usize) -> Column {
    Column::from_name(format!("c{index}"))
}

/// The number of a column inside a lowered expression.
pub fn column_number(column: &Column) -> Result<usize> {
    match column.name.strip_prefix('c').and_then(|digits| digits.parse().ok()) {
        Some(index) => Ok(index),
        None => plan_err!("column '{}' was not numbered", column.name),
    }
}

/// The expression without the names given to it.
pub fn unalias(expression: &Expr) -> Expr {
    match expression {
        Expr::Alias(alias) => unalias(&alias.expr),
        other => other.clone(),
    }
}
