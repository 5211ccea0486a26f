//! Casts from and to numbers, which round and fail as PostgreSQL's do.
//!
//! Owns [`NumberCast`] and the choice between it and DataFusion's own cast, which is kept where nothing can be lost: the planner sees
//! through it. An expression and a type enter, an expression of that type leaves.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{Cast, ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use schemas::numeric::{Numeric, NumericError};

use super::kind::NumberKind;
use super::value::{Number, NumberColumn, NumberFault as Fault, write};
use crate::plan::json_constant::json_constant;
use crate::plan::types::{is_json, type_name};

/// The least decimal exponent of a floating-point number that is written without an exponent, and the least that is written with one again.
const PLAIN_EXPONENTS: std::ops::Range<i32> = -4..15;

/// A cast to one type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct NumberCast {
    target: DataType,
    name: String,
    signature: Signature,
}

impl NumberCast {
    fn new(target: DataType) -> Self {
        let name = format!("cast to {}", type_name(&target).to_lowercase());
        Self { target, name, signature: Signature::any(1, Volatility::Immutable) }
    }

    /// The type that is cast to.
    pub fn target(&self) -> &DataType {
        &self.target
    }
}

/// The expression of type `from` as one of type `to`; `None` when the cast is not one from or to a number.
pub fn cast(expression: &Expr, from: &DataType, to: &DataType) -> Result<Option<Expr>> {
    if from == to {
        return Ok(Some(expression.clone()));
    }
    if !concerns_numbers(from, to) {
        return Ok(None);
    }
    let (source, target) = (NumberKind::of(from), NumberKind::of(to));
    match (source, target) {
        (None, None) => return Ok(None),
        (None, Some(target)) if *from == DataType::Boolean && target != NumberKind::Int32 => {
            return plan_err!("a BOOLEAN can be cast to INTEGER only: write CAST(CAST(... AS INTEGER) AS {})", target.sql_name());
        }
        (Some(source), None) if *to == DataType::Boolean && source != NumberKind::Int32 => {
            return plan_err!("only an INTEGER can be cast to BOOLEAN: write ... <> 0");
        }
        _ => {}
    }
    if let Expr::Literal(value, metadata) = expression
        && source.is_some() == target.is_some()
    {
        // A constant that does not fit is an error of the rows that reach it, as any other value is.
        return Ok(match constant(value, to) {
            Ok(value) => Some(Expr::Literal(value, metadata.clone())),
            Err(_) => Some(call(expression, to)),
        });
    }
    let is_lossless = source.zip(target).is_some_and(|(source, target)| loses_nothing(source, target));
    Ok(Some(if is_lossless || *from == DataType::Null || (source.is_some() && *to == DataType::Boolean) {
        Expr::Cast(Cast::new(Box::new(expression.clone()), to.clone()))
    } else {
        call(expression, to)
    }))
}

/// A constant as one of another type.
///
/// # Errors
/// When it is none.
pub fn constant(value: &ScalarValue, to: &DataType) -> Result<ScalarValue> {
    if is_json(&value.data_type()) != is_json(to) {
        return json_constant(value, to);
    }
    if !concerns_numbers(&value.data_type(), to) {
        return value.cast_to(to);
    }
    ScalarValue::try_from_array(&cast_array(&value.to_array()?, to)?, 0)
}

/// The number in a JSONB; `None` when the type is none of numbers.
pub fn of_json(expression: &Expr, to: &DataType) -> Option<Expr> {
    NumberKind::of(to).map(|_| call(expression, to))
}

fn call(expression: &Expr, to: &DataType) -> Expr {
    let function = Arc::new(ScalarUDF::from(NumberCast::new(to.clone())));
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![expression.clone()]))
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::Utf8View)
}

/// Returns true if a number is one of the two, and the other is a number, a text or a truth value.
fn concerns_numbers(from: &DataType, to: &DataType) -> bool {
    let is_simple = |kind: &DataType| NumberKind::of(kind).is_some() || is_text(kind) || *kind == DataType::Boolean;
    let is_number = NumberKind::of(from).is_some() || NumberKind::of(to).is_some();
    is_number && is_simple(from) && is_simple(to)
}

/// Returns true if every value of one kind is one of another, and DataFusion's cast finds it.
fn loses_nothing(from: NumberKind, to: NumberKind) -> bool {
    match (from, to) {
        (from, to) if from.is_whole() && to.is_whole() => from.common(to) == to,
        (from, NumberKind::Float) => from.is_whole(),
        (NumberKind::Float | NumberKind::Wide, _) => false,
        (from, to @ NumberKind::Exact { .. }) => from.common(to) == to,
        (_, NumberKind::Wide) => from.is_whole(),
        _ => false,
    }
}

impl ScalarUDFImpl for NumberCast {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &args.args[0] {
            ColumnarValue::Scalar(value) => {
                let cast = cast_array(&value.to_array()?, &self.target)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&cast, 0)?))
            }
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(cast_array(array, &self.target)?)),
        }
    }
}

fn cast_array(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let rows = array.len();
    let Some(kind) = NumberKind::of(to) else { return to_text(array) };
    if is_json(array.data_type()) {
        let values = array.as_string::<i64>();
        return write(rows, kind, |row| if values.is_null(row) { Ok(None) } else { read_json(values.value(row), kind).map(Some) });
    }
    if is_text(array.data_type()) {
        let texts = plain_texts(array)?;
        return write(rows, kind, |row| if texts.is_null(row) { Ok(None) } else { read(texts.value(row), kind).map(Some) });
    }
    if *array.data_type() == DataType::Boolean {
        let truths = array.as_boolean();
        return write(rows, kind, |row| Ok(truths.is_valid(row).then(|| Number::Whole(truths.value(row).into()))));
    }
    let numbers = NumberColumn::new(Arc::clone(array))?;
    write(rows, kind, |row| numbers.get(row).map(|number| convert(number, kind)).transpose())
}

/// The number as one of a kind; the rest is done by whoever writes it.
fn convert(number: Number, kind: NumberKind) -> Result<Number, Fault> {
    match kind {
        NumberKind::Exact { digits, scale } => {
            let rounded = number.exact()?.round(scale.into());
            let fits =
                rounded.units_exactly(scale.into()).is_some_and(|units| units.magnitude().to_string().len() <= digits.into());
            if fits || rounded.is_zero() { Ok(Number::Exact(rounded)) } else { Err(Fault::FieldOverflow(digits, scale)) }
        }
        NumberKind::Wide => number.exact().map(Number::Exact),
        _ => Ok(number),
    }
}

/// Reads a text as PostgreSQL reads the type's input.
fn read(text: &str, kind: NumberKind) -> Result<Number, Fault> {
    let bad = || Fault::Text { text: text.to_owned(), kind: kind.sql_name() };
    match kind {
        NumberKind::Int16 | NumberKind::Int32 | NumberKind::Int64 => {
            let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
            let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(bad());
            }
            trimmed.parse().map(Number::Whole).map_err(|_| Fault::OutOfRange(kind.sql_name()))
        }
        NumberKind::Exact { .. } | NumberKind::Wide => match Numeric::parse(text) {
            Ok(number) => convert(Number::Exact(number), kind),
            Err(NumericError::Syntax) => Err(bad()),
            Err(NumericError::TooLong) => Err(Fault::TooManyDigits),
            Err(NumericError::NotFinite) => Err(Fault::Undefined("NUMERIC holds finite numbers only")),
        },
        NumberKind::Float => float(text).ok_or_else(bad)?.map(Number::Float),
    }
}

/// The number that a JSONB is, rounded to the type as a NUMERIC is.
fn read_json(canonical: &str, kind: NumberKind) -> Result<Number, Fault> {
    let bad = || Fault::Text { text: canonical.to_owned(), kind: kind.sql_name() };
    if !canonical.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Err(bad());
    }
    match kind {
        NumberKind::Float => float(canonical).ok_or_else(bad)?.map(Number::Float),
        _ => convert(Number::Exact(Numeric::parse(canonical).map_err(|_| Fault::TooManyDigits)?), kind),
    }
}

/// A floating-point number; `None` when the text is something else.
fn float(text: &str) -> Option<Result<f64, Fault>> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let named = ["nan", "inf", "infinity"].contains(&unsigned.to_ascii_lowercase().as_str());
    let is_number = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if !named && !is_number {
        return None;
    }
    let value: f64 = trimmed.parse().ok()?;
    let has_digit =
        unsigned.split(['e', 'E']).next().is_some_and(|digits| digits.bytes().any(|byte| (b'1'..=b'9').contains(&byte)));
    let is_lost = !named && (value.is_infinite() || (value == 0.0 && has_digit));
    Some(if is_lost { Err(Fault::OutOfRange("DOUBLE PRECISION")) } else { Ok(value) })
}

fn plain_texts(array: &ArrayRef) -> Result<StringArray> {
    let text = |row| match ScalarValue::try_from_array(array, row)? {
        ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) => Ok(text),
        other => plan_err!("a text was expected, not {other}"),
    };
    (0..array.len()).map(text).collect()
}

fn to_text(array: &ArrayRef) -> Result<ArrayRef> {
    let numbers = NumberColumn::new(Arc::clone(array))?;
    let text = |row| {
        numbers.get(row).map(|number| match number {
            Number::Whole(value) => value.to_string(),
            Number::Exact(value) => value.to_string(),
            Number::Float(value) => float_text(value),
        })
    };
    Ok(Arc::new((0..array.len()).map(text).collect::<StringArray>()))
}

/// The shortest text that is read back as the same number, as PostgreSQL writes it.
pub fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !PLAIN_EXPONENTS.contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => value.to_string(),
    }
}
