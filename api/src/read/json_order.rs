//! The order of JSON values, and containment, as PostgreSQL has them for `jsonb`.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value as Json};

/// Compares two values: objects are greater than arrays, then come truth values, numbers, texts and null; longer arrays and objects are greater
/// than shorter ones. An empty array that lies in nothing else is the least value, which PostgreSQL keeps for its history.
pub(crate) fn compare_json(left: &Json, right: &Json) -> Ordering {
    let is_empty = |json: &Json| json.as_array().is_some_and(Vec::is_empty);
    match (is_empty(left), is_empty(right)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => compare_within(left, right),
    }
}

fn compare_within(left: &Json, right: &Json) -> Ordering {
    match (left, right) {
        (Json::Object(left), Json::Object(right)) => compare_objects(left, right),
        (Json::Array(left), Json::Array(right)) => left.len().cmp(&right.len()).then_with(|| {
            let elements = left.iter().zip(right).map(|(left, right)| compare_within(left, right));
            first_difference(elements)
        }),
        (Json::Bool(left), Json::Bool(right)) => left.cmp(right),
        (Json::Number(left), Json::Number(right)) => compare_numbers(left, right),
        (Json::String(left), Json::String(right)) => left.cmp(right),
        (left, right) => rank(left).cmp(&rank(right)),
    }
}

/// Returns true if `outer` has everything that `inner` has, at the same places. As an exception, an array that lies in nothing else contains a
/// scalar that is one of its elements.
pub(crate) fn contains_json(outer: &Json, inner: &Json) -> bool {
    match (outer, inner) {
        (Json::Array(outer), scalar) if !scalar.is_object() && !scalar.is_array() => {
            outer.iter().any(|outer| contains_within(outer, scalar))
        }
        (outer, inner) => contains_within(outer, inner),
    }
}

fn contains_within(outer: &Json, inner: &Json) -> bool {
    match (outer, inner) {
        (Json::Object(outer), Json::Object(inner)) => {
            inner.iter().all(|(name, inner)| outer.get(name).is_some_and(|outer| contains_within(outer, inner)))
        }
        (Json::Array(outer), Json::Array(inner)) => {
            inner.iter().all(|inner| outer.iter().any(|outer| contains_within(outer, inner)))
        }
        _ => compare_within(outer, inner).is_eq(),
    }
}

/// Number of values within one, itself included.
pub(crate) fn values_within(json: &Json) -> usize {
    match json {
        Json::Array(elements) => 1 + elements.iter().map(values_within).sum::<usize>(),
        Json::Object(members) => 1 + members.values().map(values_within).sum::<usize>(),
        _ => 1,
    }
}

fn rank(json: &Json) -> u8 {
    match json {
        Json::Null => 0,
        Json::String(_) => 1,
        Json::Number(_) => 2,
        Json::Bool(_) => 3,
        Json::Array(_) => 4,
        Json::Object(_) => 5,
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_objects(left: &Map<String, Json>, right: &Map<String, Json>) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| {
        let (left, right) = (sorted_members(left), sorted_members(right));
        let members = left.iter().zip(&right).map(|(&(left_name, left), &(right_name, right))| {
            left_name.cmp(right_name).then_with(|| compare_within(left, right))
        });
        first_difference(members)
    })
}

/// The members of an object, those with shorter names first.
fn sorted_members(object: &Map<String, Json>) -> Vec<(&String, &Json)> {
    let mut members: Vec<(&String, &Json)> = object.iter().collect();
    members.sort_by(|(left, _), (right, _)| left.len().cmp(&right.len()).then_with(|| left.cmp(right)));
    members
}

/// Compares two numbers exactly, of which one that is not whole is the double as which it was read. Both zeros are equal.
fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(left), None) => compare_with_double(left, double(right)),
        (None, Some(right)) => compare_with_double(right, double(left)).reverse(),
        (None, None) => compare_doubles(double(left), double(right)),
    }
}

/// Compares a whole number of 64 bits with a double, which is cut off at 128 bits if it is larger.
fn compare_with_double(whole: i128, double: f64) -> Ordering {
    whole.cmp(&(double.trunc() as i128)).then_with(|| compare_doubles(0.0, double.fract()))
}

/// Compares two doubles of JSON, which are finite.
fn compare_doubles(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

fn double(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_ordered_by_kind_then_by_size_then_by_content() {
        let ascending = [
            json!([]),
            json!(null),
            json!("a"),
            json!("b"),
            json!(-1),
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_994_u64),
            json!(false),
            json!(true),
            json!([1]),
            json!([2]),
            json!([1, 1]),
            json!([1, []]),
            json!({}),
            json!({"b": 1}),
            json!({"b": 2}),
            json!({"a": 0, "b": 0}),
        ];
        for (left, place) in ascending.iter().zip(0..) {
            for (right, other) in ascending.iter().zip(0..) {
                assert_eq!(compare_json(left, right), Ord::cmp(&place, &other), "{left} {right}");
            }
        }
        assert_eq!(compare_json(&json!(1), &json!(1.0)), Ordering::Equal);
    }

    #[test]
    fn whole_numbers_and_doubles_have_one_order() {
        for zero in [json!(0), json!(0.0), json!(-0.0)] {
            for other in [json!(0), json!(0.0), json!(-0.0)] {
                assert_eq!(compare_json(&zero, &other), Ordering::Equal, "{zero} {other}");
            }
        }
        let ascending = [
            json!(-1e300),
            json!(i64::MIN),
            json!(-1.5),
            json!(-1),
            json!(1.5),
            json!(9_007_199_254_740_992.0),
            json!(9_007_199_254_740_993_i64),
            json!(u64::MAX),
            json!(1e300),
        ];
        for (left, place) in ascending.iter().zip(0..) {
            for (right, other) in ascending.iter().zip(0..) {
                assert_eq!(compare_json(left, right), Ord::cmp(&place, &other), "{left} {right}");
            }
        }
    }

    #[test]
    fn values_are_counted_with_those_within_them() {
        assert_eq!([json!(1), json!([1, [2]]), json!({"a": {"b": []}})].map(|json| values_within(&json)), [1, 4, 3]);
    }

    #[test]
    fn containment_looks_at_members_and_elements() {
        for (outer, inner, expected) in [
            (json!({"a": [1, 2, {"b": 3}]}), json!({"a": [{"b": 3}, 1]}), true),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!({"a": [1, 2]}), json!({"a": 1}), false),
            (json!([1, [2]]), json!([2]), false),
            (json!(["x", "y"]), json!("x"), true),
            (json!("x"), json!(["x"]), false),
            (json!([{"a": 1}]), json!({"a": 1}), false),
            (json!([]), json!([]), true),
        ] {
            assert_eq!(contains_json(&outer, &inner), expected, "{outer} {inner}");
        }
    }
}
