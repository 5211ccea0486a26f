//! Conditions on columns.
//!
//! At most one [`Condition`] per column is kept: further ones narrow it. Values are encoded fields, so that testing a row compares bytes. As
//! in SQL, NULL fulfils no comparison.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use schemas::field::is_null;
use schemas::row::Row;
use schemas::serving::Column;

use crate::read::access::Rule;
use crate::read::error::ReadError;
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

/// Adds a condition, which narrows the one that the column has already.
pub(crate) fn narrow(conditions: &mut Conditions, column: usize, new: Condition) {
    let merged = match conditions.remove(&column) {
        Some(old) => old.and(new),
        None => new,
    };
    conditions.insert(column, merged);
}

/// Adds what every row fulfils that the reader may see, so that it can narrow an index.
pub(crate) fn narrow_to_visible(conditions: &mut Conditions, rule: &Rule) {
    for (column, field) in rule.implied() {
        narrow(conditions, column, Condition::OneOf(vec![field.clone()]));
    }
}

/// The encoded field of a column's value that is given as text.
pub(crate) fn field_of(column: &Column, text: &str) -> Result<Row, ReadError> {
    value::parse(&column.kind, text).map_err(|fault| ReadError::BadValue {
        column: column.name.clone(),
        value: text.to_owned(),
        kind: column.kind.sql_name(),
        expected: fault.expected,
    })
}

impl Condition {
    /// The values of a list, in any order.
    pub(crate) fn one_of(mut fields: Vec<Row>) -> Self {
        fields.sort_unstable();
        fields.dedup();
        Self::OneOf(fields)
    }

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
