//! Syntax that stands for a call: LIKE, SIMILAR TO, regular expressions, AT TIME ZONE; and intervals with a time of day.
//!
//! Owns the rewriting of such an expression of the syntax tree into the function that computes it as PostgreSQL does. An
//! expression enters; the expression that stands for it leaves, with the places of what the user wrote.

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, Interval, Spanned, UnaryOperator, Value, ValueWithSpan};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::tree::{RewriteError, call_at};
use crate::plan::calls::{SIMILAR_TO, check_pattern, lowered, with_backslash};

/// The expression that stands for one that is written in syntax of its own; `None` when it stays as it is.
pub fn rewritten(expression: &Expr) -> Result<Option<Expr>, RewriteError> {
    let span = expression.span();
    Ok(match expression {
        Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            like(*negated, expr, pattern, escape_char.as_ref(), span)?
        }
        Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
            let lower = |operand: &Expr| match operand {
                Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) => text_at(lowered(text), *span),
                operand => call_at("lower", vec![operand.clone()], operand.span()),
            };
            let (folded, pattern) = (lower(expr), lower(pattern));
            let escape = escape_char.clone().map(|mut escape| {
                if let Value::SingleQuotedString(text) = &mut escape.value {
                    *text = lowered(text);
                }
                escape
            });
            let plain = Expr::Like {
                negated: *negated,
                any: false,
                expr: Box::new(folded.clone()),
                pattern: Box::new(pattern.clone()),
                escape_char: None,
            };
            Some(like(*negated, &folded, &pattern, escape.as_ref(), span)?.unwrap_or(plain))
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let mut arguments = vec![expr.as_ref().clone(), pattern.as_ref().clone()];
            arguments.extend(escape_char.clone().map(Expr::Value));
            Some(negated_if(*negated, call_at(SIMILAR_TO, arguments, span)))
        }
        // DataFusion has no such operator.
        Expr::BinaryOp { left, op: BinaryOperator::PGExp, right } => {
            Some(call_at("power", vec![left.as_ref().clone(), right.as_ref().clone()], span))
        }
        Expr::BinaryOp { left, op, right } => regular(left, op, right, span),
        Expr::AtTimeZone { timestamp, time_zone } => {
            Some(call_at("timezone", vec![time_zone.as_ref().clone(), timestamp.as_ref().clone()], span))
        }
        Expr::Interval(interval) => with_clock(interval),
        _ => None,
    })
}

/// An interval with a time of day, such as `1 day 02:03:04`, in units that DataFusion reads.
fn with_clock(interval: &Interval) -> Option<Expr> {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) = interval.value.as_ref() else {
        return None;
    };
    if !text.contains(':') || interval.leading_field.is_some() {
        return None;
    }
    let length = schemas::interval::Interval::parse(text)?;
    let units = format!("{} months {} days {} microseconds", length.months, length.days, length.micros);
    Some(Expr::Interval(Interval { value: Box::new(text_at(units, *span)), ..interval.clone() }))
}

/// A LIKE that is not compared with a constant by DataFusion itself.
fn like(
    negated: bool,
    expression: &Expr,
    pattern: &Expr,
    escape: Option<&ValueWithSpan>,
    span: Span,
) -> Result<Option<Expr>, RewriteError> {
    let refused = |message: String| RewriteError { message, span };
    let constant = match pattern {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) => Some((text, *span)),
        _ => None,
    };
    let escape_text = match escape {
        None => None,
        Some(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        Some(other) => return Err(refused(format!("ESCAPE takes one character in quotes, not {other}"))),
    };
    let Some((text, place)) = constant else {
        let pattern = match escape {
            None => pattern.clone(),
            Some(escape) => call_at("like_escape", vec![pattern.clone(), Expr::Value(escape.clone())], span),
        };
        return Ok(Some(negated_if(negated, call_at("like", vec![expression.clone(), pattern], span))));
    };
    let text = match escape_text {
        None => text.clone(),
        Some(escape) => with_backslash(text, escape).map_err(|fault| refused(fault.to_string()))?,
    };
    check_pattern(&text).map_err(|fault| refused(fault.to_string()))?;
    Ok(escape_text.map(|_| Expr::Like {
        negated,
        any: false,
        expr: Box::new(expression.clone()),
        pattern: Box::new(text_at(text, place)),
        escape_char: None,
    }))
}

/// `~` and its siblings.
fn regular(left: &Expr, operator: &BinaryOperator, right: &Expr, span: Span) -> Option<Expr> {
    let (negated, ignores_case) = match operator {
        BinaryOperator::PGRegexMatch => (false, false),
        BinaryOperator::PGRegexIMatch => (false, true),
        BinaryOperator::PGRegexNotMatch => (true, false),
        BinaryOperator::PGRegexNotIMatch => (true, true),
        _ => return None,
    };
    let mut arguments = vec![left.clone(), right.clone()];
    arguments.extend(ignores_case.then(|| text_at("i".to_owned(), span)));
    Some(negated_if(negated, call_at("regexp_like", arguments, span)))
}

fn negated_if(negated: bool, expression: Expr) -> Expr {
    if negated {
        Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expression) }))
    } else {
        expression
    }
}

fn text_at(text: String, span: Span) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span })
}
