//! Operators and functions over numbers.
//!
//! Owns [`NumberFunction`] and the rules of the exact ones; those of DOUBLE PRECISION are in `double`. Columns of numbers enter, a column
//! of the type that PostgreSQL gives the result leaves. Whatever PostgreSQL reports as an error is one.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef};
use datafusion_common::tree_node::TreeNode;
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use schemas::numeric::{Numeric, NumericDomainError};

use super::kind::NumberKind;
use super::rule::Rule;
use super::value::{Number, NumberColumn, NumberFault as Fault, nulls, write};
use super::{buckets, double};
use crate::plan::types::type_name;

/// The greatest scale that `round` and `trunc` with a constant number of digits make known to the plan.
const ROUNDED_SCALE_MAX: i64 = 38;

/// A function over numbers.
pub struct NumberFunction {
    rule: &'static Rule,
    signature: Signature,
}

impl NumberFunction {
    fn new(rule: &'static Rule) -> Self {
        Self { rule, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// The operator that the function stands for; a difference of one argument is a negation.
    pub fn operator(&self) -> Option<Operator> {
        Some(match self.rule.name {
            "+" => Operator::Plus,
            "-" | "- value" => Operator::Minus,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Modulo,
            "&" => Operator::BitwiseAnd,
            "|" => Operator::BitwiseOr,
            "#" => Operator::BitwiseXor,
            "<<" => Operator::BitwiseShiftLeft,
            ">>" => Operator::BitwiseShiftRight,
            _ => return None,
        })
    }

    fn kinds(&self, types: &[DataType]) -> Result<Vec<NumberKind>> {
        // NULL has no type of its own: it takes that of the other argument.
        let known = types.iter().find_map(NumberKind::of).unwrap_or(NumberKind::Int32);
        types
            .iter()
            .map(|kind| match (NumberKind::of(kind), kind) {
                (Some(kind), _) => Ok(kind),
                (None, DataType::Null) => Ok(known),
                (None, DataType::Float32 | DataType::Float16) => Ok(NumberKind::Float),
                (None, other) => plan_err!(
                    "'{}' takes numbers, not {}: write CAST(... AS NUMERIC) or another type of numbers",
                    self.rule.name,
                    type_name(other)
                ),
            })
            .collect()
    }

    /// The kind of the result where the second argument may be a constant number of digits, which is then its scale.
    fn result_with(&self, types: &[DataType], digits: Option<&ScalarValue>) -> Result<NumberKind> {
        let kind = self.result(types)?;
        if !matches!(self.rule.name, "round" | "trunc") {
            return Ok(kind);
        }
        Ok(match (digits.and_then(whole_constant), &self.kinds(types)?[..]) {
            (Some(digits), [of, _]) => of.with_scale(u8::try_from(digits.clamp(0, ROUNDED_SCALE_MAX)).unwrap_or(0)),
            _ => kind,
        })
    }

    fn result(&self, types: &[DataType]) -> Result<NumberKind> {
        match (self.rule.result)(&self.kinds(types)?) {
            Ok(kind) => Ok(kind),
            Err(instead) => plan_err!("'{}' can't be applied here: {instead}", self.rule.name),
        }
    }
}

impl fmt::Debug for NumberFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberFunction").field("name", &self.rule.name).finish()
    }
}

impl PartialEq for NumberFunction {
    fn eq(&self, other: &Self) -> bool {
        self.rule.name == other.rule.name
    }
}

impl Eq for NumberFunction {}

impl Hash for NumberFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rule.name.hash(state);
    }
}

impl ScalarUDFImpl for NumberFunction {
    fn name(&self) -> &str {
        self.rule.name
    }

    /// An operator is named as it is written.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(match (self.operator(), args) {
            (Some(operator), [left, right]) => format!("{} {operator} {}", left.schema_name(), right.schema_name()),
            (Some(operator), [value]) => format!("({operator} {})", value.schema_name()),
            _ => {
                let names: Vec<String> = args.iter().map(|argument| argument.schema_name().to_string()).collect();
                format!("{}({})", self.rule.name, names.join(","))
            }
        })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (least, most) = self.rule.arguments;
        if types.len() < least || types.len() > most {
            let wanted = if least == most { least.to_string() } else { format!("{least} or {most}") };
            return plan_err!("'{}' takes {wanted} arguments, not {}", self.rule.name, types.len());
        }
        let kinds = self.kinds(types)?;
        self.result(types)?;
        Ok(kinds
            .into_iter()
            .zip(types)
            .map(|(kind, found)| if *found == DataType::UInt64 { DataType::UInt64 } else { kind.data_type() })
            .collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.result(types).map(NumberKind::data_type)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let digits = args.scalar_arguments.get(1).copied().flatten();
        let kind = self.result_with(&types, digits)?;
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(arrow_schema::Field::new(self.rule.name, kind.data_type(), is_nullable)))
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_null = |argument: &Expr| matches!(argument, Expr::Literal(value, _) if value.is_null());
        if !args.iter().any(is_null) || args.iter().any(fails_always) {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let types = args.iter().map(|argument| context.get_data_type(argument)).collect::<Result<Vec<_>>>()?;
        let digits = match args.get(1) {
            Some(Expr::Literal(value, _)) => Some(value),
            _ => None,
        };
        let null = ScalarValue::try_from(self.result_with(&types, digits)?.data_type())?;
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(null, None)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(kind) = NumberKind::of(args.return_field.data_type()) else {
            return plan_err!("'{}' was planned with the result {}", self.rule.name, args.return_field.data_type());
        };
        let is_constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        if args.args.iter().any(|argument| argument.data_type().is_null()) {
            return finish(nulls(rows, kind), is_constant);
        }
        let columns = args.args.iter().map(|argument| NumberColumn::new(argument.to_array(rows)?)).collect::<Result<Vec<_>>>()?;
        let mut numbers = Vec::with_capacity(columns.len());
        let values = write(rows, kind, |row| {
            numbers.clear();
            for column in &columns {
                match column.get(row) {
                    Some(number) => numbers.push(number),
                    None => return Ok(None),
                }
            }
            (self.rule.compute)(&numbers, kind).map(Some)
        })?;
        finish(values, is_constant)
    }
}

/// Returns true if an argument is a constant without a value: one that has a value is a literal by now.
fn fails_always(argument: &Expr) -> bool {
    !matches!(argument, Expr::Literal(..)) && !argument.exists(|part| Ok(!is_of_constants(part))).unwrap_or(true)
}

fn is_of_constants(part: &Expr) -> bool {
    matches!(part, Expr::Literal(..) | Expr::ScalarFunction(_) | Expr::Cast(_) | Expr::BinaryExpr(_))
}

fn finish(values: arrow_array::ArrayRef, is_constant: bool) -> Result<ColumnarValue> {
    if is_constant {
        Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?))
    } else {
        Ok(ColumnarValue::Array(values))
    }
}

fn whole_constant(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int16(value) => value.map(i64::from),
        ScalarValue::Int32(value) => value.map(i64::from),
        ScalarValue::Int64(value) => *value,
        _ => None,
    }
}

/// The function for an operator over numbers; `None` when the operator is not one of those.
pub fn of_operator(operator: Operator) -> Option<Arc<ScalarUDF>> {
    let name = match operator {
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::BitwiseAnd => "&",
        Operator::BitwiseOr => "|",
        Operator::BitwiseXor => "#",
        Operator::BitwiseShiftLeft => "<<",
        Operator::BitwiseShiftRight => ">>",
        _ => return None,
    };
    Some(function(name))
}

/// The function that gives the opposite number.
pub fn negation() -> Arc<ScalarUDF> {
    function("- value")
}

/// A function by its name in SQL.
///
/// # Panics
/// When there is none: the table of functions and the rules disagree.
pub fn function(name: &str) -> Arc<ScalarUDF> {
    let rule = RULES.iter().chain(double::RULES).find(|rule| rule.name == name);
    let rule = rule.unwrap_or_else(|| panic!("there is no rule for '{name}'"));
    Arc::new(ScalarUDF::from(NumberFunction::new(rule)))
}

/// The greatest number whose factorial NUMERIC keeps.
const FACTORIAL_MAX: i64 = 33;

const NOT_OF_DOUBLE: &str = "it is not defined for DOUBLE PRECISION: write CAST(... AS NUMERIC)";
const OF_WHOLE_ONLY: &str = "it is defined for SMALLINT, INTEGER and BIGINT only";

const RULES: &[Rule] = &[
    Rule { name: "+", arguments: (2, 2), result: |kinds| Ok(kinds[0].sum(kinds[1])), compute: add },
    Rule { name: "-", arguments: (2, 2), result: |kinds| Ok(kinds[0].sum(kinds[1])), compute: subtract },
    Rule { name: "*", arguments: (2, 2), result: |kinds| Ok(kinds[0].product(kinds[1])), compute: multiply },
    Rule { name: "/", arguments: (2, 2), result: |kinds| Ok(kinds[0].quotient(kinds[1])), compute: divide },
    Rule { name: "%", arguments: (2, 2), result: |kinds| exact_pair(kinds, NumberKind::rest), compute: remainder },
    Rule { name: "mod", arguments: (2, 2), result: |kinds| exact_pair(kinds, NumberKind::rest), compute: remainder },
    Rule { name: "div", arguments: (2, 2), result: |kinds| exact_pair(kinds, whole_numeric), compute: divide_whole },
    Rule { name: "gcd", arguments: (2, 2), result: |kinds| exact_pair(kinds, NumberKind::rest), compute: common_divisor },
    Rule { name: "lcm", arguments: (2, 2), result: |kinds| exact_pair(kinds, NumberKind::product), compute: common_multiple },
    Rule {
        name: "- value",
        arguments: (1, 1),
        result: |kinds| Ok(kinds[0]),
        compute: |numbers, kind| Ok(negate(&numbers[0], kind)?),
    },
    Rule { name: "abs", arguments: (1, 1), result: |kinds| Ok(kinds[0]), compute: absolute },
    Rule { name: "sign", arguments: (1, 1), result: |kinds| Ok(with_double(kinds[0], 1, 0)), compute: sign },
    Rule { name: "ceil", arguments: (1, 1), result: |kinds| Ok(without_fraction(kinds[0])), compute: ceiling },
    Rule { name: "floor", arguments: (1, 1), result: |kinds| Ok(without_fraction(kinds[0])), compute: floor },
    Rule { name: "round", arguments: (1, 2), result: rounded_kind, compute: round },
    Rule { name: "trunc", arguments: (1, 2), result: rounded_kind, compute: truncate },
    Rule { name: "sqrt", arguments: (1, 1), result: |kinds| Ok(root_kind(kinds[0])), compute: square_root },
    Rule { name: "factorial", arguments: (1, 1), result: factorial_kind, compute: factorial },
    Rule { name: "width_bucket", arguments: (4, 4), result: |_| Ok(NumberKind::Int32), compute: buckets::width_bucket },
    Rule {
        name: "exp",
        arguments: (1, 1),
        result: series_kind,
        compute: |numbers, kind| series(numbers, kind, Numeric::exp, double::exponential),
    },
    Rule {
        name: "ln",
        arguments: (1, 1),
        result: series_kind,
        compute: |numbers, kind| series(numbers, kind, Numeric::ln, double::ln),
    },
    Rule {
        name: "log10",
        arguments: (1, 1),
        result: series_kind,
        compute: |numbers, kind| series(numbers, kind, Numeric::log10, double::log10),
    },
    Rule { name: "power", arguments: (2, 2), result: series_kind, compute: power },
    Rule { name: "&", arguments: (2, 2), result: whole_pair, compute: |numbers, kind| bits(numbers, kind, |a, b| a & b) },
    Rule { name: "|", arguments: (2, 2), result: whole_pair, compute: |numbers, kind| bits(numbers, kind, |a, b| a | b) },
    Rule { name: "#", arguments: (2, 2), result: whole_pair, compute: |numbers, kind| bits(numbers, kind, |a, b| a ^ b) },
    Rule { name: "<<", arguments: (2, 2), result: shifted, compute: |numbers, kind| shift(numbers, kind, true) },
    Rule { name: ">>", arguments: (2, 2), result: shifted, compute: |numbers, kind| shift(numbers, kind, false) },
];

fn exact_pair(kinds: &[NumberKind], result: fn(NumberKind, NumberKind) -> NumberKind) -> Result<NumberKind, &'static str> {
    if kinds.contains(&NumberKind::Float) { Err(NOT_OF_DOUBLE) } else { Ok(result(kinds[0], kinds[1])) }
}

/// `div` is defined for NUMERIC, which whole numbers become.
fn whole_numeric(left: NumberKind, right: NumberKind) -> NumberKind {
    match left.whole_quotient(right) {
        kind if kind.is_whole() => NumberKind::exact(19, 0),
        kind => kind,
    }
}

fn whole_pair(kinds: &[NumberKind]) -> Result<NumberKind, &'static str> {
    if kinds.iter().all(|kind| kind.is_whole()) { Ok(kinds[0].common(kinds[1])) } else { Err(OF_WHOLE_ONLY) }
}

fn shifted(kinds: &[NumberKind]) -> Result<NumberKind, &'static str> {
    if kinds.iter().all(|kind| kind.is_whole()) { Ok(kinds[0]) } else { Err(OF_WHOLE_ONLY) }
}

/// Returns the kind of a result that PostgreSQL has for NUMERIC and DOUBLE PRECISION only: whole numbers become the latter.
fn with_double(kind: NumberKind, before: u8, scale: u8) -> NumberKind {
    match kind {
        NumberKind::Exact { .. } | NumberKind::Wide => NumberKind::exact(before, scale),
        _ => NumberKind::Float,
    }
}

fn without_fraction(kind: NumberKind) -> NumberKind {
    match kind {
        NumberKind::Exact { .. } => kind.with_scale(0),
        NumberKind::Wide => NumberKind::exact(38, 0),
        _ => NumberKind::Float,
    }
}

fn root_kind(kind: NumberKind) -> NumberKind {
    if matches!(kind, NumberKind::Exact { .. } | NumberKind::Wide) { NumberKind::Wide } else { NumberKind::Float }
}

fn rounded_kind(kinds: &[NumberKind]) -> Result<NumberKind, &'static str> {
    let [of, digits] = *kinds else { return Ok(without_fraction(kinds[0])) };
    match (of, digits) {
        (NumberKind::Float, _) => Err("with a number of digits it is defined for NUMERIC: write CAST(... AS NUMERIC)"),
        (_, digits) if !digits.is_whole() => Err("the number of digits must be an INTEGER"),
        _ => Ok(NumberKind::Wide),
    }
}

fn factorial_kind(kinds: &[NumberKind]) -> Result<NumberKind, &'static str> {
    if kinds[0].is_whole() { Ok(NumberKind::exact(38, 0)) } else { Err(OF_WHOLE_ONLY) }
}

fn factorial(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    let of = numbers[0].whole(kind)?;
    if of < 0 {
        return Err(Fault::Undefined("factorial of a negative number is undefined"));
    }
    if of > FACTORIAL_MAX {
        return Err(Fault::TooManyDigits);
    }
    Ok(Number::Exact((2..=of).fold(Numeric::new(1, 0), |product, factor| product.multiply(&Numeric::new(factor, 0)))))
}

/// Returns the kind of a result that PostgreSQL has for NUMERIC and for DOUBLE PRECISION: without either it is the latter.
fn series_kind(kinds: &[NumberKind]) -> Result<NumberKind, &'static str> {
    let is_exact = kinds.iter().any(|kind| matches!(kind, NumberKind::Exact { .. } | NumberKind::Wide));
    Ok(if is_exact && !kinds.contains(&NumberKind::Float) { NumberKind::Wide } else { NumberKind::Float })
}

/// A function with a rule for NUMERIC and one for DOUBLE PRECISION.
fn series(
    numbers: &[Number],
    kind: NumberKind,
    exact: fn(&Numeric) -> Result<Numeric, NumericDomainError>,
    float: fn(f64) -> Result<f64, Fault>,
) -> Result<Number, Fault> {
    match kind {
        NumberKind::Float => float(numbers[0].float()).map(Number::Float),
        _ => exact(&numbers[0].exact()?).map(Number::Exact).map_err(domain_fault),
    }
}

fn power(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    match kind {
        NumberKind::Float => double::power(numbers[0].float(), numbers[1].float()).map(Number::Float),
        _ => numbers[0].exact()?.power(&numbers[1].exact()?).map(Number::Exact).map_err(domain_fault),
    }
}

fn domain_fault(error: NumericDomainError) -> Fault {
    match error {
        NumericDomainError::TooGreat => Fault::TooManyDigits,
        other => Fault::Domain(other),
    }
}

fn add(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    calculate(numbers, kind, i64::checked_add, |a, b| Some(a.add(b)), double::add)
}

fn subtract(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    calculate(numbers, kind, i64::checked_sub, |a, b| Some(a.subtract(b)), |a, b| double::add(a, -b))
}

fn multiply(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    calculate(numbers, kind, i64::checked_mul, |a, b| Some(a.multiply(b)), double::multiply)
}

fn divide(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    divisible(numbers, kind)?;
    calculate(numbers, kind, i64::checked_div, Numeric::divide, double::divide)
}

fn remainder(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    divisible(numbers, kind)?;
    // The least number has no rest when it is divided by -1, although the quotient does not fit.
    calculate(numbers, kind, |a, b| Some(a.wrapping_rem(b)), Numeric::remainder, double::divide)
}

fn divide_whole(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    let quotient = numbers[0].exact()?.divide_whole(&numbers[1].exact()?).ok_or(Fault::DivisionByZero)?;
    debug_assert!(!kind.is_whole(), "the result is NUMERIC");
    Ok(Number::Exact(quotient))
}

fn divisible(numbers: &[Number], kind: NumberKind) -> Result<(), Fault> {
    let is_zero = match &numbers[1] {
        Number::Whole(value) => *value == 0,
        Number::Exact(number) => number.is_zero(),
        Number::Float(value) => *value == 0.0,
    };
    let is_undefined = kind == NumberKind::Float && numbers[0].float().is_nan();
    if is_zero && !is_undefined { Err(Fault::DivisionByZero) } else { Ok(()) }
}

/// Calculates in the kind of the result.
fn calculate(
    numbers: &[Number],
    kind: NumberKind,
    whole: impl Fn(i64, i64) -> Option<i64>,
    exact: impl Fn(&Numeric, &Numeric) -> Option<Numeric>,
    float: impl Fn(f64, f64) -> Result<f64, Fault>,
) -> Result<Number, Fault> {
    match (&numbers[0], &numbers[1]) {
        (left, right) if kind == NumberKind::Float => float(left.float(), right.float()).map(Number::Float),
        (Number::Whole(left), Number::Whole(right)) if kind.is_whole() => {
            whole(*left, *right).map(Number::Whole).ok_or(Fault::OutOfRange(kind.sql_name()))
        }
        (left, right) => exact(&left.exact()?, &right.exact()?).map(Number::Exact).ok_or(Fault::DivisionByZero),
    }
}

fn negate(number: &Number, kind: NumberKind) -> Result<Number, Fault> {
    Ok(match number {
        Number::Whole(value) => Number::Whole(value.checked_neg().ok_or(Fault::OutOfRange(kind.sql_name()))?),
        Number::Exact(number) => Number::Exact(number.negated()),
        Number::Float(value) => Number::Float(-value),
    })
}

fn absolute(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    Ok(match &numbers[0] {
        Number::Whole(value) if *value < 0 => return negate(&numbers[0], kind),
        Number::Exact(number) => Number::Exact(number.abs()),
        Number::Float(value) => Number::Float(value.abs()),
        number => number.clone(),
    })
}

fn sign(numbers: &[Number], _: NumberKind) -> Result<Number, Fault> {
    Ok(match &numbers[0] {
        Number::Exact(number) => Number::Whole(number.sign()),
        other => {
            let value = other.float();
            Number::Float(if value > 0.0 {
                1.0
            } else if value < 0.0 {
                -1.0
            } else {
                0.0
            })
        }
    })
}

fn ceiling(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    whole_part(numbers, kind, Numeric::ceiling, f64::ceil)
}

fn floor(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    whole_part(numbers, kind, Numeric::floor, f64::floor)
}

fn whole_part(
    numbers: &[Number],
    kind: NumberKind,
    exact: fn(&Numeric) -> Numeric,
    float: fn(f64) -> f64,
) -> Result<Number, Fault> {
    if kind == NumberKind::Float {
        return Ok(Number::Float(float(numbers[0].float())));
    }
    Ok(Number::Exact(exact(&numbers[0].exact()?)))
}

fn round(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    cut(numbers, kind, Numeric::round, f64::round_ties_even)
}

fn truncate(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    cut(numbers, kind, Numeric::truncate, f64::trunc)
}

fn cut(
    numbers: &[Number],
    kind: NumberKind,
    exact: fn(&Numeric, i64) -> Numeric,
    float: fn(f64) -> f64,
) -> Result<Number, Fault> {
    if kind == NumberKind::Float {
        return Ok(Number::Float(float(numbers[0].float())));
    }
    let digits = numbers.get(1).map_or(Ok(0), |digits| digits.whole(NumberKind::Int32))?;
    Ok(Number::Exact(exact(&numbers[0].exact()?, digits)))
}

fn square_root(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    const NEGATIVE: Fault = Fault::Undefined("cannot take square root of a negative number");
    if kind == NumberKind::Float {
        let value = numbers[0].float();
        return if value < 0.0 { Err(NEGATIVE) } else { Ok(Number::Float(value.sqrt())) };
    }
    numbers[0].exact()?.square_root().map(Number::Exact).ok_or(NEGATIVE)
}

fn common_divisor(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    let divisor = numbers[0].exact()?.common_divisor(&numbers[1].exact()?);
    in_kind(divisor, kind)
}

fn common_multiple(numbers: &[Number], kind: NumberKind) -> Result<Number, Fault> {
    let multiple = numbers[0].exact()?.common_multiple(&numbers[1].exact()?);
    in_kind(multiple, kind)
}

fn in_kind(number: Numeric, kind: NumberKind) -> Result<Number, Fault> {
    if !kind.is_whole() {
        return Ok(Number::Exact(number));
    }
    number.to_i64().map(Number::Whole).ok_or(Fault::OutOfRange(kind.sql_name()))
}

fn bits(numbers: &[Number], kind: NumberKind, combine: fn(i64, i64) -> i64) -> Result<Number, Fault> {
    Ok(Number::Whole(combine(numbers[0].whole(kind)?, numbers[1].whole(kind)?)))
}

/// Moves bits as the processor does: the distance is taken modulo the width.
fn shift(numbers: &[Number], kind: NumberKind, left: bool) -> Result<Number, Fault> {
    let (value, distance) = (numbers[0].whole(kind)?, numbers[1].whole(NumberKind::Int64)?);
    Ok(Number::Whole(match kind {
        NumberKind::Int64 => {
            let distance = distance.rem_euclid(64) as u32;
            if left { value.wrapping_shl(distance) } else { value.wrapping_shr(distance) }
        }
        NumberKind::Int16 => {
            // A SMALLINT is moved as an INTEGER and cut to its width.
            let distance = distance.rem_euclid(32) as u32;
            let moved = if left { (value as i32).wrapping_shl(distance) } else { (value as i32).wrapping_shr(distance) };
            i64::from(moved as i16)
        }
        _ => {
            let distance = distance.rem_euclid(32) as u32;
            i64::from(if left { (value as i32).wrapping_shl(distance) } else { (value as i32).wrapping_shr(distance) })
        }
    }))
}
