//! Orders of rows by any values of theirs, also such as no index keeps.
//!
//! Owns [`SortValue`]. A row enters and a [`SortKey`] leaves; keys are compared as PostgreSQL orders rows. NULL comes last, or first where the
//! order descends, unless the order says otherwise.

use std::cmp::Ordering;

use schemas::field::is_null;
use schemas::jsonb::{Jsonb, compare};
use schemas::row::Row;

use crate::read::conditions::{Condition, Conditions};
use crate::read::filter::text_field;
use crate::read::plan::OrderColumn;
use crate::read::rows::{LoadedRow, RowReader};
use crate::read::source::{ValueSource, json_at, json_text};

/// One value of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortValue {
    /// the value
    pub(crate) source: ValueSource,
    /// true if the greatest comes first
    pub(crate) descending: bool,
    /// true if NULL comes before everything else
    pub(crate) nulls_first: bool,
}

/// Bytes that a part of a key takes beside its text.
const PART_BYTES: usize = 32;

/// The values of one row by which it is ordered; `None` for NULL.
pub(crate) type SortKey = Vec<Option<SortedPart>>;

/// One of them.
#[derive(Debug, PartialEq)]
pub(crate) enum SortedPart {
    /// an encoded field
    Field(Row),
    /// JSON
    Json(Jsonb<'static>),
}

/// The order as one of columns that an index may keep; `None` when it is another one.
pub(crate) fn index_order(order: &[SortValue], conditions: &Conditions) -> Option<Vec<OrderColumn>> {
    let column = |value: &SortValue| match value.source {
        ValueSource::Column(column) if value.nulls_first == value.descending || is_known(conditions.get(&column)) => {
            Some(OrderColumn { column, descending: value.descending })
        }
        _ => None,
    };
    order.iter().map(column).collect()
}

/// Returns true if a condition admits no NULL.
fn is_known(condition: Option<&Condition>) -> bool {
    match condition {
        Some(Condition::OneOf(fields)) => fields.iter().all(|field| !is_null(field.as_bytes(), 0)),
        Some(Condition::Between(..)) => true,
        None => false,
    }
}

/// The key of a row.
pub(crate) fn sort_key(order: &[SortValue], reader: &RowReader<'_>, row: &LoadedRow) -> SortKey {
    order.iter().map(|value| part(&value.source, reader, row)).collect()
}

fn part(source: &ValueSource, reader: &RowReader<'_>, row: &LoadedRow) -> Option<SortedPart> {
    match source {
        ValueSource::Column(column) => {
            let field = reader.field(row, *column);
            (!is_null(field, 0)).then(|| SortedPart::Field(Row::from_bytes(field)))
        }
        ValueSource::Json { column, steps } => json_at(reader, row, *column, steps).map(SortedPart::Json),
        ValueSource::JsonText { column, steps } => {
            let text = json_at(reader, row, *column, steps).and_then(json_text)?;
            Some(SortedPart::Field(text_field(Some(text))))
        }
    }
}

/// Bytes that a key takes in memory, about.
pub(crate) fn key_bytes(key: &SortKey) -> usize {
    let bytes = key.iter().map(|part| match part {
        None => PART_BYTES,
        Some(SortedPart::Field(field)) => PART_BYTES + field.len(),
        Some(SortedPart::Json(json)) => json_bytes(json),
    });
    bytes.sum()
}

fn json_bytes(json: &Jsonb<'_>) -> usize {
    PART_BYTES
        + match json {
            Jsonb::Text(text) | Jsonb::Number(text) => text.len(),
            Jsonb::Array(elements) => elements.iter().map(json_bytes).sum(),
            Jsonb::Object(members) => members.iter().map(|(name, value)| PART_BYTES + name.len() + json_bytes(value)).sum(),
            _ => 0,
        }
}

/// The order of two rows by their keys.
pub(crate) fn compare_keys(order: &[SortValue], left: &SortKey, right: &SortKey) -> Ordering {
    let parts = order.iter().zip(left.iter().zip(right));
    let mut orders = parts.map(|(value, (left, right))| match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => {
            if value.nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Some(_), None) => {
            if value.nulls_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Some(left), Some(right)) => {
            let order = compare_parts(left, right);
            if value.descending { order.reverse() } else { order }
        }
    });
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_parts(left: &SortedPart, right: &SortedPart) -> Ordering {
    match (left, right) {
        (SortedPart::Field(left), SortedPart::Field(right)) => left.cmp(right),
        (SortedPart::Json(left), SortedPart::Json(right)) => compare(left, right),
        // The values of one source are all of one form.
        (SortedPart::Field(_), SortedPart::Json(_)) => Ordering::Less,
        (SortedPart::Json(_), SortedPart::Field(_)) => Ordering::Greater,
    }
}
