//! Tests of one value, as an encoded field.

use std::cmp::Ordering;

use schemas::field::{FieldKind, Value, is_null};
use schemas::row::Row;

use super::pattern::TextPattern;

/// Times that the bytes of a row count for a comparison of lists, which takes them apart.
const LIST_WEIGHT: usize = 4;

/// A comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Returns true if two values in this order fulfil it.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A test of a value.
#[derive(Clone, Debug)]
pub(crate) enum FieldTest {
    /// it compares so with this; unknown for NULL
    Compare(Comparison, Row),
    /// it is one of these, which are sorted; unknown for NULL
    OneOf(Vec<Row>),
    /// it is NULL
    Null,
    /// it is this truth value, and known
    Truth(bool),
    /// it is not this; NULL is not either
    DistinctFrom(Row),
    /// the text matches; unknown for NULL
    Matches(TextPattern),
    /// the list has all of these elements, which are sorted; unknown for NULL
    Contains(Vec<Row>),
    /// all elements of the list are among these, which are sorted; unknown for NULL
    ContainedIn(Vec<Row>),
    /// the list has one of these elements, which are sorted; unknown for NULL
    Overlaps(Vec<Row>),
}

impl FieldTest {
    /// Times that the bytes of a row count for it; none for a comparison, which stops at the first difference.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Matches(pattern) => pattern.weight(),
            Self::Contains(_) | Self::ContainedIn(_) | Self::Overlaps(_) => LIST_WEIGHT,
            _ => 0,
        }
    }

    /// Bytes of its compiled pattern.
    pub(crate) fn pattern_bytes(&self) -> usize {
        if let Self::Matches(pattern) = self { pattern.bytes() } else { 0 }
    }

    /// The truth for an encoded field of a kind; `None` when it is unknown.
    pub(crate) fn truth(&self, kind: &FieldKind, field: &[u8]) -> Option<bool> {
        let is_null = is_null(field, 0);
        match self {
            Self::Null => return Some(is_null),
            Self::Truth(_) if is_null => return Some(false),
            Self::DistinctFrom(operand) => return Some(is_null || field != operand.as_bytes()),
            _ if is_null => return None,
            _ => {}
        }
        Some(match self {
            Self::Compare(comparison, operand) => comparison.holds(field.cmp(operand.as_bytes())),
            Self::OneOf(fields) => fields.binary_search_by(|known| known.as_bytes().cmp(field)).is_ok(),
            Self::Truth(truth) => matches!(kind.read(field, 0), Value::Boolean(value) if value == *truth),
            Self::Matches(pattern) => matches!(kind.read(field, 0), Value::Text(text) if pattern.is_match(&text)),
            Self::Contains(wanted) => {
                let mut is_found = vec![false; wanted.len()];
                for place in elements(kind, field).iter().filter_map(|element| wanted.binary_search(element).ok()) {
                    is_found[place] = true;
                }
                is_found.into_iter().all(|is_found| is_found)
            }
            // NULL is no element that another list could have.
            Self::ContainedIn(known) => {
                elements_and_nulls(kind, field).iter().all(|element| known.binary_search(element).is_ok())
            }
            Self::Overlaps(wanted) => elements(kind, field).iter().any(|element| wanted.binary_search(element).is_ok()),
            Self::Null | Self::DistinctFrom(_) => return None,
        })
    }
}

/// The encoded elements of a list without those that are NULL, which equal nothing.
fn elements(kind: &FieldKind, field: &[u8]) -> Vec<Row> {
    elements_and_nulls(kind, field).into_iter().filter(|element| !is_null(element.as_bytes(), 0)).collect()
}

/// The encoded elements of a list.
pub(crate) fn elements_and_nulls(kind: &FieldKind, field: &[u8]) -> Vec<Row> {
    let (FieldKind::List(element), Value::List(values)) = (kind, kind.read(field, 0)) else { return Vec::new() };
    let encoded = values.iter().map(|value| {
        let mut field = Row::empty();
        element.write(value, &mut field);
        field
    });
    encoded.collect()
}
