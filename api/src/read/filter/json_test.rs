//! Tests of JSON, as PostgreSQL has them for `jsonb`.

use schemas::jsonb::{Jsonb, compare, contains};

use super::field_test::Comparison;

/// A test of a JSON value. SQL's NULL is no JSON; it is the value of a place where nothing is.
#[derive(Clone, Debug)]
pub(crate) enum JsonTest {
    /// it compares so with this; unknown for NULL
    Compare(Comparison, Jsonb<'static>),
    /// it is one of these, which are in the order of [`compare`]; unknown for NULL
    OneOf(Vec<Jsonb<'static>>),
    /// it is NULL
    Null,
    /// it is not this; NULL is not either
    DistinctFrom(Jsonb<'static>),
    /// it contains this; unknown for NULL
    Contains(Jsonb<'static>),
    /// this contains it; unknown for NULL
    ContainedIn(Jsonb<'static>),
}

impl JsonTest {
    /// It is one of these, in any order.
    pub(crate) fn one_of(mut values: Vec<Jsonb<'static>>) -> Self {
        values.sort_by(compare);
        values.dedup_by(|left, right| compare(left, right).is_eq());
        Self::OneOf(values)
    }

    /// Times that the bytes of a row count for it: all of them are read, and for containment every value is compared with every other.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Contains(other) | Self::ContainedIn(other) => 1 + other.values_within(),
            _ => 1,
        }
    }

    /// The truth for a value; `None` when it is unknown.
    pub(crate) fn truth(&self, value: Option<&Jsonb<'_>>) -> Option<bool> {
        match self {
            Self::Null => return Some(value.is_none()),
            Self::DistinctFrom(other) => return Some(value.is_none_or(|value| compare(value, other).is_ne())),
            _ => {}
        }
        let value = value?;
        Some(match self {
            Self::Compare(comparison, other) => comparison.holds(compare(value, other)),
            Self::OneOf(others) => others.binary_search_by(|other| compare(other, value)).is_ok(),
            Self::Contains(other) => contains(value, other),
            Self::ContainedIn(other) => contains(other, value),
            Self::Null | Self::DistinctFrom(_) => return None,
        })
    }
}
