//! One row for each item of a list, or of several lists side by side.
//!
//! Owns the step from a row to the rows of its lists, in the order of the items, and the limit of what one row may become.

use schemas::dead_letter::RowError;
use schemas::field::{FieldKind, Value};
use schemas::row::Row;

use super::row_printer::RowPrinter;
use super::slicer::Slicer;
use language::plan::graph::NodeColumn;

/// The most bytes of the rows that unnesting makes of one row.
const UNNEST_BYTES_MAX: usize = 64 << 20;

/// Makes rows of the items of list columns.
pub struct RowUnnest {
    lists: Vec<ListItems>,
    kept: Slicer,
    relation: String,
    expression: String,
    printer: RowPrinter,
}

/// One of the lists.
struct ListItems {
    field: Slicer,
    kind: FieldKind,
    item: FieldKind,
}

impl RowUnnest {
    /// For rows with these columns, of these kinds: the items of `lists` at one place become a row behind the columns `keep`, with NULL where a
    /// list is shorter than another. `relation` names the view in errors.
    pub fn new(columns: &[NodeColumn], kinds: &[FieldKind], (lists, keep): (&[usize], &[usize]), relation: &str) -> Self {
        let list = |&column: &usize| match kinds[column].clone() {
            FieldKind::List(item) => {
                ListItems { field: Slicer::new(kinds, &[column]), kind: kinds[column].clone(), item: *item }
            }
            _ => panic!("column '{}' of '{relation}' was planned as a list", columns[column].name),
        };
        let names: Vec<&str> = lists.iter().map(|&column| columns[column].name.as_str()).collect();
        Self {
            lists: lists.iter().map(list).collect(),
            kept: Slicer::new(kinds, keep),
            relation: relation.to_owned(),
            expression: format!("unnest({})", names.join(", ")),
            printer: RowPrinter::new(columns, kinds),
        }
    }

    /// Emits the rows of a row's lists, in their order.
    ///
    /// # Errors
    /// They would be too large: then none is emitted.
    pub fn apply(&self, row: &Row, mut emit: impl FnMut(Row)) -> Result<(), RowError> {
        let fields: Vec<Row> = self.lists.iter().map(|list| list.field.row(row.as_bytes())).collect();
        let values = self.lists.iter().zip(&fields).map(|(list, field)| match list.kind.read(field.as_bytes(), 0) {
            Value::List(values) => values,
            _ => Vec::new(),
        });
        let values: Vec<Vec<Value<'_>>> = values.collect();
        let rows = values.iter().map(Vec::len).max().unwrap_or(0);
        let kept = self.kept.row(row.as_bytes());
        let bytes = rows * kept.len() + fields.iter().map(Row::len).sum::<usize>();
        if bytes > UNNEST_BYTES_MAX {
            let detail =
                format!("it would make {rows} rows with {bytes} bytes of one row, which may make {UNNEST_BYTES_MAX}");
            let (relation, expression) = (self.relation.clone(), self.expression.clone());
            return Err(RowError { relation, expression, detail, row: self.printer.json(row.as_bytes()) });
        }
        for place in 0..rows {
            let mut out = kept.clone();
            for (list, values) in self.lists.iter().zip(&values) {
                list.item.write(values.get(place).unwrap_or(&Value::Null), &mut out);
            }
            emit(out);
        }
        Ok(())
    }
}
