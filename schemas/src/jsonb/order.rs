//! The order of JSON values, and containment, as PostgreSQL has them for `jsonb`.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::number::compare_digits;
use super::text::compare_names;
use super::value::Jsonb;

/// Compares two values: objects are greater than arrays, then come truth values, numbers, texts and null; longer arrays and objects are greater
/// than shorter ones. An empty array that lies in nothing else is the least value, which PostgreSQL keeps for its history.
pub fn compare(left: &Jsonb<'_>, right: &Jsonb<'_>) -> Ordering {
    let is_empty = |value: &Jsonb<'_>| matches!(value, Jsonb::Array(elements) if elements.is_empty());
    match (is_empty(left), is_empty(right)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare_within(left, right),
    }
}

fn compare_within(left: &Jsonb<'_>, right: &Jsonb<'_>) -> Ordering {
    match (left, right) {
        (Jsonb::Object(left), Jsonb::Object(right)) => left.len().cmp(&right.len()).then_with(|| {
            let members = left.iter().zip(right).map(|((left_name, left), (right_name, right))| {
                left_name.cmp(right_name).then_with(|| compare_within(left, right))
            });
            first_difference(members)
        }),
        (Jsonb::Array(left), Jsonb::Array(right)) => left.len().cmp(&right.len()).then_with(|| {
            let elements = left.iter().zip(right).map(|(left, right)| compare_within(left, right));
            first_difference(elements)
        }),
        (Jsonb::Boolean(left), Jsonb::Boolean(right)) => left.cmp(right),
        (Jsonb::Number(left), Jsonb::Number(right)) => compare_digits(left, right),
        (Jsonb::Text(left), Jsonb::Text(right)) => left.cmp(right),
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn rank(value: &Jsonb<'_>) -> u8 {
    match value {
        Jsonb::Null => 0,
        Jsonb::Text(_) => 1,
        Jsonb::Number(_) => 2,
        Jsonb::Boolean(_) => 3,
        Jsonb::Array(_) => 4,
        Jsonb::Object(_) => 5,
    }
}

/// Returns true if `outer` has everything that `inner` has, at the same places. As an exception, an array that lies in nothing else contains a
/// scalar that is one of its elements.
pub fn contains(outer: &Jsonb<'_>, inner: &Jsonb<'_>) -> bool {
    match (outer, inner) {
        (Jsonb::Array(outer), scalar) if !matches!(scalar, Jsonb::Object(_) | Jsonb::Array(_)) => {
            outer.iter().any(|outer| contains_within(outer, scalar))
        }
        (outer, inner) => contains_within(outer, inner),
    }
}

fn contains_within(outer: &Jsonb<'_>, inner: &Jsonb<'_>) -> bool {
    match (outer, inner) {
        (Jsonb::Object(outer), Jsonb::Object(inner)) => {
            inner.iter().all(|(name, inner)| member_of(outer, name).is_some_and(|outer| contains_within(outer, inner)))
        }
        (Jsonb::Array(outer), Jsonb::Array(inner)) => {
            inner.iter().all(|inner| outer.iter().any(|outer| contains_within(outer, inner)))
        }
        _ => compare_within(outer, inner).is_eq(),
    }
}

fn member_of<'m, 'a>(members: &'m [(Cow<'a, str>, Jsonb<'a>)], name: &str) -> Option<&'m Jsonb<'a>> {
    let found = members.binary_search_by(|(other, _)| compare_names(other, name));
    found.ok().map(|place| &members[place].1)
}

/// The text that two canonical texts have in common when PostgreSQL takes them for equal: numbers have no zeros at the end of their fractions.
pub fn comparable(canonical: &str) -> Cow<'_, str> {
    if !canonical.contains('.') {
        return Cow::Borrowed(canonical);
    }
    let trimmed = trimmed(Jsonb::read(canonical)).canonical();
    // It is shorter than the value, and as deep.
    Cow::Owned(trimmed.unwrap_or_else(|error| panic!("a stored JSONB can't be written: {error}")))
}

fn trimmed(value: Jsonb<'_>) -> Jsonb<'_> {
    match value {
        Jsonb::Number(digits) if digits.contains('.') => {
            Jsonb::Number(Cow::Owned(digits.trim_end_matches('0').trim_end_matches('.').to_owned()))
        }
        Jsonb::Array(elements) => Jsonb::Array(elements.into_iter().map(trimmed).collect()),
        Jsonb::Object(members) => Jsonb::Object(members.into_iter().map(|(name, value)| (name, trimmed(value))).collect()),
        other => other,
    }
}
