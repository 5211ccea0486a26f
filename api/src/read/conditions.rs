//! Conditions on columns, in the style of PostgREST: `user_id=eq.42`, `id=in.(1,2)`, `created_at=lt.2024-01-07`.
//!
//! The parameters of a request enter; [`Conditions`], at most one per column, leave. Values are encoded fields, so that testing a
//! row compares bytes. As in SQL, NULL fulfils no comparison, only `is.null`.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use schemas::field::{FieldKind, is_null};
use schemas::row::Row;
use schemas::serving::{Column, View};

use crate::http::error::ApiError;
use crate::http::query::Query;
use crate::read::access::Rule;
use crate::read::suggest::nearest;
use crate::read::value;

/// A condition on one column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Condition {
    /// its value is one of these, which are sorted
    OneOf(Vec<Row>),
    /// its value is not NULL and lies between these
    Between(Bound<Row>, Bound<Row>),
}

/// The condition on each named column.
pub(crate) type Conditions = BTreeMap<usize, Condition>;

/// The conditions of a request: those it states, and those that follow from what its reader may see.
pub(crate) fn conditions(
    query: &Query<'_>,
    reserved: &'static [&'static str],
    view: &View,
    rule: &Rule,
) -> Result<Conditions, ApiError> {
    let mut conditions = Conditions::new();
    for (name, text) in query.others(reserved) {
        let column = column_or_parameter(view, name, reserved)?;
        add(&mut conditions, column, condition(&view.columns[column], text)?);
    }
    for (column, field) in rule.implied() {
        add(&mut conditions, column, Condition::OneOf(vec![field.clone()]));
    }
    Ok(conditions)
}

/// The position of a column.
pub(crate) fn column(view: &View, name: &str) -> Result<usize, ApiError> {
    column_or_parameter(view, name, &[])
}

fn column_or_parameter(view: &View, name: &str, parameters: &[&str]) -> Result<usize, ApiError> {
    let names = || view.columns.iter().map(|column| column.name.as_str());
    names().position(|known| known == name).ok_or_else(|| ApiError::UnknownColumn {
        view: view.name.clone(),
        column: name.to_owned(),
        suggestion: nearest(name, names().chain(parameters.iter().copied())),
    })
}

fn add(conditions: &mut Conditions, column: usize, new: Condition) {
    let merged = match conditions.remove(&column) {
        Some(old) => old.and(new),
        None => new,
    };
    conditions.insert(column, merged);
}

fn condition(column: &Column, text: &str) -> Result<Condition, ApiError> {
    let unknown = || ApiError::BadOperator { column: column.name.clone(), given: text.to_owned() };
    let (operator, operand) = text.split_once('.').ok_or_else(unknown)?;
    let value = || parse(column, operand);
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

fn parse(column: &Column, text: &str) -> Result<Row, ApiError> {
    value::parse(&column.kind, text).map_err(|expected| ApiError::BadValue {
        column: column.name.clone(),
        value: text.to_owned(),
        kind: column.kind.sql_name(),
        expected,
    })
}

fn one_of(column: &Column, operand: &str) -> Result<Condition, ApiError> {
    let items = list_items(operand).ok_or_else(|| ApiError::BadValue {
        column: column.name.clone(),
        value: operand.to_owned(),
        kind: column.kind.sql_name(),
        expected: "a list such as (1,2,3), with double quotes around values that have a comma in them".into(),
    })?;
    let mut fields = items.iter().map(|item| parse(column, item)).collect::<Result<Vec<Row>, ApiError>>()?;
    fields.sort_unstable();
    fields.dedup();
    Ok(Condition::OneOf(fields))
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

impl Condition {
    /// Returns true if an encoded field fulfils the condition.
    pub(crate) fn admits(&self, field: &[u8]) -> bool {
        match self {
            Self::OneOf(fields) => fields.binary_search_by(|known| known.as_bytes().cmp(field)).is_ok(),
            Self::Between(lower, upper) => {
                let bounds = (lower.as_ref().map(Row::as_bytes), upper.as_ref().map(Row::as_bytes));
                !is_null(field, 0) && RangeBounds::<[u8]>::contains(&bounds, field)
            }
        }
    }

    /// Both conditions in one.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::OneOf(fields), condition) | (condition, Self::OneOf(fields)) => {
                Self::OneOf(fields.into_iter().filter(|field| condition.admits(field.as_bytes())).collect())
            }
            (Self::Between(lower, upper), Self::Between(other_lower, other_upper)) => Self::Between(
                tighter(lower, other_lower, |left, right| left > right),
                tighter(upper, other_upper, |left, right| left < right),
            ),
        }
    }

    /// The one value that the column must have, or that there is none it could have.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Self::OneOf(fields) if fields.len() <= 1)
    }
}

fn tighter(left: Bound<Row>, right: Bound<Row>, beyond: fn(&Row, &Row) -> bool) -> Bound<Row> {
    match (&left, &right) {
        (Bound::Unbounded, _) => right,
        (_, Bound::Unbounded) => left,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
            let right_wins = beyond(b, a) || (a == b && matches!(right, Bound::Excluded(_)));
            if right_wins { right } else { left }
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::serving::Access;

    use super::*;

    fn view() -> View {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let list = FieldKind::List(Box::new(FieldKind::Int64));
        let columns = vec![column("id", FieldKind::Int64), column("name", FieldKind::Text), column("tags", list)];
        View { name: "things".into(), columns, indexes: vec![], access: Access::Public }
    }

    fn admitted(text: &str) -> Result<Vec<i64>, ApiError> {
        let view = view();
        let conditions = conditions(&Query::parse(Some(text))?, &["limit"], &view, &Rule::Always)?;
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
        assert!(matches!(admitted("id=5"), Err(ApiError::BadOperator { .. })));
        assert!(matches!(admitted("id=like.5"), Err(ApiError::BadOperator { .. })));
        assert!(matches!(admitted("id=is.true"), Err(ApiError::BadOperator { .. })));
        assert!(matches!(admitted("id=eq.x"), Err(ApiError::BadValue { .. })));
        assert!(matches!(admitted("tags=eq.1"), Err(ApiError::BadValue { .. })));
        let Err(ApiError::UnknownColumn { suggestion, .. }) = admitted("lmit=5") else { panic!("accepted") };
        assert_eq!(suggestion.as_deref(), Some("limit"));
    }
}
