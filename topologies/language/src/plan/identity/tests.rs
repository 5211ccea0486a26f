//! Expressions and types are told apart, and what has no form is refused by its kind.

use std::sync::Arc;

use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use datafusion_common::{Column, ScalarValue};
use datafusion_expr::expr::Placeholder;
use datafusion_expr::{Cast, Expr, TryCast, lit};

use super::expression::{check, semantics, write};
use super::*;

fn column() -> Expr {
    Expr::Column(Column::from_name("c0"))
}

fn form(expression: &Expr) -> Form {
    let mut form = Form::new(Subject::Scalar);
    let of_column = |form: &mut Form, column: &Column| {
        form.text(&column.name);
        Ok(())
    };
    write(&mut form, expression, &of_column).unwrap_or_else(|error| panic!("{expression}: {error}"));
    form
}

#[test]
fn different_expressions_have_different_forms() {
    let cast = |target: DataType| Expr::Cast(Cast::new(Box::new(column()), target));
    // What these are called does not say how many digits they keep.
    let own_cast = |target: DataType| {
        let call = crate::plan::numbers::cast::cast(&column(), &DataType::Utf8, &target).expect("it is planned");
        call.expect("a text is cast to a number by a function of ours")
    };
    let expressions = [
        column(),
        own_cast(DataType::Decimal128(10, 2)),
        own_cast(DataType::Decimal128(12, 2)),
        own_cast(DataType::Int64),
        Expr::Column(Column::from_name("c1")),
        lit(1_i64),
        lit(1_i32),
        lit(1_u64),
        lit(1.0),
        lit("1"),
        lit(true),
        Expr::Literal(ScalarValue::Int64(None), None),
        Expr::Literal(ScalarValue::Utf8(None), None),
        Expr::Literal(ScalarValue::Utf8(Some(String::new())), None),
        Expr::Literal(ScalarValue::Decimal128(Some(10), 10, 1), None),
        Expr::Literal(ScalarValue::Decimal128(Some(10), 10, 0), None),
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(1), None), None),
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(1), Some("+00:00".into())), None),
        Expr::Literal(ScalarValue::List(ScalarValue::new_list(&[1_i64.into(), 2_i64.into()], &DataType::Int64, true)), None),
        Expr::Literal(ScalarValue::List(ScalarValue::new_list(&[12_i64.into()], &DataType::Int64, true)), None),
        column() + lit(1_i64),
        column() - lit(1_i64),
        lit(1_i64) - column(),
        column().eq(lit(1_i64)),
        column().not_eq(lit(1_i64)),
        column().between(lit(1_i64), lit(2_i64)),
        column().not_between(lit(1_i64), lit(2_i64)),
        column().in_list(vec![lit(1_i64), lit(2_i64)], false),
        column().in_list(vec![lit(1_i64), lit(2_i64)], true),
        column().in_list(vec![lit(1_i64)], false),
        column().like(lit("a%")),
        column().ilike(lit("a%")),
        column().not_like(lit("a%")),
        column().is_null(),
        column().is_not_null(),
        column().is_true(),
        column().is_not_true(),
        column().is_false(),
        column().is_not_false(),
        column().is_unknown(),
        column().is_not_unknown(),
        !column(),
        -column(),
        cast(DataType::Int64),
        cast(DataType::Utf8),
        Expr::TryCast(TryCast::new(Box::new(column()), DataType::Int64)),
        datafusion_functions::string::expr_fn::upper(column()),
        datafusion_functions::string::expr_fn::lower(column()),
        datafusion_functions::string::expr_fn::concat(vec![column(), lit("a")]),
        datafusion_functions::string::expr_fn::concat(vec![lit("a"), column()]),
    ];
    let forms: Vec<Form> = expressions.iter().map(form).collect();
    for (at, one) in forms.iter().enumerate() {
        for (other, another) in forms.iter().enumerate().skip(at + 1) {
            assert_ne!(one, another, "{} and {}", expressions[at], expressions[other]);
        }
    }
}

#[test]
fn a_name_is_no_part_of_an_expression() {
    assert_eq!(form(&(column() + lit(1_i64)).alias("a")), form(&(column() + lit(1_i64))));
    assert_eq!(form(&(column().alias("b") + lit(1_i64))), form(&(column() + lit(1_i64))));
}

#[test]
fn an_expression_without_a_form_is_refused_by_its_kind() {
    let placeholder = Expr::Placeholder(Placeholder { id: "$1".to_owned(), field: None });
    let refused = check(&(column() + placeholder)).expect_err("it has no form").to_string();
    assert!(refused.contains("kind Placeholder"), "{refused}");
    let map = Expr::Literal(ScalarValue::Dictionary(Box::new(DataType::Int32), Box::new("a".into())), None);
    let refused = check(&map).expect_err("it has no form").to_string();
    assert!(refused.contains("Dictionary"), "{refused}");
}

#[test]
fn different_types_have_different_forms() {
    let list = |item: DataType| DataType::List(Arc::new(Field::new("item", item, true)));
    let types = [
        DataType::Boolean,
        DataType::Int64,
        DataType::UInt64,
        DataType::Utf8,
        DataType::Utf8View,
        DataType::Decimal128(10, 2),
        DataType::Decimal128(10, 3),
        DataType::Decimal128(11, 2),
        DataType::Decimal256(10, 2),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Interval(IntervalUnit::DayTime),
        DataType::Interval(IntervalUnit::YearMonth),
        list(DataType::Int64),
        list(list(DataType::Int64)),
        DataType::Struct(vec![Field::new("a", DataType::Int64, true)].into()),
        DataType::Struct(vec![Field::new("b", DataType::Int64, true)].into()),
    ];
    let form = |data_type: &DataType| {
        let mut form = Form::new(Subject::Scalar);
        types::data_type(&mut form, data_type);
        form
    };
    for (at, one) in types.iter().enumerate() {
        for other in &types[at + 1..] {
            assert_ne!(form(one), form(other), "{one} and {other}");
        }
    }
}

/// A state that was computed with the earlier answers is not taken for one with the later.
#[test]
fn functions_that_answer_otherwise_than_they_did_have_another_version() {
    for name in ["decode", "make_timestamp", "to_char"] {
        assert!(crate::plan::calls::named(name).is_ok(), "there is no function '{name}'");
        assert_eq!(semantics(name), 2, "{name}");
    }
    assert_eq!(semantics("lower"), 1);
}

/// A form that changes loses every state on every disk: the bytes are pinned here, apart from any plan.
#[test]
fn the_bytes_of_a_form_are_fixed() {
    let scalar = (column() + lit(7_i64)).eq(Expr::Cast(Cast::new(Box::new(lit("a")), DataType::Int64)));
    assert_eq!(form(&scalar).fingerprint().to_string(), "986bd4d2c4030114");
}
