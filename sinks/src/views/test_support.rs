//! Helpers that several test files share: repeatable random numbers, and views of two columns.

use schemas::field::{FieldKind, Value};
use schemas::row::Row;
use schemas::serving::{Access, Column, Index, IndexColumn, IndexLayout, View};

/// A view of two columns, `owner` of the kind given and `n` of BIGINT, with one index on them.
pub(crate) fn view(name: &str, owner: FieldKind, descending: bool, limit: Option<usize>) -> View {
    let column = |name: &str, kind| Column { name: name.into(), kind };
    let columns = vec![IndexColumn { column: 0, descending }, IndexColumn { column: 1, descending: true }];
    View {
        name: name.into(),
        columns: vec![column("owner", owner), column("n", FieldKind::Int64)],
        indexes: vec![Index { name: format!("{name}_index"), columns, limit }],
        access: Access::Public,
        max_age: None,
    }
}

/// A row of such a view in stored form.
pub(crate) fn stored(layout: &IndexLayout, owner: &Value<'_>, n: i64) -> Row {
    let mut row = layout.store_value(0, owner);
    row.extend(layout.store_value(1, &Value::Int(n)).as_bytes());
    row
}
