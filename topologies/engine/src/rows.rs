//! Rows as text, for people and for tests.

use schemas::field::Value;
use schemas::jsonb::shown;
use schemas::serving::IndexLayout;
use sinks::views::{Range, Views};

/// All rows of a view in the order of its first index, as text: NULL is `NULL`, an empty text `(empty)`.
pub fn rows_as_text(views: &Views, name: &str) -> Vec<Vec<String>> {
    let snapshot = views.snapshot();
    let Some((index, layout)) = snapshot.view(name).and_then(|served| served.indexes.first()) else { return Vec::new() };
    let mut rows = Vec::new();
    for (stored, count) in snapshot.scan(*index, Range::ALL) {
        let texts = row_as_text(layout, stored);
        for _ in 0..count {
            rows.push(texts.clone());
        }
    }
    rows
}

/// The values of a row in the stored form of an index, in the order of the view's columns.
pub fn row_as_text(layout: &IndexLayout, stored: &[u8]) -> Vec<String> {
    let (row, ends) = layout.load(stored);
    let mut texts = vec![String::new(); layout.order.len()];
    for (place, &column) in layout.order.iter().enumerate() {
        let start = if place == 0 { 0 } else { ends[place - 1] };
        texts[column] = text(&layout.kinds[place].read(row.as_bytes(), start));
    }
    texts
}

fn text(value: &Value<'_>) -> String {
    let json = |value: &Value<'_>| {
        let mut out = String::new();
        value.write_json(&mut out);
        out
    };
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) if text.is_empty() => "(empty)".to_owned(),
        Value::Text(text) => text.clone().into_owned(),
        Value::Json(text) => shown(text),
        Value::Timestamp(_)
        | Value::LocalTimestamp(_)
        | Value::Date(_)
        | Value::Interval(_)
        | Value::Decimal(_, _)
        | Value::Numeric(_) => json(value).trim_matches('"').to_owned(),
        other => json(other),
    }
}
