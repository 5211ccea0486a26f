//! Tests of JSON, as PostgreSQL has them for `jsonb`.

use serde_json::Value as Json;

use super::field_test::Comparison;
use crate::read::json_order::{compare_json, contains_json, values_within};

/// A test of a JSON value. SQL's NULL is no JSON; it is the value of a place where nothing is.
#[derive(Clone, Debug)]
pub(crate) enum JsonTest {
    /// it compares so with this; unknown for NULL
    Compare(Comparison, Json),
    /// it is one of these, which are in the order of [`compare_json`]; unknown for NULL
    OneOf(Vec<Json>),
    /// it is NULL
    Null,
    /// it is not this; NULL is not either
    DistinctFrom(Json),
    /// it contains this; unknown for NULL
    Contains(Json),
    /// this contains it; unknown for NULL
    ContainedIn(Json),
}

impl JsonTest {
    /// It is one of these, in any order.
    pub(crate) fn one_of(mut values: Vec<Json>) -> Self {
        values.sort_by(compare_json);
        values.dedup_by(|left, right| compare_json(left, right).is_eq());
        Self::OneOf(values)
    }

    /// Times that the bytes of a row count for it: all of them are read, and for containment every value is compared with every other.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Contains(other) | Self::ContainedIn(other) => 1 + values_within(other),
            _ => 1,
        }
    }

    /// The truth for a value; `None` when it is unknown.
    pub(crate) fn truth(&self, value: Option<&Json>) -> Option<bool> {
        match self {
            Self::Null => return Some(value.is_none()),
            Self::DistinctFrom(other) => return Some(value.is_none_or(|value| compare_json(value, other).is_ne())),
            _ => {}
        }
        let value = value?;
        Some(match self {
            Self::Compare(comparison, other) => comparison.holds(compare_json(value, other)),
            Self::OneOf(others) => others.binary_search_by(|other| compare_json(other, value)).is_ok(),
            Self::Contains(other) => contains_json(value, other),
            Self::ContainedIn(other) => contains_json(other, value),
            Self::Null | Self::DistinctFrom(_) => return None,
        })
    }
}
