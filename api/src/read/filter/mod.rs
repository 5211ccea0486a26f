//! Filters: conditions on a row that are joined by AND, OR and NOT, with three truths as in SQL.
//!
//! Owns [`RowFilter`]. Typed tests enter, made for the columns of a view; the truth of a row leaves, `None` for unknown, and the conditions
//! of its outermost AND by which an index can be narrowed. It is asked of rows alone that a reader may see.

pub(crate) mod field_test;
pub(crate) mod json_test;
pub(crate) mod pattern;

use std::ops::Bound;

use schemas::field::FieldKind;
use schemas::row::Row;

use crate::read::conditions::{Condition, Conditions, narrow};
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::source::{PathStep, json_at, json_text};
use crate::read::value::null;
use field_test::{Comparison, FieldTest};
use json_test::JsonTest;

/// A condition on a row.
#[derive(Clone, Debug)]
pub(crate) enum RowFilter {
    /// a test of a column's value
    Field {
        /// position of the column
        column: usize,
        /// its kind
        kind: FieldKind,
        /// the test
        test: FieldTest,
    },
    /// a test of a place within a column's JSON
    Json {
        /// position of the column
        column: usize,
        /// the way to the place
        steps: Vec<PathStep>,
        /// the test
        test: JsonTest,
    },
    /// a test of the text of a place within a column's JSON
    JsonText {
        /// position of the column
        column: usize,
        /// the way to the place
        steps: Vec<PathStep>,
        /// the test
        test: FieldTest,
    },
    /// does not hold
    Not(Box<RowFilter>),
    /// all hold
    All(Vec<RowFilter>),
    /// one holds
    Any(Vec<RowFilter>),
}

impl RowFilter {
    /// Returns true if every row passes, whatever is in it.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(self, Self::All(filters) if filters.iter().all(Self::is_everything))
    }

    /// Returns true if it is clear that no row passes.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::All(filters) => filters.iter().any(Self::is_nothing),
            Self::Any(filters) => filters.iter().all(Self::is_nothing),
            _ => false,
        }
    }

    /// Number of times that the bytes of a row count for patterns, lists and places in JSON.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Field { test, .. } => test.weight(),
            Self::Json { test, .. } => test.weight(),
            Self::JsonText { test, .. } => 1 + test.weight(),
            Self::Not(filter) => filter.weight(),
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::weight).sum(),
        }
    }

    /// Number of its tests.
    pub(crate) fn tests(&self) -> usize {
        match self {
            Self::Field { .. } | Self::Json { .. } | Self::JsonText { .. } => 1,
            Self::Not(filter) => filter.tests(),
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::tests).sum(),
        }
    }

    /// Bytes of the compiled pattern of a single test.
    pub(crate) fn pattern_bytes(&self) -> usize {
        match self {
            Self::Field { test, .. } | Self::JsonText { test, .. } => test.pattern_bytes(),
            _ => 0,
        }
    }

    /// The opposite; what is unknown stays so.
    pub(crate) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// The truth of a row; `None` when it is unknown. Only a row of which it is `Some(true)` passes.
    pub(crate) fn truth(&self, reader: &RowReader<'_>, row: &LoadedRow) -> Option<bool> {
        match self {
            Self::Field { column, kind, test } => test.truth(kind, reader.field(row, *column)),
            Self::Json { column, steps, test } => test.truth(json_at(reader, row, *column, steps).as_ref()),
            Self::JsonText { column, steps, test } => {
                let text = json_at(reader, row, *column, steps).and_then(json_text);
                test.truth(&FieldKind::Text, text_field(text).as_bytes())
            }
            Self::Not(filter) => filter.truth(reader, row).map(|truth| !truth),
            Self::All(filters) => joined(filters, reader, row, false),
            Self::Any(filters) => joined(filters, reader, row, true),
        }
    }

    /// Adds the conditions that every row fulfils that passes.
    pub(crate) fn narrow(&self, conditions: &mut Conditions) {
        match self {
            Self::All(filters) => filters.iter().for_each(|filter| filter.narrow(conditions)),
            Self::Field { column, kind, test } if !matches!(kind, FieldKind::List(_)) => {
                if let Some(condition) = condition(kind, test) {
                    narrow(conditions, *column, condition);
                }
            }
            _ => {}
        }
    }
}

/// The encoded field of a text, or of NULL.
pub(crate) fn text_field(text: Option<String>) -> Row {
    let mut field = Row::empty();
    let value = text.map_or(schemas::field::Value::Null, |text| schemas::field::Value::Text(text.into()));
    FieldKind::Text.write(&value, &mut field);
    field
}

/// The truth of several filters, of which one with the truth `decisive` decides.
fn joined(filters: &[RowFilter], reader: &RowReader<'_>, row: &LoadedRow, decisive: bool) -> Option<bool> {
    let mut is_known = true;
    for filter in filters {
        match filter.truth(reader, row) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(!decisive)
}

/// The condition that is the same as a test; `None` when an index can't be narrowed by it.
fn condition(kind: &FieldKind, test: &FieldTest) -> Option<Condition> {
    Some(match test {
        FieldTest::Compare(comparison, field) => {
            let field = field.clone();
            match comparison {
                Comparison::Equal => Condition::OneOf(vec![field]),
                Comparison::Less => Condition::Between(Bound::Unbounded, Bound::Excluded(field)),
                Comparison::LessOrEqual => Condition::Between(Bound::Unbounded, Bound::Included(field)),
                Comparison::Greater => Condition::Between(Bound::Excluded(field), Bound::Unbounded),
                Comparison::GreaterOrEqual => Condition::Between(Bound::Included(field), Bound::Unbounded),
                Comparison::NotEqual => return None,
            }
        }
        FieldTest::OneOf(fields) => Condition::one_of(fields.clone()),
        FieldTest::Null => Condition::OneOf(vec![null(kind)]),
        FieldTest::Truth(truth) => {
            let mut field = Row::empty();
            kind.write(&schemas::field::Value::Boolean(*truth), &mut field);
            Condition::OneOf(vec![field])
        }
        _ => return None,
    })
}
