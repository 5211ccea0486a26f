//! Functions whose results have a limit: what a value and a batch may take is checked before anything is allocated.
//!
//! Owns the limits and the wrapper around every function whose result can be much larger than its arguments. An allocation that fails
//! ends the process, and no error of a row can be made of that; so the size is computed from the arguments first. The wrapper is in the
//! registry of functions, so that constants are folded under the same limits as rows are computed.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DataFusionError, Result, exec_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::interval_arithmetic::Interval;
use datafusion_expr::preimage::PreimageResult;
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion_expr::{
    ColumnarValue, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::sizes::{Growth, SizedArgument, growth_of};

/// The most bytes of one computed value: as much as the longest event. A view whose cells are larger could not be read in pages anyway.
pub const VALUE_BYTES_MAX: u64 = 1 << 20;
/// The most bytes that a function makes at once: a batch that needs more is computed in parts. As many values of the greatest size as
/// a machine with little memory has room for several times.
pub const BATCH_BYTES_MAX: u64 = 64 * VALUE_BYTES_MAX;

/// A call of constants that makes too much.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct TooLarge {
    /// the function
    pub function: String,
    detail: String,
}

/// The function under the limits, if its result can be much larger than its arguments.
pub fn bounded(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match growth_of(function.name()) {
        Some(growth) if !is_bounded(&function) => Arc::new(ScalarUDF::from(Bounded { function, growth })),
        _ => function,
    }
}

fn is_bounded(function: &ScalarUDF) -> bool {
    function.inner().is::<Bounded>()
}

/// Refuses an expression with a call of constants that exceeds the limits.
pub fn check_constants(expression: &Expr) -> Result<()> {
    let checked = expression.apply(|part| {
        if let Expr::ScalarFunction(call) = part {
            check_constant(call)?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    checked.map(drop)
}

/// Refuses a call of constants that exceeds the limits: the optimiser leaves such a call as it is, and it would fail for every row.
pub fn check_constant(call: &ScalarFunction) -> Result<()> {
    let Some(growth) = growth_of(call.name()) else { return Ok(()) };
    let constant = |argument: &Expr| match argument {
        Expr::Literal(value, _) => Some(SizedArgument::new(&ColumnarValue::Scalar(value.clone()))),
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Literal(value, _) => {
                Some(value.cast_to(cast.field.data_type()).and_then(|value| SizedArgument::new(&ColumnarValue::Scalar(value))))
            }
            _ => None,
        },
        _ => None,
    };
    let Some(arguments) = call.args.iter().map(constant).collect::<Option<Result<Vec<_>>>>() else { return Ok(()) };
    match excess(growth, call.name(), &arguments?, 1) {
        Some(detail) => {
            let function = call.name().to_owned();
            Err(DataFusionError::External(Box::new(TooLarge { function, detail })))
        }
        None => Ok(()),
    }
}

/// The reason why a call would exceed the limits; `None` when it does not.
pub fn excess(growth: Growth, name: &str, arguments: &[SizedArgument], rows: usize) -> Option<String> {
    if growth.is_surely_within(arguments, rows, (VALUE_BYTES_MAX, BATCH_BYTES_MAX)) {
        return None;
    }
    let mut total: u64 = 0;
    for row in 0..rows {
        let bytes = growth.bytes(arguments, row);
        if bytes == u64::MAX {
            return Some(format!("'{name}' would make a value without end, and a value has at most {VALUE_BYTES_MAX} bytes"));
        }
        if bytes > VALUE_BYTES_MAX {
            return Some(format!("'{name}' may make a value of {bytes} bytes, and a value has at most {VALUE_BYTES_MAX}"));
        }
        total += bytes;
        if total > BATCH_BYTES_MAX {
            return Some(format!("'{name}' would make more than {BATCH_BYTES_MAX} bytes at once"));
        }
    }
    None
}

/// A function that refuses before it allocates too much.
#[derive(PartialEq, Eq, Hash)]
struct Bounded {
    function: Arc<ScalarUDF>,
    growth: Growth,
}

/// The same text as the function itself has: what is computed is the same.
impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.inner().fmt(f)
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.function.inner().schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.inner().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.function.inner().return_field_from_args(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let function = Arc::new(self.function.inner().with_updated_config(config)?);
        Some(ScalarUDF::from(Self { function, growth: self.growth }))
    }

    fn is_strict(&self) -> bool {
        self.function.inner().is_strict()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arguments = args.args.iter().map(SizedArgument::new).collect::<Result<Vec<_>>>()?;
        if let Some(text) = excess(self.growth, self.name(), &arguments, rows) {
            return exec_err!("{text}");
        }
        self.function.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.function.inner().simplify(args, info)
    }

    fn preimage(&self, args: &[Expr], literal: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
        self.function.inner().preimage(args, literal, info)
    }

    fn short_circuits(&self) -> bool {
        self.function.inner().short_circuits()
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.function.inner().conditional_arguments(args)
    }

    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        self.function.inner().evaluate_bounds(input)
    }

    fn propagate_constraints(&self, interval: &Interval, inputs: &[&Interval]) -> Result<Option<Vec<Interval>>> {
        self.function.inner().propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.function.inner().output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.function.inner().preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.function.inner().strictly_order_preserving(inputs)
    }

    fn placement(&self, arguments: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.function.inner().placement(arguments)
    }
}
