//! Columns as numbers, where that keeps their order: what an index compares, sorts and counts by.
//!
//! An encoded field enters, a number of 64 bits leaves, and back. NULL is no number.

use schemas::field::{FieldKind, is_null};
use schemas::row::Row;

/// Returns true if a number stands for every value of the kind.
pub(super) fn is_number(kind: &FieldKind) -> bool {
    // One byte says whether it is NULL, at most eight follow.
    kind.fixed_width().is_some_and(|width| width <= 9)
}

/// The number of an encoded field that is not NULL; numbers of one kind are ordered as the values are.
pub(super) fn to_number(field: &[u8]) -> Option<u64> {
    if is_null(field, 0) {
        return None;
    }
    Some(field[1..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The encoded field of a number.
pub(super) fn to_field(kind: &FieldKind, number: u64) -> Row {
    let bytes = kind.fixed_width().map_or(0, |width| width - 1);
    let mut field = Row::from_bytes(&[1]);
    field.extend(&number.to_be_bytes()[8 - bytes..]);
    field
}

#[cfg(test)]
mod tests {
    use schemas::field::Value;

    use super::*;

    #[test]
    fn numbers_keep_the_order_of_values_and_lead_back() {
        let ints = [i64::MIN, -7, 0, 1, i64::MAX];
        let mut last = None;
        for int in ints {
            let mut field = Row::empty();
            FieldKind::Int64.write(&Value::Int(int), &mut field);
            let number = to_number(field.as_bytes());
            assert!(number > last, "{int}");
            assert_eq!(to_field(&FieldKind::Int64, number.unwrap()), field);
            last = number;
        }
        for kind in [FieldKind::Boolean, FieldKind::Int16, FieldKind::Int32, FieldKind::Float64, FieldKind::Timestamp] {
            let mut field = Row::empty();
            let value = match kind {
                FieldKind::Boolean => Value::Boolean(true),
                FieldKind::Float64 => Value::Float(-1.5),
                FieldKind::Timestamp => Value::Timestamp(-3),
                _ => Value::Int(-3),
            };
            kind.write(&value, &mut field);
            assert!(is_number(&kind));
            assert_eq!(to_field(&kind, to_number(field.as_bytes()).unwrap()), field);
            let mut null = Row::empty();
            kind.write_null(&mut null);
            assert_eq!(to_number(null.as_bytes()), None);
        }
        assert!(!is_number(&FieldKind::Text) && !is_number(&FieldKind::Decimal { scale: 2 }));
    }
}
