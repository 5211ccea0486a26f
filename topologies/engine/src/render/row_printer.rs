//! Rows as JSON, for errors.

use schemas::field::{FieldKind, json_string};

use language::plan::graph::NodeColumn;

/// Most bytes of a row that an error carries.
pub const ROW_TEXT_BYTES_MAX: usize = 4_096;

/// Prints rows for errors.
pub struct RowPrinter {
    names: Vec<String>,
    kinds: Vec<FieldKind>,
}

impl RowPrinter {
    /// For rows with these columns.
    pub fn new(columns: &[NodeColumn], kinds: &[FieldKind]) -> Self {
        Self { names: columns.iter().map(|column| column.name.clone()).collect(), kinds: kinds.to_vec() }
    }

    /// The row as a JSON object; a long one is cut.
    pub fn json(&self, row: &[u8]) -> String {
        let mut out = String::from("{");
        let mut at = 0;
        for (place, (name, kind)) in self.names.iter().zip(&self.kinds).enumerate() {
            if place > 0 {
                out.push(',');
            }
            json_string(name, &mut out);
            out.push(':');
            kind.read(row, at).write_json(&mut out);
            at = kind.end(row, at);
        }
        out.push('}');
        if out.len() > ROW_TEXT_BYTES_MAX {
            let mut end = ROW_TEXT_BYTES_MAX;
            while !out.is_char_boundary(end) {
                end -= 1;
            }
            out.truncate(end);
            out.push_str("...");
        }
        out
    }
}
