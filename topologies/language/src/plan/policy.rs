//! `CREATE POLICY ... USING (...)`: from an expression to the conditions that the API tests.
//!
//! Owns the small language of policies: equalities of columns, claims and constants, and claims among the elements of a list, joined by AND
//! and OR.

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, Value};
use datafusion_sql::sqlparser::tokenizer::Span;
use schemas::field::{FieldKind, json_string};
use schemas::serving::Policy;

type Refusal = (String, Span);

/// Plans the condition of a policy on a view with these columns.
pub fn plan(using: &Expr, names: &[String], kinds: &[FieldKind]) -> Result<Policy, Refusal> {
    match using {
        Expr::Nested(inner) => plan(inner, names, kinds),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            Ok(Policy::All(vec![plan(left, names, kinds)?, plan(right, names, kinds)?]))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            Ok(Policy::Any(vec![plan(left, names, kinds)?, plan(right, names, kinds)?]))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            equality((operand(left, names)?, operand(right, names)?), kinds).ok_or_else(|| refuse(using))
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            membership((operand(left, names)?, operand(right, names)?), kinds).ok_or_else(|| refuse(using))
        }
        other => Err(refuse(other)),
    }
}

enum Operand {
    Column(usize),
    Claim(String),
    Constant(Value),
}

fn refuse(expression: &Expr) -> Refusal {
    (format!("'{expression}' is not supported in a policy"), expression.span())
}

fn operand(expression: &Expr, names: &[String]) -> Result<Operand, Refusal> {
    match expression {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => operand(inner, names),
        Expr::Identifier(ident) => column(&ident.value, names, ident.span),
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(ident) => column(&ident.value, names, ident.span),
            None => Err(refuse(expression)),
        },
        Expr::Value(value) => Ok(Operand::Constant(value.value.clone())),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("jwt") => match &function.args {
            FunctionArguments::List(list) => match &list.args[..] {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value {
                    Value::SingleQuotedString(claim) => Ok(Operand::Claim(claim.clone())),
                    _ => Err(refuse(expression)),
                },
                _ => Err(refuse(expression)),
            },
            _ => Err(refuse(expression)),
        },
        other => Err(refuse(other)),
    }
}

fn column(name: &str, names: &[String], span: Span) -> Result<Operand, Refusal> {
    match names.iter().position(|other| other == name) {
        Some(column) => Ok(Operand::Column(column)),
        None => Err((format!("the view has no column '{name}'"), span)),
    }
}

/// `claim = ANY (list)`
fn membership(operands: (Operand, Operand), kinds: &[FieldKind]) -> Option<Policy> {
    match operands {
        (Operand::Claim(claim), Operand::Column(column)) if matches!(kinds[column], FieldKind::List(_)) => {
            Some(Policy::ListHasClaim { column, claim })
        }
        _ => None,
    }
}

fn equality(operands: (Operand, Operand), kinds: &[FieldKind]) -> Option<Policy> {
    match operands {
        (Operand::Column(column), Operand::Claim(claim)) | (Operand::Claim(claim), Operand::Column(column)) => {
            Some(Policy::ColumnIsClaim { column, claim })
        }
        (Operand::Column(column), Operand::Constant(value)) | (Operand::Constant(value), Operand::Column(column)) => {
            Some(Policy::ColumnIs { column, json: json(&value, &kinds[column])? })
        }
        (Operand::Claim(claim), Operand::Constant(value)) | (Operand::Constant(value), Operand::Claim(claim)) => {
            let text = match value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => text,
                Value::Boolean(truth) => truth.to_string(),
                _ => return None,
            };
            Some(Policy::ClaimIs { claim, text })
        }
        _ => None,
    }
}

/// The constant as the API prints a value of the column.
fn json(value: &Value, kind: &FieldKind) -> Option<String> {
    match (value, kind) {
        (Value::Boolean(truth), FieldKind::Boolean) => Some(truth.to_string()),
        (Value::Number(number, _), FieldKind::Int16 | FieldKind::Int32 | FieldKind::Int64) => Some(number.clone()),
        (Value::SingleQuotedString(text), FieldKind::Text) => {
            let mut out = String::new();
            json_string(text, &mut out);
            Some(out)
        }
        _ => None,
    }
}
