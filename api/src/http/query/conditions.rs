//! Conditions in the style of PostgREST: `user_id=eq.42`, `id=in.(1,2)`, `created_at=lt.2024-01-07`.
//!
//! The parameters of a request enter; [`Conditions`] on the columns of a view leave.

use std::ops::Bound;

use schemas::field::FieldKind;
use schemas::serving::{Column, View};

use super::error::QueryStringError;
use super::string::QueryString;
use crate::read::access::Rule;
use crate::read::columns::column_or;
use crate::read::conditions::{Condition, Conditions, field_of, narrow, narrow_to_visible};
use crate::read::error::ReadError;
use crate::read::value;

/// The conditions of a request: those it states, and those that follow from what its reader may see.
pub(crate) fn conditions(
    query: &QueryString<'_>,
    reserved: &'static [&'static str],
    view: &View,
    rule: &Rule,
) -> Result<Conditions, QueryStringError> {
    let mut conditions = Conditions::new();
    for (name, text) in query.others(reserved) {
        let column = column_or(view, name, reserved)?;
        narrow(&mut conditions, column, condition(&view.columns[column], text)?);
    }
    narrow_to_visible(&mut conditions, rule);
    Ok(conditions)
}

fn condition(column: &Column, text: &str) -> Result<Condition, QueryStringError> {
    let unknown = || QueryStringError::BadOperator { column: column.name.clone(), given: text.to_owned() };
    let (operator, operand) = text.split_once('.').ok_or_else(unknown)?;
    let value = || field_of(column, operand);
    Ok(match operator {
        "eq" => Condition::OneOf(vec![value()?]),
        "in" => one_of(column, operand)?,
        "gt" => Condition::Between(Bound::Excluded(value()?), Bound::Unbounded),
        "gte" => Condition::Between(Bound::Included(value()?), Bound::Unbounded),
        "lt" => Condition::Between(Bound::Unbounded, Bound::Excluded(value()?)),
        "lte" => Condition::Between(Bound::Unbounded, Bound::Included(value()?)),
        "is" if operand == "null" && !matches!(column.kind, FieldKind::List(_)) => {
            Condition::OneOf(vec![value::null(&column.kind)])
        }
        _ => return Err(unknown()),
    })
}

fn one_of(column: &Column, operand: &str) -> Result<Condition, QueryStringError> {
    let items = list_items(operand).ok_or_else(|| ReadError::BadValue {
        column: column.name.clone(),
        value: operand.to_owned(),
        kind: column.kind.sql_name(),
        expected: "a list such as (1,2,3), with double quotes around values that have a comma in them".into(),
    })?;
    Ok(Condition::one_of(items.iter().map(|item| field_of(column, item)).collect::<Result<_, _>>()?))
}

/// The items of `(a,"b,c",d)`; in quotes a backslash keeps the character after it.
fn list_items(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let mut items = vec![String::new()];
    let mut quoted = false;
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let item = items.last_mut()?;
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => item.push(characters.next()?),
            ',' if !quoted => items.push(String::new()),
            other => item.push(other),
        }
    }
    (!quoted).then_some(items)
}

#[cfg(test)]
mod tests {
    use schemas::serving::Access;

    use super::*;

    fn view() -> View {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let list = FieldKind::List(Box::new(FieldKind::Int64));
        let columns = vec![column("id", FieldKind::Int64), column("name", FieldKind::Text), column("tags", list)];
        View { name: "things".into(), columns, indexes: vec![], access: Access::Public, max_age: None }
    }

    fn admitted(text: &str) -> Result<Vec<i64>, QueryStringError> {
        let view = view();
        let conditions = conditions(&QueryString::parse(Some(text))?, &["limit"], &view, &Rule::Always)?;
        let admits = |id: &i64| conditions[&0].admits(value::parse(&FieldKind::Int64, &id.to_string()).unwrap().as_bytes());
        Ok((-2..10).filter(admits).collect())
    }

    #[test]
    fn conditions_on_one_column_narrow_each_other() {
        assert_eq!(admitted("id=gt.3&id=lte.5&id=gte.3&limit=1").unwrap(), [4, 5]);
        assert_eq!(admitted("id=in.(9,2,2,4)&id=lt.9").unwrap(), [2, 4]);
        assert_eq!(admitted("id=eq.1&id=eq.2").unwrap(), Vec::<i64>::new());
        assert_eq!(admitted("id=lt.-1").unwrap(), [-2]);
        assert_eq!(admitted("id=in.()").unwrap(), Vec::<i64>::new());
    }

    #[test]
    fn null_fulfils_no_comparison() {
        let null = value::null(&FieldKind::Int64);
        let bounds = |text: &str| condition(&view().columns[0], text).unwrap();
        for text in ["gt.0", "lt.0", "eq.0", "in.(0)"] {
            assert!(!bounds(text).admits(null.as_bytes()), "{text}");
        }
        assert!(bounds("is.null").admits(null.as_bytes()));
    }

    #[test]
    fn lists_may_quote() {
        assert_eq!(list_items(r#"(a,"b,\"c\"",)"#).unwrap(), ["a", "b,\"c\"", ""]);
        for broken in ["a", "(a", "(\"a)", "(\"a\\", "("] {
            assert_eq!(list_items(broken), None, "{broken}");
        }
    }

    #[test]
    fn faults_name_the_column() {
        assert!(matches!(admitted("id=5"), Err(QueryStringError::BadOperator { .. })));
        assert!(matches!(admitted("id=like.5"), Err(QueryStringError::BadOperator { .. })));
        assert!(matches!(admitted("id=is.true"), Err(QueryStringError::BadOperator { .. })));
        assert!(matches!(admitted("id=eq.x"), Err(QueryStringError::Read(ReadError::BadValue { .. }))));
        assert!(matches!(admitted("tags=eq.1"), Err(QueryStringError::Read(ReadError::BadValue { .. }))));
        let Err(QueryStringError::Read(ReadError::UnknownColumn { suggestion, .. })) = admitted("lmit=5") else {
            panic!("accepted")
        };
        assert_eq!(suggestion.as_deref(), Some("limit"));
    }
}
