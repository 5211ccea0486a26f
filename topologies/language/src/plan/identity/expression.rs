//! The canonical form of expressions: DataFusion's, taken apart kind by kind.
//!
//! An expression without a form is a planning error that names its kind: two of them could be taken for one another.

use arrow_array::Array;
use datafusion_common::{Column, Result, ScalarValue, plan_err};
use datafusion_expr::expr::{Between, Case, HigherOrderFunction, InList, Lambda, LambdaVariable, Like, ScalarFunction};
use datafusion_expr::{BinaryExpr, Expr, Operator};

use super::form::{Form, Subject};
use super::types;
use crate::plan::numbers::cast::NumberCast;

/// The version of what functions compute, where it is not the first: a function that computes something else than an earlier version of
/// this program did gets the next number here, and what it is part of is recomputed.
const SEMANTICS: [(&str, u32); 3] = [("decode", 2), ("make_timestamp", 2), ("to_char", 2)];

/// The version of what a function computes.
pub fn semantics(function: &str) -> u32 {
    SEMANTICS.iter().find(|(name, _)| *name == function).map_or(1, |(_, version)| *version)
}

/// Fails if an expression has no canonical form.
///
/// # Errors
/// The kind that has none.
pub fn check(expression: &Expr) -> Result<()> {
    let by_name = |form: &mut Form, column: &Column| {
        form.text(&column.name);
        Ok(())
    };
    write(&mut Form::new(Subject::Scalar), expression, &by_name)
}

/// Writes a column of an expression.
pub type NamedColumn<'a> = &'a dyn Fn(&mut Form, &Column) -> Result<()>;

/// Writes an expression.
///
/// # Errors
/// It has a kind without a form, or a column that `column` does not know.
pub fn write(form: &mut Form, expression: &Expr, column: NamedColumn<'_>) -> Result<()> {
    let unary = |form: &mut Form, tag: u8, operand: &Expr| {
        form.tag(tag);
        write(form, operand, column)
    };
    match expression {
        // A name for people.
        Expr::Alias(alias) => write(form, &alias.expr, column),
        Expr::Column(named) => {
            form.tag(1);
            column(form, named)
        }
        Expr::Literal(value, _) => {
            form.tag(2);
            literal(form, value)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            form.tag(3);
            form.tag(operator_tag(*op));
            write(form, left, column)?;
            write(form, right, column)
        }
        Expr::Like(pattern) => like(form, 4, pattern, column),
        Expr::SimilarTo(pattern) => like(form, 5, pattern, column),
        Expr::Not(operand) => unary(form, 6, operand),
        Expr::IsNotNull(operand) => unary(form, 7, operand),
        Expr::IsNull(operand) => unary(form, 8, operand),
        Expr::IsTrue(operand) => unary(form, 9, operand),
        Expr::IsFalse(operand) => unary(form, 10, operand),
        Expr::IsUnknown(operand) => unary(form, 11, operand),
        Expr::IsNotTrue(operand) => unary(form, 12, operand),
        Expr::IsNotFalse(operand) => unary(form, 13, operand),
        Expr::IsNotUnknown(operand) => unary(form, 14, operand),
        Expr::Negative(operand) => unary(form, 15, operand),
        Expr::Between(Between { expr, negated, low, high }) => {
            form.tag(16);
            form.flag(*negated);
            [expr, low, high].into_iter().try_for_each(|part| write(form, part, column))
        }
        Expr::Case(of) => case(form, of, column),
        Expr::Cast(cast) => {
            types::data_type(form.tagged(18), cast.field.data_type());
            write(form, &cast.expr, column)
        }
        Expr::TryCast(cast) => {
            types::data_type(form.tagged(19), cast.field.data_type());
            write(form, &cast.expr, column)
        }
        Expr::ScalarFunction(function) => function_call(form, function, column),
        Expr::InList(InList { expr, list, negated }) => {
            form.tag(21);
            form.flag(*negated);
            write(form, expr, column)?;
            all(form, list, column)
        }
        Expr::HigherOrderFunction(HigherOrderFunction { func, args }) => call(form, 22, func.name(), args, column),
        Expr::Lambda(Lambda { params, body }) => {
            form.tag(23);
            form.each(params.iter(), |form, name| form.text(name));
            write(form, body, column)
        }
        Expr::LambdaVariable(LambdaVariable { name, .. }) => {
            form.tag(24);
            form.text(name);
            Ok(())
        }
        other => {
            plan_err!("'{other}' can't be part of a row: an expression of the kind {} has no identity", other.variant_name())
        }
    }
}

fn all(form: &mut Form, expressions: &[Expr], column: NamedColumn<'_>) -> Result<()> {
    form.count(expressions.len());
    expressions.iter().try_for_each(|expression| write(form, expression, column))
}

fn optional(form: &mut Form, expression: Option<&Expr>, column: NamedColumn<'_>) -> Result<()> {
    form.flag(expression.is_some());
    expression.map_or(Ok(()), |expression| write(form, expression, column))
}

fn function_call(form: &mut Form, ScalarFunction { func, args }: &ScalarFunction, column: NamedColumn<'_>) -> Result<()> {
    let Some(cast) = func.inner().downcast_ref::<NumberCast>() else {
        return call(form, 20, func.name(), args, column);
    };
    // Its name is for people: what it does is said by the type that it casts to.
    types::data_type(form.tagged(25), cast.target());
    form.number(semantics("cast"));
    all(form, args, column)
}

fn call(form: &mut Form, tag: u8, name: &str, arguments: &[Expr], column: NamedColumn<'_>) -> Result<()> {
    form.tag(tag);
    form.text(name);
    form.number(semantics(name));
    all(form, arguments, column)
}

fn like(form: &mut Form, tag: u8, like: &Like, column: NamedColumn<'_>) -> Result<()> {
    form.tag(tag);
    form.flag(like.negated);
    form.flag(like.case_insensitive);
    form.optional(like.escape_char, |form, escape| form.number(u32::from(escape)));
    write(form, &like.expr, column)?;
    write(form, &like.pattern, column)
}

fn case(form: &mut Form, case: &Case, column: NamedColumn<'_>) -> Result<()> {
    form.tag(17);
    optional(form, case.expr.as_deref(), column)?;
    form.count(case.when_then_expr.len());
    for (when, then) in &case.when_then_expr {
        write(form, when, column)?;
        write(form, then, column)?;
    }
    optional(form, case.else_expr.as_deref(), column)
}

fn operator_tag(operator: Operator) -> u8 {
    match operator {
        Operator::Eq => 1,
        Operator::NotEq => 2,
        Operator::Lt => 3,
        Operator::LtEq => 4,
        Operator::Gt => 5,
        Operator::GtEq => 6,
        Operator::Plus => 7,
        Operator::Minus => 8,
        Operator::Multiply => 9,
        Operator::Divide => 10,
        Operator::Modulo => 11,
        Operator::And => 12,
        Operator::Or => 13,
        Operator::IsDistinctFrom => 14,
        Operator::IsNotDistinctFrom => 15,
        Operator::RegexMatch => 16,
        Operator::RegexIMatch => 17,
        Operator::RegexNotMatch => 18,
        Operator::RegexNotIMatch => 19,
        Operator::LikeMatch => 20,
        Operator::ILikeMatch => 21,
        Operator::NotLikeMatch => 22,
        Operator::NotILikeMatch => 23,
        Operator::BitwiseAnd => 24,
        Operator::BitwiseOr => 25,
        Operator::BitwiseXor => 26,
        Operator::BitwiseShiftRight => 27,
        Operator::BitwiseShiftLeft => 28,
        Operator::StringConcat => 29,
        Operator::AtArrow => 30,
        Operator::ArrowAt => 31,
        Operator::Arrow => 32,
        Operator::LongArrow => 33,
        Operator::HashArrow => 34,
        Operator::HashLongArrow => 35,
        Operator::AtAt => 36,
        Operator::IntegerDivide => 37,
        Operator::HashMinus => 38,
        Operator::AtQuestion => 39,
        Operator::Question => 40,
        Operator::QuestionAnd => 41,
        Operator::QuestionPipe => 42,
        Operator::Colon => 43,
    }
}

/// Writes a constant: its type, whether it is NULL, and its value.
fn literal(form: &mut Form, value: &ScalarValue) -> Result<()> {
    types::data_type(form, &value.data_type());
    form.flag(value.is_null());
    if value.is_null() {
        return Ok(());
    }
    match value {
        ScalarValue::Boolean(Some(value)) => form.flag(*value),
        ScalarValue::Float16(Some(value)) => form.number(value.to_bits()),
        ScalarValue::Float32(Some(value)) => form.number(value.to_bits()),
        ScalarValue::Float64(Some(value)) => form.number(value.to_bits()),
        ScalarValue::Int8(Some(value)) => form.number(*value),
        ScalarValue::Int16(Some(value)) => form.number(*value),
        ScalarValue::UInt8(Some(value)) => form.number(*value),
        ScalarValue::UInt16(Some(value)) => form.number(*value),
        ScalarValue::UInt32(Some(value)) => form.number(*value),
        ScalarValue::UInt64(Some(value)) => form.number(*value),
        ScalarValue::Int32(Some(value))
        | ScalarValue::Decimal32(Some(value), ..)
        | ScalarValue::Date32(Some(value))
        | ScalarValue::Time32Second(Some(value))
        | ScalarValue::Time32Millisecond(Some(value))
        | ScalarValue::IntervalYearMonth(Some(value)) => form.number(*value),
        ScalarValue::Int64(Some(value))
        | ScalarValue::Decimal64(Some(value), ..)
        | ScalarValue::Date64(Some(value))
        | ScalarValue::Time64Microsecond(Some(value))
        | ScalarValue::Time64Nanosecond(Some(value))
        | ScalarValue::TimestampSecond(Some(value), _)
        | ScalarValue::TimestampMillisecond(Some(value), _)
        | ScalarValue::TimestampMicrosecond(Some(value), _)
        | ScalarValue::TimestampNanosecond(Some(value), _)
        | ScalarValue::DurationSecond(Some(value))
        | ScalarValue::DurationMillisecond(Some(value))
        | ScalarValue::DurationMicrosecond(Some(value))
        | ScalarValue::DurationNanosecond(Some(value)) => form.number(*value),
        ScalarValue::Decimal128(Some(value), ..) => form.number(*value),
        ScalarValue::Decimal256(Some(value), ..) => form.bytes(&value.to_le_bytes()),
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => form.text(text),
        ScalarValue::Binary(Some(bytes))
        | ScalarValue::BinaryView(Some(bytes))
        | ScalarValue::LargeBinary(Some(bytes))
        | ScalarValue::FixedSizeBinary(_, Some(bytes)) => form.bytes(bytes),
        ScalarValue::IntervalDayTime(Some(interval)) => {
            form.number(interval.days);
            form.number(interval.milliseconds);
        }
        ScalarValue::IntervalMonthDayNano(Some(interval)) => {
            form.number(interval.months);
            form.number(interval.days);
            form.number(interval.nanoseconds);
        }
        ScalarValue::List(list) => return items(form, &list.value(0)),
        ScalarValue::LargeList(list) => return items(form, &list.value(0)),
        ScalarValue::FixedSizeList(list) => return items(form, &list.value(0)),
        ScalarValue::Struct(fields) => {
            return fields.columns().iter().try_for_each(|column| literal(form, &ScalarValue::try_from_array(column, 0)?));
        }
        other => return plan_err!("the constant {other} of type {} has no identity: cast it", other.data_type()),
    }
    Ok(())
}

fn items(form: &mut Form, items: &dyn Array) -> Result<()> {
    form.count(items.len());
    (0..items.len()).try_for_each(|at| literal(form, &ScalarValue::try_from_array(items, at)?))
}
